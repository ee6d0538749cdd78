/**
 * Files that several processes share and that outlive each of them: read whole, replaced whole, locked.
 *
 * @module
 */

import type { FileLock } from "./file_lock.ts";

/** Options of {@linkcode Files.replace}. */
export interface ReplaceOptions {
  /** Whether nobody else writes the file meanwhile, as the writer has a lock; yes by default. */
  readonly isAlone?: boolean;
}

/** The operations on shared files, so that a test can do them in memory. All paths are absolute. */
export interface Files {
  /**
   * The text of a file, no more of it than this many bytes; `undefined` when it is missing. An entry that is not a
   * regular file has no text, and is an error.
   */
  readText(path: string, maxBytes: number): Promise<string | undefined>;
  /**
   * Writes a file whole, for its owner alone: readers see the old text or a new one, whenever the writer is
   * killed. The next writer removes what a killed one left beside it, as long as writers are alone.
   */
  replace(path: string, text: string, options?: ReplaceOptions): Promise<void>;
  /** Gives a file another name, for which there must be no file yet. */
  rename(from: string, to: string): Promise<void>;
  /** Makes a directory for its owner alone, with those above it; one that is there will do. */
  makeDirectory(path: string): Promise<void>;
  /**
   * Takes the lock of a file, which is made if need be and never removed.
   *
   * @param path The file.
   * @param holder The taker of it, for those who find it taken.
   * @returns The lock; `undefined` when somebody else has it.
   */
  tryLock(path: string, holder: string): Promise<FileLock | undefined>;
  /** Whether somebody has the lock of a file; it is not made. */
  isLocked(path: string): Promise<boolean>;
  /**
   * When the lock of a file was taken last, in milliseconds of the wall clock; `undefined` when it is missing.
   */
  lockedAtMs(path: string): Promise<number | undefined>;
  /** The name of the holder of a file's lock, where it is known. */
  holderOf(path: string): Promise<string | undefined>;
  /** Removes a file, which need not be there. */
  remove(path: string): Promise<void>;
}
