import { assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { helpText, overviewText } from "../../lib/cli/help.ts";
import { type CommandName, COMMANDS, helpOf, OPTIONS, optionsOf } from "../../lib/cli/option_table.ts";
import { parseCommandLine } from "../../lib/cli/args.ts";
import { natpmpLinesOf } from "./manual/command_lines.ts";

const NAMES = Object.keys(COMMANDS) as CommandName[];

/** The words of a text, however it is wrapped. */
function words(text: string): string {
  return text.replace(/\s+/g, " ");
}

Deno.test("helpText() of the program lists every command and how to learn more", () => {
  const text = helpText(undefined, 80);
  for (const name of NAMES) assertMatch(text, new RegExp(`^  ${name} +[a-z]`, "m"));
  assertStringIncludes(text, "natpmp COMMAND --help");
  assertStringIncludes(text, "natpmp help");
  assertStringIncludes(text, "Usage: natpmp");
});

for (const name of NAMES) {
  Deno.test(`helpText() of ${name} lists its options and no others, with what they do for ${name}`, () => {
    const text = helpText(name, 80);
    const listed = [...text.matchAll(/^ {2}(?:-[a-z],| {3}) --([a-z-]+)/gm)].map(([, option]) => `${option}`);
    assertEquals(listed, optionsOf(name).map(([option]) => `${option}`));
    for (const [, spec] of optionsOf(name)) {
      assertStringIncludes(words(helpText(name, 200)), helpOf(spec, name));
    }
    assertStringIncludes(text, `Usage: natpmp ${name}`);
  });

  Deno.test(`helpText() of ${name} has examples that the command line takes`, () => {
    const text = helpText(name, 80);
    const examples = COMMANDS[name].examples;
    assertEquals(examples.length > 0, true);
    for (const example of examples) {
      assertStringIncludes(text, `\n  ${example}\n`);
      const [args = [], ...others] = natpmpLinesOf(example);
      assertEquals(others, []);
      assertEquals(parseCommandLine(args).command, name);
    }
  });

  Deno.test(`helpText() of ${name} keeps to the width, ends with a line's end, and has no blanks at ends`, () => {
    for (const width of [80, 100]) {
      const text = helpText(name, width);
      assertMatch(text, /[^\n]\n$/);
      assertFalse(/ $/m.test(text));
      assertEquals(text.split("\n").filter(({ length }) => length > width), []);
    }
    // At 40 columns only command lines to copy are longer.
    const long = helpText(name, 40).split("\n").filter(({ length }) => length > 40);
    assertEquals(long.filter((line) => !line.startsWith("  natpmp ")), []);
  });
}

Deno.test("helpText() shows letter, name, value and meaning of an option", () => {
  assertMatch(words(helpText("map", 80)), / -l, --lifetime DURATION \S.*7200/);
  assertMatch(helpText("map", 80), /^ {6}--exact +\S/m);
});

Deno.test("helpText() tells of --check, --timeout and --json what they do for the command", () => {
  assertStringIncludes(words(helpText("map", 80)), "--check read every option");
  assertStringIncludes(words(helpText("status", 80)), "--check end with exit code 1");
  assertFalse(helpText("map", 80).includes("watch never gives up"));
  assertFalse(helpText("map", 80).includes("for each event"));
});

Deno.test("helpText() explains the mapping specs where there are some", () => {
  for (const name of ["map", "unmap"] as const) {
    for (const part of ["EXTERNAL:INTERNAL", "any", "both", "PUBLIC PRIVATE"]) {
      assertStringIncludes(helpText(name, 80), part);
    }
  }
});

Deno.test("helpText() has every option somewhere", () => {
  const all = NAMES.map((name) => helpText(name, 80)).join("");
  for (const name of Object.keys(OPTIONS)) assertStringIncludes(all, `--${name}`);
});

Deno.test("helpText() names the page of a command that has one", () => {
  assertMatch(helpText("watch", 80), /^natpmp help watch explains more\.\n$/m);
  assertFalse(helpText("address", 80).includes("natpmp help address"));
});

Deno.test("overviewText() lists commands and topics, a line each", () => {
  const text = overviewText([["cron", "renew mappings from a crontab"]], 80);
  for (const name of NAMES) assertMatch(text, new RegExp(`^  ${name} +${COMMANDS[name].summary}$`, "m"));
  assertMatch(text, /^ {2}cron {2}renew mappings from a crontab$/m);
});
