import { assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { helpText } from "../../lib/cli/help.ts";
import { type CommandName, COMMANDS, OPTIONS, optionsOf } from "../../lib/cli/option_table.ts";
import { parseCommandLine } from "../../lib/cli/args.ts";

const NAMES = Object.keys(COMMANDS) as CommandName[];

Deno.test("helpText() of the program lists every command and how to learn more", () => {
  const text = helpText();
  for (const name of NAMES) assertMatch(text, new RegExp(`^  ${name} +[a-z]`, "m"));
  assertStringIncludes(text, "natpmp help COMMAND");
  assertStringIncludes(text, "Usage: natpmp");
});

for (const name of NAMES) {
  Deno.test(`helpText() of ${name} lists its options and no others`, () => {
    const text = helpText(name);
    const listed = [...text.matchAll(/^ {2}(?:-[a-z],| {3}) --([a-z-]+)/gm)].map(([, option]) => `${option}`);
    assertEquals(listed, optionsOf(name).map(([option]) => `${option}`));
    assertStringIncludes(text, `Usage: natpmp ${name}`);
  });

  Deno.test(`helpText() of ${name} has examples that the command line takes`, () => {
    const text = helpText(name);
    const examples = COMMANDS[name].examples;
    assertEquals(examples.length > 0, true);
    for (const example of examples) {
      assertStringIncludes(text, `\n  ${example}\n`);
      const [program, ...args] = example.split(" ");
      assertEquals(program, "natpmp");
      assertEquals(parseCommandLine(args).command, name);
    }
  });
}

Deno.test("helpText() shows letter, name, value and meaning of an option", () => {
  assertMatch(helpText("map"), /^ {2}-l, --lifetime DURATION +\S.*7200/m);
  assertMatch(helpText("map"), /^ {6}--exact +\S/m);
});

Deno.test("helpText() ends with a line's end and has none that ends with a space", () => {
  for (const text of [helpText(), ...NAMES.map(helpText)]) {
    assertMatch(text, /[^\n]\n$/);
    assertFalse(/ $/m.test(text));
  }
});

Deno.test("helpText() explains the mapping specs where there are some", () => {
  for (const name of ["map", "unmap"] as const) {
    for (const part of ["EXTERNAL:INTERNAL", "any", "both", "PUBLIC PRIVATE"]) {
      assertStringIncludes(helpText(name), part);
    }
  }
});

Deno.test("helpText() has every option somewhere", () => {
  const all = NAMES.map(helpText).join("");
  for (const name of Object.keys(OPTIONS)) assertStringIncludes(all, `--${name}`);
});
