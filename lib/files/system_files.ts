import { isFileLocked, lockHolder, lockTime, tryLockFile } from "./file_lock.ts";
import type { Files } from "./files.ts";
import { readFile } from "./read_file.ts";
import { removeIfThere, replaceFile } from "./replace_file.ts";

/** The modes of files and directories that only the user may read and write. */
const PRIVATE_FILE = 0o600;
const PRIVATE_DIRECTORY = 0o700;

/**
 * Where a writer who is alone writes first. Over a network a lock may hold for the processes of one host only, so the
 * name is the host's.
 */
function siblingOf(path: string): string {
  return `${path}.new-${Deno.hostname().replaceAll(/[^0-9A-Za-z.-]/g, "_")}`;
}

/** The files of this machine. */
export const systemFiles: Files = {
  async readText(path, maxBytes) {
    try {
      const { bytes } = await readFile(path, maxBytes);
      return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  },
  replace: (path, text, { isAlone = true } = {}) =>
    replaceFile(path, text, { mode: PRIVATE_FILE, ...(isAlone ? { sibling: siblingOf(path) } : {}) }),
  rename: (from, to) => Deno.rename(from, to),
  makeDirectory: (path) => Deno.mkdir(path, { recursive: true, mode: PRIVATE_DIRECTORY }),
  tryLock: tryLockFile,
  isLocked: isFileLocked,
  lockedAtMs: lockTime,
  holderOf: lockHolder,
  remove: removeIfThere,
};
