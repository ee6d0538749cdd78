/**
 * Reads the fields of a JSON object by a table of their kinds, for configuration files and the state file. The callers
 * word the errors. Pure.
 *
 * @module
 */

/** Reads a value of one kind; `undefined` where it is of another. The name is for messages. */
export type Read<T> = (value: unknown, name: string) => T | undefined;

/** A field of an object. */
export interface Field<T> {
  readonly kind: { readonly read: Read<T> };
  /** Whether the object makes no sense without it. */
  readonly isRequired?: boolean;
}

/** The fields of one object. */
export type FieldTable = Readonly<Record<string, Field<unknown>>>;

type ValueOf<F> = F extends Field<infer T> ? T : never;

type RequiredIn<Table extends FieldTable> = {
  [Name in keyof Table]: Table[Name] extends { readonly isRequired: true } ? Name : never;
}[keyof Table];

/** The values of an object with the fields of a table. */
export type ValuesOf<Table extends FieldTable> =
  & { readonly [Name in RequiredIn<Table>]: ValueOf<Table[Name]> }
  & { readonly [Name in Exclude<keyof Table, RequiredIn<Table>>]?: ValueOf<Table[Name]> };

/**
 * Reads the fields of an object: in its own order those that it has, then those that it lacks and needs, whose value is
 * `undefined`. `read` reads one or throws. `refuse` throws for one that is not in the table; without it, such a field is
 * ignored.
 */
export function readFields<Table extends FieldTable>(
  table: Table,
  object: Readonly<Record<string, unknown>>,
  read: (name: string, field: Table[keyof Table], value: unknown) => unknown,
  refuse?: (name: string) => never,
): ValuesOf<Table> {
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(object)) {
    if (Object.hasOwn(table, name)) values[name] = read(name, table[name as keyof Table], value);
    else refuse?.(name);
  }
  for (const name in table) {
    if (table[name]!.isRequired && !Object.hasOwn(object, name)) read(name, table[name], undefined);
  }
  return values as ValuesOf<Table>;
}

/** Checks whether a JSON value is an object. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** This much of a value is shown. */
const SHOWN_LENGTH = 60;

/** The beginning of a value, for people. */
export function shown(value: unknown): string {
  const text = jsonOf(value) ?? "not a value that can be shown";
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}

/** A value's JSON; `undefined` where it has none, as `JSON.parse()` reads deeper than `JSON.stringify()` writes. */
export function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
