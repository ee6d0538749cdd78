import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { completionTable } from "../../../lib/cli/completions/completion_table.ts";
import { zshCompletions } from "../../../lib/cli/completions/zsh.ts";
import { type CommandName, COMMANDS, OPTIONS, type OptionSpec } from "../../../lib/cli/option_table.ts";
import { FAULTS } from "../../../lib/simulator/mod.ts";

const SCRIPT = zshCompletions(completionTable(FAULTS));
const SPECS: readonly (readonly [string, OptionSpec])[] = Object.entries(OPTIONS);

/** A text as it stands between single quotes. */
const quoted = (text: string) => text.replaceAll("'", "'\\''");

Deno.test("zshCompletions() offers every command with its summary", () => {
  for (const name of Object.keys(COMMANDS) as CommandName[]) {
    assertStringIncludes(SCRIPT, `\n    '${name}:${quoted(COMMANDS[name].summary)}'\n`);
  }
});

Deno.test("zshCompletions() has one line for each option, with its commands, letter and help", () => {
  const lines = SCRIPT.split("\n").filter((line) => line.startsWith("  _natpmp_is "));
  assertEquals(lines.length, SPECS.length);
  for (const [i, [name, { short, value, commands, help }]] of SPECS.entries()) {
    const line = lines[i]!;
    assert(line.startsWith(`  _natpmp_is ${commands.join(" ")} && specs+=(`), name);
    assertStringIncludes(line, `--${name}${value === undefined ? "" : "="}`);
    if (short !== undefined) assertStringIncludes(line, `{-${short}${value === undefined ? "" : "+"},`);
    assertStringIncludes(line.replaceAll("\\:", ":"), `[${quoted(help)}]`);
  }
});

Deno.test("zshCompletions() completes the values of every option that says how", () => {
  for (const [name, { value, completes }] of SPECS) {
    const line = SCRIPT.split("\n").find((line) => line.includes(`--${name}=`) && line.includes("specs+="));
    const action = line === undefined ? undefined : /:([^:]*)'\)$/.exec(line)?.[1];
    assertEquals(action === undefined, value === undefined, name);
    assertEquals(/^_/.test(action ?? ""), completes !== undefined, name);
  }
});

Deno.test("zshCompletions() has every fault with what it does", () => {
  for (const { name, value, summary } of FAULTS) {
    const equals = value === undefined ? "" : "=";
    assert(SCRIPT.includes(`'${name}${equals}`) && SCRIPT.includes(quoted(summary)), name);
  }
});

Deno.test("zshCompletions() can be found by compinit, and can be sourced", () => {
  assert(SCRIPT.startsWith("#compdef natpmp\n"));
  assert(SCRIPT.endsWith("else\n  compdef _natpmp natpmp\nfi\n"));
});
