import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { launchd } from "../../../lib/cli/service/launchd.ts";
import { UsageError } from "../../../lib/cli/usage_error.ts";
import { NASTY_NAME, PLAIN, requestIn } from "../../support/service_request.ts";

function propertyList(request = PLAIN): string {
  const files = launchd.files(request);
  assertEquals(files.map(({ name }) => name), ["natpmp.plist"]);
  return files[0]!.text;
}

/** The elements of `ProgramArguments`, as written. */
function programArguments(text: string): string[] {
  const [, array = ""] = /<key>ProgramArguments<\/key>\s*<array>\n(.*?)\s*<\/array>/s.exec(text) ?? [];
  return array.split("\n").map((line) => line.trim());
}

Deno.test("launchd prints a property list with each word of watch in its own string", () => {
  assertEquals(programArguments(propertyList()), [
    "<string>/usr/local/bin/natpmp</string>",
    "<string>watch</string>",
    "<string>--config</string>",
    "<string>/etc/natpmp.json</string>",
  ]);
});

Deno.test("launchd starts it with the system, and again whenever it ended", () => {
  const text = propertyList();
  for (const key of ["RunAtLoad", "KeepAlive"]) assertMatch(text, new RegExp(`<key>${key}</key>\\s*<true/>`));
  assertStringIncludes(text, "<key>Label</key>\n  <string>natpmp</string>");
});

Deno.test("launchd escapes what XML would take for its own, and nothing else", () => {
  const [program] = programArguments(propertyList(requestIn(`/${NASTY_NAME}<é>`)));
  assertEquals(program, `<string>/a b%c&amp;d'e"f$g&lt;é&gt;/natpmp</string>`);
});

Deno.test("launchd refuses a path that XML has no way to write", () => {
  assertThrows(
    () => launchd.files(requestIn("/a\x1bb")),
    UsageError,
    "XML cannot hold the character U+001B",
  );
});
