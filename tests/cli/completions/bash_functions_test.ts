import { assert, assertEquals, assertFalse } from "@std/assert";
import { bashCompletions } from "../../../lib/cli/completions/bash.ts";
import { BASH_FUNCTIONS } from "../../../lib/cli/completions/bash_functions.ts";
import { completionTable } from "../../../lib/cli/completions/completion_table.ts";
import { OPTIONS } from "../../../lib/cli/option_table.ts";

const DEFINITION = /^(_natpmp\w*)\(\) \{$/gm;

Deno.test("BASH_FUNCTIONS call only functions that they or bash.ts define", () => {
  const script = bashCompletions(completionTable([]));
  const defined = new Set([...script.matchAll(DEFINITION)].map(([, name]) => name));
  const used = new Set([...BASH_FUNCTIONS.matchAll(/\b_natpmp\w*/g)].map(([name]) => name));
  assertEquals([...used].filter((name) => !defined.has(name)), []);
});

Deno.test("BASH_FUNCTIONS know no option of the table", () => {
  for (const name of Object.keys(OPTIONS)) assertFalse(BASH_FUNCTIONS.includes(`--${name}`), name);
});

Deno.test("BASH_FUNCTIONS take all names of theirs from natpmp's own", () => {
  assert([...BASH_FUNCTIONS.matchAll(/^(\w+)\(\)/gm)].every(([, name]) => name!.startsWith("_natpmp")));
});
