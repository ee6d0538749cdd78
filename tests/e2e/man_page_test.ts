import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type CommandName, COMMANDS, OPTIONS } from "../../lib/cli/option_table.ts";
import { MAN_PAGES } from "../../scripts/man_page.ts";
import { runCommand } from "../support/command.ts";
import { e2eTest } from "../support/requirements.ts";

const SCRIPT = new URL("../../scripts/man_page.ts", import.meta.url).href;
const NEEDS = { programs: ["mandoc"] };

/** A page, as `deno task man NAME` prints it. */
async function printedPage(name: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const command = [Deno.execPath(), "run", "-q", "--frozen", "--allow-env=SOURCE_DATE_EPOCH", SCRIPT, name];
  const { code, stdout, stderr } = await runCommand(command, { env });
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return stdout;
}

for (const name of Object.keys(MAN_PAGES)) {
  e2eTest(`mandoc finds nothing in the man page ${name}, not even a matter of style`, async () => {
    const { code, stdout, stderr } = await runCommand(["mandoc", "-T", "lint", "-W", "all"], {
      stdin: await printedPage(name),
    });
    assertEquals({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
  }, NEEDS);
}

e2eTest(
  "natpmp(1) as mandoc shows it has every command and option, with hyphens that can be copied",
  async () => {
    const { stdout } = await runCommand(["mandoc", "-T", "utf8"], { stdin: await printedPage("natpmp") });
    // Bold is a letter struck over itself, underlining an underscore struck over.
    const shown = stdout.split("\b").map((text, i, { length }) => i < length - 1 ? text.slice(0, -1) : text)
      .join("");
    for (const name of Object.keys(COMMANDS) as CommandName[]) {
      assertMatch(shown, new RegExp(`^ {5}natpmp ${name}\\b`, "m"));
      assertMatch(shown, new RegExp(`^ {5}${name}\\b`, "m"));
    }
    for (const name of Object.keys(OPTIONS)) assertMatch(shown, new RegExp(`^ {5}(-., )?--${name}\\b`, "m"));
  },
  NEEDS,
);

e2eTest("a man page has the date of SOURCE_DATE_EPOCH, for builds that can be repeated", async () => {
  assertStringIncludes(
    await printedPage("natpmp-watch", { SOURCE_DATE_EPOCH: "1767225600" }),
    ".Dd January 1, 2026\n",
  );
}, NEEDS);
