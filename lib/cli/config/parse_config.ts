import type { OptionName } from "../option_table.ts";
import { parseDuration } from "../option_values.ts";
import { absolutePath } from "../../files/absolute_path.ts";
import { isObject, readFields, type ValuesOf } from "../../json_fields.ts";
import { findCollision, joinPorts, parseSpec } from "../specs.ts";
import { UsageError } from "../usage_error.ts";
import type { Config, ConfigMapping } from "./config.ts";
import { type ConfigKey, CONTRADICTION, FILE_KEYS, type KeyTable, MAPPING_KEYS } from "./config_keys.ts";
import { JsonError, parseJson } from "./parse_json.ts";
import { NAME, PATH, readValue, shown, SPEC } from "./value_kinds.ts";

/** Options of {@linkcode parseConfig}. */
export interface ParseConfigOptions {
  /** Whether internal port 0 may be meant though the file does not allow it. */
  readonly allowPortZero?: boolean;
}

/**
 * Reads a configuration file's text, strictly: every key and value that is not understood is an error. Messages begin
 * with the file's absolute path, and relative paths start at its directory.
 *
 * @throws {UsageError} If it is not JSON, or something in it cannot be meant.
 */
export function parseConfig(text: string, path: string, options: ParseConfigOptions = {}): Config {
  const root = readRoot(text, path);
  const { mappings: items, ...file } = readObject(FILE_KEYS, root, { path, key: "" });
  const values: Partial<Record<OptionName, string>> = {};
  const flags = new Set<OptionName>();
  for (const [name, value] of Object.entries(file)) {
    const { option }: ConfigKey<unknown> = FILE_KEYS[name as keyof typeof FILE_KEYS];
    if (option === undefined) continue;
    if (typeof value === "string") values[option] = value;
    else if (value) flags.add(option);
  }
  const allowPortZero = [options.allowPortZero, file.allowPortZero].includes(true);
  const mappings = (items ?? []).map((item, i) =>
    readMapping(item, { path, key: `mappings[${i}]`, name: nameIn(item), allowPortZero })
  );
  refuseDuplicates(mappings, path);
  return { path, values, flags, listsMappings: items !== undefined, mappings };
}

/** Where something is in the file. */
interface Place {
  readonly path: string;
  /** The keys that lead to it, as in `mappings[1].external`; empty for the whole file. */
  readonly key: string;
  /** The name of the mapping there; absent where it has none. */
  readonly name?: string | undefined;
}

/** The name that a mapping in the file has. */
function nameIn(item: unknown): string | undefined {
  const { name } = isObject(item) ? item : {};
  return NAME.read(name, "name");
}

function placeName({ path, key, name }: Place): string {
  return [path, key === "" ? [] : name === undefined ? key : `${key} (${name})`].flat().join(": ");
}

function failAt(place: Place, reason: string): never {
  throw new UsageError(`${placeName(place)}: ${reason}`);
}

/** Adds the place of a value to its error. */
function at<T>(place: Place, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${placeName(place)}: ${error.message}`, error.misspelling);
  }
}

function readRoot(text: string, path: string): Readonly<Record<string, unknown>> {
  try {
    const root = parseJson(text);
    if (isObject(root)) return root;
    return failAt({ path, key: "" }, `It is ${shown(root)}, but it has to be an object in { and }`);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return failAt({ path, key: "" }, error.message);
  }
}

function readObject<Table extends KeyTable>(
  table: Table,
  object: Readonly<Record<string, unknown>>,
  place: Place,
): ValuesOf<Table> {
  const keyOf = (name: string) => ({ ...place, key: place.key === "" ? name : `${place.key}.${name}` });
  const values = readFields(table, object, (name, { kind, help }, value) => {
    if (value === undefined) failAt(keyOf(name), `It is missing: ${help}`);
    const read = at(keyOf(name), () => readValue(kind, value, name));
    return kind === PATH ? besideFile(read as string, place) : read;
  }, (name) => refuseKey(name, Object.keys(table), keyOf(name)));
  const [one, other] = CONTRADICTION;
  if (object[one] && object[other]) {
    failAt(keyOf(other), `It contradicts ${one}: only one of them can be true`);
  }
  return values;
}

/** A path that starts at the file's directory. */
function besideFile(path: string, file: Place): string {
  const isWindows = Deno.build.os === "windows";
  return absolutePath(path, {
    directory: absolutePath("..", { directory: file.path, isWindows }),
    isWindows,
  });
}

function refuseKey(name: string, known: readonly string[], place: Place): never {
  // A key in the spelling of an option, such as `port-file`, gets the right suggestion.
  const word = name.replace(/[-_]+([a-z])/g, (_, letter: string) => letter.toUpperCase());
  throw new UsageError(`${placeName(place)}: Unknown key: the keys are ${known.join(", ")}`, { word, known });
}

interface MappingPlace extends Place {
  readonly allowPortZero: boolean;
}

function readMapping(item: unknown, place: MappingPlace): ConfigMapping {
  const isSpec = !isObject(item);
  const mapping = isSpec ? readSpec(item, place) : readMappingObject(item, place);
  if (mapping.internalPort === 0 && !place.allowPortZero) {
    failAt(
      isSpec ? place : { ...place, key: `${place.key}.internal` },
      "Cannot use internal port 0 unless allowPortZero is true: a port is a whole number from 1 to 65535",
    );
  }
  return mapping;
}

function readSpec(item: unknown, place: Place): ConfigMapping {
  const text = at(place, () => readValue(SPEC, item, "mapping"));
  return {
    ...parseSpec(text, { defaultProtocols: ["tcp"], allowPortZero: true }),
    namesProtocol: text.includes("/"),
  };
}

function readMappingObject(object: Readonly<Record<string, unknown>>, place: Place): ConfigMapping {
  const { internal, external = internal, protocol, lifetime, ...rest } = readObject(
    MAPPING_KEYS,
    object,
    place,
  );
  const ports = at(
    { ...place, key: `${place.key}.external` },
    () => joinPorts(external, internal, { what: "it" }),
  );
  return {
    ...rest,
    protocols: protocol ?? ["tcp"],
    namesProtocol: protocol !== undefined,
    ...ports,
    ...(lifetime === undefined ? {} : { lifetimeSeconds: parseDuration(lifetime, "lifetime") }),
  };
}

function refuseDuplicates(mappings: readonly ConfigMapping[], path: string): void {
  const collision = findCollision(mappings);
  if (collision !== undefined) {
    const { index, reason } = collision;
    failAt({ path, key: `mappings[${index}]`, name: mappings[index]!.name }, reason);
  }
  const named = new Map<string, number>();
  for (const [i, { name }] of mappings.entries()) {
    if (name === undefined) continue;
    const first = named.get(name);
    if (first !== undefined) {
      failAt(
        { path, key: `mappings[${i}].name` },
        `mappings[${first}] already has the name ${shown(name)}`,
      );
    }
    named.set(name, i);
  }
}
