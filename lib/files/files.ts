/**
 * Files that several processes share and that outlive each of them: read whole, replaced whole, locked.
 *
 * @module
 */

import type { FileLock } from "./file_lock.ts";

/** What is done to shared files, so that a test can do it in memory. All paths are absolute. */
export interface Files {
  /** The text of a file; `undefined` when there is no such file. */
  readText(path: string): Promise<string | undefined>;
  /**
   * Writes a file whole, for its owner alone: whoever reads it sees the old text or the new one, whenever the writer is
   * killed. One writer at a time, so under a lock.
   */
  replace(path: string, text: string): Promise<void>;
  /** Gives a file another name, for which there must be no file yet. */
  rename(from: string, to: string): Promise<void>;
  /** Makes a directory for its owner alone, with those above it; one that is there will do. */
  makeDirectory(path: string): Promise<void>;
  /**
   * Takes the lock of a file, which is made if need be and never removed.
   *
   * @param path The file.
   * @param holder Who takes it, for those who find it taken.
   * @returns The lock; `undefined` when somebody else has it.
   */
  tryLock(path: string, holder: string): Promise<FileLock | undefined>;
  /** Whether somebody has the lock of a file; it is not made. */
  isLocked(path: string): Promise<boolean>;
  /** Who has the lock of a file, as far as they said. */
  holderOf(path: string): Promise<string | undefined>;
  /** Removes a file, which need not be there. */
  remove(path: string): Promise<void>;
}
