import type { FileContent, FileSystem } from "../../system/system.ts";
import { systemReason } from "../system_reason.ts";
import { UsageError } from "../usage_error.ts";
import type { Config } from "./config.ts";
import { type ConfigKey, FILE_KEYS, type KeyTable, MAPPING_KEYS } from "./config_keys.ts";
import { parseConfig, type ParseConfigOptions } from "./parse_config.ts";

/** Far larger than any configuration. */
const MAX_BYTES = 2 ** 20;

/** The messages that refuse a file that somebody else may have written. */
const REFUSALS = {
  run: "Cannot run a command that somebody else may have written",
  write: "Cannot write to a path that somebody else may have named",
} as const;

/**
 * Reads the file of `--config`.
 *
 * @throws {UsageError} If it cannot be read, is wrong, or if it names a command or path and somebody else could have
 * written it.
 */
export async function readConfig(
  path: string,
  files: Pick<FileSystem, "absolutePath" | "read">,
  options: ParseConfigOptions = {},
): Promise<Config> {
  const absolute = await files.absolutePath(path);
  const content = await read(absolute, files);
  const config = parseConfig(decode(content.bytes, absolute), absolute, options);
  const power = firstPower(config);
  const doubt = power === undefined ? undefined : doubtAbout(content, absolute);
  if (power !== undefined && doubt !== undefined) {
    throw new UsageError(`${absolute}: ${power.key}: ${REFUSALS[power.kind]}: ${doubt}`);
  }
  return config;
}

async function read(path: string, files: Pick<FileSystem, "read">): Promise<FileContent> {
  try {
    return await files.read(path, MAX_BYTES + 1);
  } catch (error) {
    throw new UsageError(`Cannot read the configuration file ${path}: ${systemReason(error)}`);
  }
}

function decode(bytes: Uint8Array, path: string): string {
  if (bytes.length > MAX_BYTES) {
    throw new UsageError(`Cannot read the configuration file ${path}: it is larger than 1 MiB`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError(`Cannot read the configuration file ${path}: it is not UTF-8`);
  }
}

/** The first key by which the file has the program run or write something. */
function firstPower({ values, mappings }: Config): { key: string; kind: "run" | "write" } | undefined {
  const objects = [
    {
      table: FILE_KEYS,
      prefix: "",
      has: (_: string, { option }: ConfigKey<unknown>) => option && values[option],
    },
    ...mappings.map((mapping, i) => ({
      table: MAPPING_KEYS,
      prefix: `mappings[${i}].`,
      has: (name: string) => mapping[name as keyof typeof mapping],
    })),
  ];
  for (const { table, prefix, has } of objects) {
    for (const [name, key] of Object.entries<ConfigKey<unknown>>(table satisfies KeyTable)) {
      const { power: kind } = key.kind;
      if (kind !== undefined && has(name, key) !== undefined) return { key: prefix + name, kind };
    }
  }
  return undefined;
}

function doubtAbout(content: FileContent, path: string): string | undefined {
  try {
    return content.doubt();
  } catch (error) {
    return `natpmp cannot check who owns ${path}: ${systemReason(error)}`;
  }
}
