import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { windowsTask } from "../../../lib/cli/service/windows_task.ts";
import { UsageError } from "../../../lib/cli/usage_error.ts";
import { requestIn } from "../../support/service_request.ts";

const INSTALLED = {
  program: ["C:\\Program Files\\natpmp.exe"],
  config: "C:\\Users\\Zo\u{eb} B\\natpmp.json",
};

function taskFor(request: { program: readonly string[]; config: string } = INSTALLED): string {
  const files = windowsTask.files(request);
  assertEquals(files.map(({ name }) => name), ["natpmp.xml"]);
  return files[0]!.text;
}

function elementOf(text: string, name: string): string | undefined {
  return new RegExp(`<${name}>(.*)</${name}>`).exec(text)?.[1];
}

Deno.test("windows-task prints a task that renews what is due every 15 minutes", () => {
  const text = taskFor();
  assertEquals(elementOf(text, "Command"), "C:\\Program Files\\natpmp.exe");
  assertEquals(
    elementOf(text, "Arguments"),
    'map --config "C:\\Users\\Zo&#235; B\\natpmp.json" --if-due --quiet',
  );
  assertEquals(elementOf(text, "Interval"), "PT15M");
});

Deno.test("windows-task makes up for a missed run, on batteries too, and runs with nobody logged on", () => {
  const text = taskFor();
  assertEquals(elementOf(text, "StartWhenAvailable"), "true");
  assertEquals(elementOf(text, "DisallowStartIfOnBatteries"), "false");
  assertEquals(elementOf(text, "UserId"), "S-1-5-19");
});

Deno.test("windows-task is ASCII and declares no encoding, so that any is right", () => {
  const text = taskFor(requestIn("C:\\é✓\u{1f600}"));
  assertMatch(text, /^<\?xml version="1\.0"\?>\n[\n\x20-\x7e]*$/);
  assertStringIncludes(text, "C:\\&#233;&#10003;&#128512;/natpmp");
});

for (
  const [what, name, quoted] of [
    ["a space", "a b", '"a b"'],
    ["a quote", 'a"b', '"a\\"b"'],
    ["backslashes before a quote", 'a\\\\"b', '"a\\\\\\\\\\"b"'],
    ["backslashes at its end, where there is a space", "a b\\\\", '"a b\\\\\\\\"'],
    ["backslashes and no space", "a\\b\\", "a\\b\\"],
    ["an ampersand", "a&b", "a&amp;b"],
  ] as const
) {
  Deno.test(`windows-task quotes an argument with ${what} as programs on Windows read it`, () => {
    const text = taskFor({ ...INSTALLED, config: name });
    assertEquals(elementOf(text, "Arguments"), `map --config ${quoted} --if-due --quiet`);
  });
}

Deno.test("windows-task refuses what Task Scheduler would take for an environment variable", () => {
  const config = "C:\\%TEMP%\\natpmp.json";
  assertThrows(
    () => windowsTask.files({ ...INSTALLED, config }),
    UsageError,
    "Task Scheduler reads %TEMP% as",
  );
  assertThrows(
    () => windowsTask.files({ ...INSTALLED, program: ["C:\\%a%\\natpmp.exe"] }),
    UsageError,
    "%a%",
  );
});

Deno.test("windows-task takes per cent signs that no variable is between", () => {
  assertStringIncludes(
    taskFor({ ...INSTALLED, config: "C:\\100%\\50%\\natpmp.json" }),
    "C:\\100%\\50%\\natpmp.json",
  );
});

Deno.test("windows-task refuses a path that XML has no way to write", () => {
  assertThrows(() => windowsTask.files({ ...INSTALLED, config: "C:\\a\x01" }), UsageError, "U+0001");
});
