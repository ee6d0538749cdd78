/**
 * Writes the README's tables of options and of exit codes, each between two comments with its name, from the tables
 * that the program itself uses.
 *
 * Usage: deno task docs
 */

import { exitCodeTable } from "../lib/cli/exit_codes.ts";
import { COMMANDS, optionsOf, type OptionSpec } from "../lib/cli/option_table.ts";

type Row = readonly string[];

/** The tables by the names in the README's comments: each a row of headings and the rows below it. */
const TABLES: Readonly<Record<string, () => readonly Row[]>> = {
  "options": () => [
    ["option", "commands", "meaning"],
    ...optionsOf().map(([name, spec]) => [
      code(optionForm(name, spec)),
      spec.commands.length === Object.keys(COMMANDS).length ? "all" : spec.commands.map(code).join(", "),
      prose(spec.help),
    ]),
  ],
  "exit codes": () => [
    ["code", "`error.kind`", "when"],
    ...exitCodeTable().map(({ codes, kind, meaning }) => [
      codes,
      kind === undefined ? "" : code(kind),
      prose(meaning),
    ]),
  ],
};

/**
 * Puts the tables into a text that has their comments.
 *
 * @param readme The text.
 * @returns The text with the tables as they are now.
 * @throws {Error} If a table has no place in it.
 */
export function withTables(readme: string): string {
  return Object.entries(TABLES).reduce((text, [name, rows]) => {
    const place = new RegExp(`(<!-- ${name} -->\n).*(\n<!-- /${name} -->)`, "s");
    if (!place.test(text)) throw new Error(`The README has no place for the table of ${name}`);
    return text.replace(place, (_, before, after) => `${before}\n${table(rows())}\n${after}`);
  }, readme);
}

function optionForm(name: string, { short, value }: OptionSpec): string {
  return `${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`;
}

function code(text: string): string {
  return `\`${text}\``;
}

/** Marks as code the options and variables that one types or sets. */
function prose(text: string): string {
  return text.replaceAll("|", "\\|").replace(/--[a-z]+(?:-[a-z]+)*|\b[A-Z]+_[A-Z_]+\b/g, code);
}

/** A table as `deno fmt` writes it. */
function table(rows: readonly Row[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: Row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const [head, ...body] = rows;
  return [line(head!), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}

if (import.meta.main) {
  const path = new URL("../README.md", import.meta.url);
  const readme = await Deno.readTextFile(path);
  const written = withTables(readme);
  if (written !== readme) await Deno.writeTextFile(path, written);
  console.log(`README.md: the tables ${written === readme ? "were up to date" : "are written"}`);
}
