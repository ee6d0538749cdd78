/**
 * Writes the tables in the README and in the manual's pages, each between two comments with its name, from the tables
 * that the program itself uses: `<!-- options map -->` and `<!-- /options -->`.
 *
 * Usage: deno task docs
 */

import { FAULTS } from "../lib/cli/commands/simulate.ts";
import { FILE_KEYS, type KeyTable, MAPPING_KEYS } from "../lib/cli/config/config_keys.ts";
import { exitCodeTable } from "../lib/cli/exit_codes.ts";
import { ERROR_FIELDS, RESULT_FIELDS } from "../lib/cli/result_fields.ts";
import { type CommandName, COMMANDS, helpOf, optionsOf, type OptionSpec } from "../lib/cli/option_table.ts";
import { HOOK_VARIABLES } from "../lib/cli/publish/hook_environment.ts";
import { WATCH_EVENTS } from "../lib/cli/publish/watch_events.ts";

type Row = readonly string[];

/** A kind of table: its head and its rows; the name is what follows the kind in the comment. */
type TableKind = (name: string | undefined) => readonly Row[];

const JSON_FIELDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ...RESULT_FIELDS,
  error: ERROR_FIELDS,
};

const KINDS: Readonly<Record<string, TableKind>> = {
  "options": optionRows,
  "exit codes": () => [
    ["code", "`error.kind`", "when"],
    ...exitCodeTable().map(({ codes, kind, meaning }) => [
      codes,
      kind === undefined ? "" : code(kind),
      prose(meaning),
    ]),
  ],
  "config keys": () => keyRows(FILE_KEYS),
  "mapping keys": () => keyRows(MAPPING_KEYS),
  "hook variables": () => [["variable", "value"], ...meanings(HOOK_VARIABLES)],
  "watch events": () => [
    ["event", "when"],
    ...Object.entries(WATCH_EVENTS).map(([name, { meaning, isRoutine }]) => [
      code(name),
      prose(isRoutine ? `${meaning}; not with --quiet` : meaning),
    ]),
  ],
  "json fields": (name) => [["field", "value"], ...meanings(entryOf(JSON_FIELDS, name))],
  "faults": () => [
    ["fault", "what the router does"],
    ...FAULTS.map(({ name, value, summary }) => [
      code(value === undefined ? name : `${name}=${value}`),
      prose(summary),
    ]),
  ],
};

const PLACE = new RegExp(
  `(<!-- (${Object.keys(KINDS).join("|")})(?: (\\S+))? -->\n).*?(\n<!-- /\\2 -->)`,
  "gs",
);

/**
 * Puts the tables into a document that has their comments.
 *
 * @param document The text.
 * @returns The text with the tables as they are now.
 * @throws {Error} If a comment names a table that there is not.
 */
export function withTables(document: string): string {
  return document.replace(
    PLACE,
    (_, before, kind: string, name, after) => `${before}\n${table(entryOf(KINDS, kind)(name))}\n${after}`,
  );
}

/**
 * Finds the tables of a document.
 *
 * @param document The text.
 * @returns The names of those that have both comments, in order: `options map`.
 */
export function tablesIn(document: string): string[] {
  return [...document.matchAll(PLACE)].map(([, , kind, name]) =>
    name === undefined ? kind! : `${kind} ${name}`
  );
}

function optionRows(command: string | undefined): readonly Row[] {
  entryOf(COMMANDS, command);
  const name = command as CommandName;
  return [
    ["option", "meaning"],
    ...optionsOf(name).map(([option, spec]) => [code(optionForm(option, spec)), prose(helpOf(spec, name))]),
  ];
}

function optionForm(name: string, { short, value }: OptionSpec): string {
  return `${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`;
}

function keyRows(keys: KeyTable): readonly Row[] {
  return [
    ["key", "value", "meaning"],
    ...Object.entries(keys).map(([name, { kind, help, isRequired }]) => [
      code(name),
      prose(kind.wanted),
      prose(isRequired ? `${help}; required` : help),
    ]),
  ];
}

function meanings(table: Readonly<Record<string, string>>): readonly Row[] {
  return Object.entries(table).map(([name, meaning]) => [code(name), prose(meaning)]);
}

function entryOf<T>(table: Readonly<Record<string, T>>, name = ""): T {
  if (!Object.hasOwn(table, name)) {
    throw new Error(`There is no table for "${name}": there are ${Object.keys(table).join(", ")}`);
  }
  return table[name]!;
}

function code(text: string): string {
  return `\`${text.replaceAll("|", "\\|")}\``;
}

/** Marks as code the options and variables that one types or sets. */
function prose(text: string): string {
  return text.replaceAll("|", "\\|").replace(/--[a-z]+(?:-[a-z]+)*|\b[A-Z]+_[A-Z_]+\b/g, "`$&`");
}

/** A table as `deno fmt` writes it. */
function table(rows: readonly Row[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: Row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const [head, ...body] = rows;
  return [line(head!), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}

if (import.meta.main) {
  const root = new URL("../", import.meta.url);
  const manual = new URL("lib/cli/manual/", root);
  const pages = await Array.fromAsync(Deno.readDir(manual), ({ name }) => new URL(name, manual));
  for (
    const file of [
      new URL("README.md", root),
      ...pages.filter(({ pathname }) => pathname.endsWith(".md")),
    ]
  ) {
    const text = await Deno.readTextFile(file);
    const written = withTables(text);
    if (written === text) continue;
    await Deno.writeTextFile(file, written);
    console.log(`${file.pathname.slice(root.pathname.length)}: the tables are written`);
  }
}
