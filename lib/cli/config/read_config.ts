import type { FileContent, Machine } from "../machine.ts";
import { systemReason } from "../system_reason.ts";
import { UsageError } from "../usage_error.ts";
import type { Config } from "./config.ts";
import { parseConfig, type ParseConfigOptions } from "./parse_config.ts";

/** No configuration comes near it. */
const MAX_BYTES = 2 ** 20;

/** The bits of a file's mode that let its group or others write it. */
const WRITABLE_BY_OTHERS = 0o022;

/** The superuser, who could do it all without us. */
const ROOT = 0;

/**
 * Reads the file of `--config`.
 *
 * @param path The file, as typed.
 * @param machine What reads it.
 * @param options What the command line allows.
 * @returns What it says.
 * @throws {UsageError} If it cannot be read, is wrong, or has commands in it that somebody else could have written.
 */
export async function readConfig(
  path: string,
  machine: Pick<Machine, "absolutePath" | "readFile" | "userId">,
  options: ParseConfigOptions = {},
): Promise<Config> {
  const absolute = machine.absolutePath(path);
  const content = await read(absolute, machine);
  const config = parseConfig(decode(content.bytes, absolute), absolute, options);
  const key = commandKey(config);
  const distrust = key === undefined ? undefined : reasonForDistrust(content, machine);
  if (distrust !== undefined) throw new UsageError(`${absolute}: ${key}: ${distrust}`);
  return config;
}

async function read(path: string, machine: Pick<Machine, "readFile">): Promise<FileContent> {
  try {
    return await machine.readFile(path, MAX_BYTES + 1);
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

/** The first key that has a command. */
function commandKey({ values, mappings }: Config): string | undefined {
  if (values.exec !== undefined) return "exec";
  const index = mappings.findIndex(({ exec }) => exec !== undefined);
  return index === -1 ? undefined : `mappings[${index}].exec`;
}

/** Commands of the file run with the caller's rights, so nobody else may have a say in them. */
function reasonForDistrust(
  { ownerId, mode }: FileContent,
  machine: Pick<Machine, "userId">,
): string | undefined {
  const userId = machine.userId();
  if (ownerId === undefined || mode === undefined || userId === undefined) return undefined;
  if (ownerId !== ROOT && ownerId !== userId) {
    return `Cannot run commands of a file that belongs to user ${ownerId}, neither to root nor to user ${userId}, ` +
      "who would run them";
  }
  if ((mode & WRITABLE_BY_OTHERS) === 0) return undefined;
  const octal = mode.toString(8).padStart(4, "0");
  return `Cannot run commands of a file that its group or others can write (mode ${octal}): chmod go-w it`;
}
