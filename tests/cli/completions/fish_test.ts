import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { completionTable } from "../../../lib/cli/completions/completion_table.ts";
import { fishCompletions } from "../../../lib/cli/completions/fish.ts";
import { type CommandName, COMMANDS, OPTIONS, type OptionSpec } from "../../../lib/cli/option_table.ts";
import { FAULTS } from "../../../lib/simulator/mod.ts";

const SCRIPT = fishCompletions(completionTable(FAULTS));
const SPECS: readonly (readonly [string, OptionSpec])[] = Object.entries(OPTIONS);

/** A text as it stands between single quotes. */
const quoted = (text: string) => text.replaceAll("\\", "\\\\").replaceAll("'", "\\'");

Deno.test("fishCompletions() offers every command with its summary", () => {
  for (const name of Object.keys(COMMANDS) as CommandName[]) {
    const { summary } = COMMANDS[name];
    assertStringIncludes(SCRIPT, `-n "__natpmp_wants_operand ''" -a ${name} -d '${quoted(summary)}'\n`);
  }
});

Deno.test("fishCompletions() has one line for each option, with its commands, letter and help", () => {
  const lines = SCRIPT.split("\n").filter((line) => line.includes("-n '__natpmp_offers "));
  assertEquals(lines.length, SPECS.length);
  for (const [i, [name, { short, commands, help }]] of SPECS.entries()) {
    const line = lines[i]!;
    assertStringIncludes(line, `'__natpmp_offers ${name} ${commands.join(" ")}'`);
    assertStringIncludes(line, ` -l ${name} `);
    assertEquals(/ -s (\S)/.exec(line)?.[1], short);
    assert(line.endsWith(` -d '${quoted(help)}'`), name);
  }
});

Deno.test("fishCompletions() asks for a value where an option takes one, and completes it where it says how", () => {
  for (const [name, { value, completes }] of SPECS) {
    const [, switches = ""] = new RegExp(` -l ${name} (.*)-d '`).exec(SCRIPT) ?? [];
    assertEquals(/^-[xr]/.test(switches), value !== undefined, name);
    assertEquals(/ -(a|F)/.test(switches), completes !== undefined, name);
  }
});

Deno.test("fishCompletions() has every fault with what it does", () => {
  for (const { name, value, summary } of FAULTS) {
    const equals = value === undefined ? " " : "=";
    assert(SCRIPT.includes(`\n        ${name}${equals}`) && SCRIPT.includes(`'${quoted(summary)}'`), name);
  }
});

Deno.test("fishCompletions() offers no file where nothing says so", () => {
  assertStringIncludes(SCRIPT, "\ncomplete -c natpmp -f\n");
});
