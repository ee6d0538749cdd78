import { type ConfigKey, CONTRADICTION, FILE_KEYS, type KeyTable, MAPPING_KEYS } from "./config_keys.ts";
import { SPEC } from "./value_kinds.ts";

/** A JSON Schema, or a part of one. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * The JSON Schema of configuration files, for editors, made from the table that the parser goes by. A file that
 * breaks it is refused by the parser too. Only the parser knows what a schema cannot express: two mappings on one port,
 * a name that is there twice, internal port 0 without `allowPortZero`, durations above the limit, who owns the file.
 *
 * @returns The schema, draft 07, which the editors know.
 */
export function configSchema(): JsonSchema {
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Configuration of natpmp",
    description: "The file that natpmp --config reads: mappings, and options for all of them.",
    ...objectSchema(FILE_KEYS, { mappings: { items: { anyOf: [SPEC.schema, objectSchema(MAPPING_KEYS)] } } }),
  };
}

/** The schema of an object, with further words about some of its keys. */
function objectSchema(table: KeyTable, more: Readonly<Record<string, JsonSchema>> = {}): JsonSchema {
  const keys = Object.entries(table);
  const required = keys.filter(([, { isRequired }]) => isRequired).map(([name]) => name);
  const properties = keys.map(([name, key]) => [name, { ...propertySchema(key), ...more[name] }]);
  return {
    type: "object",
    properties: Object.fromEntries(properties),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
    not: {
      properties: Object.fromEntries(CONTRADICTION.map((name) => [name, { const: true }])),
      required: CONTRADICTION,
    },
  };
}

function propertySchema({ help, kind }: ConfigKey<unknown>): JsonSchema {
  return { description: help, ...kind.schema };
}
