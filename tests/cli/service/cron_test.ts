import { assertEquals, assertMatch, assertNotMatch, assertThrows } from "@std/assert";
import { cron } from "../../../lib/cli/service/cron.ts";
import type { ServiceRequest } from "../../../lib/cli/service/service_system.ts";
import { UsageError } from "../../../lib/cli/usage_error.ts";
import { NASTY_NAME, PLAIN, WORST_NAME } from "../../support/service_request.ts";

function crontabFor(request: Partial<ServiceRequest>): string {
  const files = cron.files({ ...PLAIN, ...request });
  assertEquals(files.map(({ name }) => name), ["crontab"]);
  return files[0]!.text;
}

/** Everything that is not a comment. */
function linesFor(config: string): string[] {
  return crontabFor({ config }).split("\n").filter((line) => !line.startsWith("#"));
}

Deno.test("cron prints one line that renews what is due every 15 minutes", () => {
  assertEquals(linesFor("/etc/natpmp.json"), [
    "*/15 * * * * /usr/local/bin/natpmp map --config /etc/natpmp.json --if-due --quiet",
    "",
  ]);
});

Deno.test("cron says in comments where the line belongs, and that /etc/cron.d wants a user", () => {
  assertMatch(crontabFor({}), /^# .*\n# .*crontab -e.*\/etc\/cron\.d.*user/);
});

Deno.test("cron prints every word of a program that is run from its source", () => {
  const program = ["/opt/deno", "run", "-q", "-A", "/src/main.ts"];
  assertMatch(
    crontabFor({ program }),
    /^\*\/15 \* \* \* \* \/opt\/deno run -q -A \/src\/main\.ts map --config /m,
  );
});

Deno.test("cron quotes for the shell, and per cent signs outside of its quotes for cron", () => {
  const [line] = linesFor(`/${NASTY_NAME}/natpmp.json`);
  const quoted = `'/a b'\\%'c&d'\\''e"f$g/natpmp.json'`;
  assertEquals(line, `*/15 * * * * /usr/local/bin/natpmp map --config ${quoted} --if-due --quiet`);
});

Deno.test("cron has no per cent sign without a backslash, and no two backslashes side by side", () => {
  const [line = ""] = linesFor(`/${WORST_NAME}%\\%\\\\%%`);
  assertNotMatch(line, /(?<!\\)%/);
  assertNotMatch(line, /\\\\/);
});

for (
  const [what, control] of [["line break", "\n"], ["carriage return", "\r"], ["tab", "\t"], [
    "escape",
    "\x1b",
  ]]
) {
  Deno.test(`cron refuses a path with a ${what}`, () => {
    const config = `/etc/nat${control}pmp.json`;
    assertThrows(
      () => cron.files({ ...PLAIN, config }),
      UsageError,
      "a crontab line cannot hold a line break",
    );
  });
}

Deno.test("cron refuses a command that is longer than cron reads, counted in bytes", () => {
  const config = (length: number) => `/${"é".repeat(length)}`;
  // What is not an é takes 55 bytes.
  assertEquals(linesFor(config(471)).length, 2);
  assertThrows(() => cron.files({ ...PLAIN, config: config(472) }), UsageError, "999 bytes: cron takes");
});
