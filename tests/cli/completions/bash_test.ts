import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { bashCompletions } from "../../../lib/cli/completions/bash.ts";
import { completionTable } from "../../../lib/cli/completions/completion_table.ts";
import {
  type CommandName,
  COMMANDS,
  OPTIONS,
  optionsOf,
  type OptionSpec,
} from "../../../lib/cli/option_table.ts";
import { FAULTS } from "../../../lib/simulator/mod.ts";

const SCRIPT = bashCompletions(completionTable(FAULTS));
const NAMES = Object.keys(COMMANDS) as CommandName[];
const SPECS: readonly (readonly [string, OptionSpec])[] = Object.entries(OPTIONS);

/** The text of one function. */
function bodyOf(name: string): string {
  const [, body] = new RegExp(`^${name}\\(\\) \\{\n(.*?)^\\}`, "ms").exec(SCRIPT) ?? [];
  if (body === undefined) throw new Error(`There is no function ${name}`);
  return body;
}

Deno.test("bashCompletions() offers every command, and the options of each", () => {
  assertStringIncludes(bodyOf("_natpmp_operands"), `'') REPLY='${NAMES.join(" ")}'`);
  for (const name of NAMES) {
    const options = optionsOf(name).map(([option]) => option).join(" ");
    assertStringIncludes(bodyOf("_natpmp_options"), `\n    ${name}) REPLY='${options}' ;;\n`);
  }
});

Deno.test("bashCompletions() knows every letter, and which options a value follows", () => {
  for (const [name, { short }] of SPECS) {
    if (short !== undefined) assertStringIncludes(bodyOf("_natpmp_long"), ` ${short}) REPLY='${name}' ;;`);
  }
  const [, pattern = ""] = /^ {4}(.*?)\) ;;/m.exec(bodyOf("_natpmp_takes_value")) ?? [];
  assertEquals(
    pattern.split(" | "),
    SPECS.filter(([, { value }]) => value !== undefined).map(([name]) => name),
  );
});

Deno.test("bashCompletions() completes the values of every option that says how", () => {
  const branches = bodyOf("_natpmp_offer_values").split("\n").map((line) =>
    line.trim().split(")")[0]!.split(" | ")
  );
  for (const [name, { completes }] of SPECS) {
    assertEquals(branches.some((names) => names.includes(name)), completes !== undefined, name);
  }
});

Deno.test("bashCompletions() has every fault", () => {
  for (const { name } of FAULTS) assertMatch(bodyOf("_natpmp_offer_values"), new RegExp(` ${name}[= ]`));
});

Deno.test("bashCompletions() says what it is and registers itself", () => {
  assert(SCRIPT.startsWith("# bash completion for natpmp"));
  assert(SCRIPT.endsWith("\ncomplete -F _natpmp natpmp\n"));
});
