import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { FILE_KEYS, MAPPING_KEYS } from "../../lib/cli/config/config_keys.ts";
import { exitCodeTable } from "../../lib/cli/exit_codes.ts";
import { type CommandName, COMMANDS, helpOf, optionsOf } from "../../lib/cli/option_table.ts";
import { HOOK_VARIABLES } from "../../lib/cli/publish/hook_environment.ts";
import { WATCH_EVENTS } from "../../lib/cli/publish/watch_events.ts";
import { tablesIn, withTables } from "../../scripts/document_tables.ts";
import { documentedFields } from "../support/documented_fields.ts";

/** The cells of a table, without its head and without marks of code. */
function cellsOf(name: string): string[][] {
  const kind = name.replace(/(options|json fields) .*/, "$1");
  const text = withTables(`<!-- ${name} -->\n\n<!-- /${kind} -->\n`);
  const rows = text.split("\n").filter((line) => line.startsWith("|"));
  return rows.slice(2).map((row) =>
    row.slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("`", "").replaceAll("\\|", "|"))
  );
}

const firstCells = (name: string) => cellsOf(name).map(([first]) => first);

for (const command of Object.keys(COMMANDS) as CommandName[]) {
  Deno.test(`withTables() writes the options of ${command} with what they do for it`, () => {
    assertEquals(
      cellsOf(`options ${command}`),
      optionsOf(command).map(([name, spec]) => [
        `${spec.short === undefined ? "" : `-${spec.short}, `}--${name}${
          spec.value === undefined ? "" : ` ${spec.value}`
        }`,
        helpOf(spec, command),
      ]),
    );
  });
}

Deno.test("withTables() writes exit codes, keys, variables and events, none missing", () => {
  assertEquals(
    cellsOf("exit codes"),
    exitCodeTable().map(({ codes, kind = "", meaning }) => [codes, kind, meaning]),
  );
  assertEquals(firstCells("config keys"), Object.keys(FILE_KEYS));
  assertEquals(firstCells("mapping keys"), Object.keys(MAPPING_KEYS));
  assertEquals(firstCells("hook variables"), Object.keys(HOOK_VARIABLES));
  assertEquals(firstCells("watch events"), Object.keys(WATCH_EVENTS));
  for (const name of ["address", "map", "unmap", "watch", "status", "doctor", "error"] as const) {
    assertEquals(firstCells(`json fields ${name}`), documentedFields(name));
  }
});

Deno.test("withTables() replaces what stands between the comments, and nothing else", () => {
  const stale = "a\n\n<!-- exit codes -->\n\nold\n\n<!-- /exit codes -->\n\nb <!-- c -->\n";
  const written = withTables(stale);
  assert(written.startsWith("a\n\n<!-- exit codes -->\n\n| code "));
  assert(written.endsWith("|\n\n<!-- /exit codes -->\n\nb <!-- c -->\n"));
  assertEquals(withTables(written), written);
  assertEquals(tablesIn(written), ["exit codes"]);
});

Deno.test("withTables() refuses a table that there is not", () => {
  for (const name of ["options mop", "json fields mop"]) {
    const { message } = assertThrows(
      () => withTables(`<!-- ${name} -->\n\n<!-- /${name.replace(" mop", "")} -->\n`),
      Error,
    );
    assertStringIncludes(message, 'There is no table for "mop"');
  }
});
