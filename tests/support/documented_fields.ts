/**
 * Whether the manual has every field that `--json` prints.
 *
 * @module
 */

import { ERROR_FIELDS, RESULT_FIELDS } from "../../lib/cli/result_fields.ts";

type Fields = Readonly<Record<string, unknown>>;

/** The name of a table of fields. */
export type TableName = keyof typeof RESULT_FIELDS | "error";

/** The fields of one object, and of the errors in it, by the tables that they belong to. */
export interface FoundFields {
  readonly table: TableName;
  /** Paths as in the tables. */
  readonly paths: ReadonlySet<string>;
}

/**
 * Finds the fields in lines of JSON.
 *
 * @param text What `--json` printed; other lines count for nothing.
 */
export function fieldsIn(text: string): FoundFields[] {
  return text.split("\n").filter((line) => line.startsWith("{")).flatMap((line) => {
    const object: Fields = JSON.parse(line);
    const errors: Fields[] = [];
    const paths = new Set(pathsOf(object, "", errors));
    return [
      { table: tableOf(object), paths },
      ...errors.map((error) => ({ table: "error" as const, paths: new Set(Object.keys(error)) })),
    ];
  });
}

function tableOf(object: Fields): TableName {
  if ("event" in object) return "watch";
  if ("message" in object) return "simulate";
  // Before it is known what the command is, its error has no name.
  return Object.hasOwn(RESULT_FIELDS, `${object.command}`) ? object.command as TableName : "help";
}

function* pathsOf(object: Fields, before: string, errors: Fields[]): Generator<string> {
  for (const [name, value] of Object.entries(object)) {
    const path = `${before}${name}`;
    if (name === "error") errors.push(value as Fields);
    const inner = Array.isArray(value) ? value : [value];
    const objects = name === "error" ? [] : inner.filter((one) => typeof one === "object");
    if (Array.isArray(value) || objects.length === 0) yield path;
    for (const one of objects) yield* pathsOf(one, `${path}${Array.isArray(value) ? "[]." : "."}`, errors);
  }
}

/** The fields that the manual has of a table. */
export function documentedFields(table: TableName): string[] {
  return Object.keys(table === "error" ? ERROR_FIELDS : RESULT_FIELDS[table]);
}

/** Whether a path is one of the manual's, or stands for one that ends with `.*`. */
export function isDocumented(path: string, documented: readonly string[]): boolean {
  return documented.includes(path) || documented.includes(path.replace(/\.[^.]+$/, ".*"));
}

/**
 * Fails where `--json` printed a field that the manual does not have.
 *
 * @param text What it printed.
 */
export function assertDocumented(text: string): void {
  for (const { table, paths } of fieldsIn(text)) {
    const unknown = [...paths].filter((path) => !isDocumented(path, documentedFields(table)));
    if (unknown.length > 0) {
      throw new Error(`lib/cli/result_fields.ts has no ${unknown.join(", ")} of ${table}`);
    }
  }
}
