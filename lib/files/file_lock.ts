/**
 * Locks between processes, on files. The system frees a lock when its holder is gone, however that ended, so one that a
 * dead process left does not stop others.
 *
 * @module
 */

import { openUnlinked } from "./read_file.ts";
import { reasonNotToWrite } from "./trusted_path.ts";

/** A lock that is held. */
export interface FileLock {
  /** Frees it. Once is enough. */
  release(): void;
}

/** The holder's name is at the beginning of the file, padded to this many bytes: one write replaces it whole. */
const HOLDER_BYTES = 128;

/** Lock files are the user's own. */
const MODE = 0o600;

/**
 * Takes the lock of a file without waiting.
 *
 * @param path The file; it is made if need be, and stays.
 * @param holder The taker of the lock, for those who find it taken.
 * @returns The lock; `undefined` when somebody else has it.
 * @throws {Error} If no lock can be had on this file, whoever holds it; also where it is a link, a pipe, or a file that
 * somebody else made.
 */
export async function tryLockFile(path: string, holder: string): Promise<FileLock | undefined> {
  const file = await openLock(path);
  try {
    if (!file.tryLockSync(true)) {
      file.close();
      return undefined;
    }
  } catch (error) {
    file.close();
    throw error;
  }
  try {
    file.writeSync(new TextEncoder().encode(holder.slice(0, HOLDER_BYTES - 1).padEnd(HOLDER_BYTES)));
  } catch {
    // A full disk takes no name, and the lock is held all the same.
  }
  let isHeld = true;
  return {
    release() {
      // Closing frees the lock; on Windows unlock() throws though it does the same.
      if (isHeld) file.close();
      isHeld = false;
    },
  };
}

/**
 * Checks whether somebody has the lock of a file. To ask is to share it for a moment, so that two who ask at a time do
 * not take each other for its holder.
 *
 * @param path The file, which is not made.
 * @returns Whether it is held; not where that is unknown.
 */
export async function isFileLocked(path: string): Promise<boolean> {
  try {
    using file = await openUnlinked(path, { read: true }, refuseForeign);
    return !await file.tryLock(false);
  } catch {
    return false;
  }
}

/**
 * Reads who took the lock of a file last.
 *
 * @param path The file.
 * @returns Their words; `undefined` when there is nothing to read. Windows lets nobody read a locked file.
 */
export async function lockHolder(path: string): Promise<string | undefined> {
  try {
    using file = await openUnlinked(path, { read: true }, refuseForeign);
    const bytes = new Uint8Array(HOLDER_BYTES);
    const count = await file.read(bytes) ?? 0;
    return new TextDecoder().decode(bytes.subarray(0, count)).trim() || undefined;
  } catch {
    return undefined;
  }
}

/**
 * Finds out when the lock of a file was taken last.
 *
 * @param path The file.
 * @returns Milliseconds of the wall clock; `undefined` where the file is missing, or its time is unknown.
 */
export async function lockTime(path: string): Promise<number | undefined> {
  try {
    return (await Deno.lstat(path)).mtime?.getTime();
  } catch {
    return undefined;
  }
}

/** Opens the file of a lock, and makes it if need be: what others put in its place is not written to. */
async function openLock(path: string): Promise<Deno.FsFile> {
  const options = { read: true, write: true };
  try {
    return await openUnlinked(path, options, refuseForeign);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  try {
    return await Deno.open(path, { ...options, createNew: true, mode: MODE });
  } catch (error) {
    // Another process made it meanwhile.
    if (error instanceof Deno.errors.AlreadyExists) return await openUnlinked(path, options, refuseForeign);
    throw error;
  }
}

function refuseForeign(entry: Deno.FileInfo): void {
  const reason = reasonNotToWrite(entry, Deno.uid());
  if (reason !== undefined) throw new TypeError(reason);
}
