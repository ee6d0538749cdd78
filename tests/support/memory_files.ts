/**
 * Shared files in memory, which can fail as a disk does.
 *
 * @module
 */

import type { FileLock } from "../../lib/files/file_lock.ts";
import type { Files } from "../../lib/files/files.ts";

/** Files and locks in memory. */
export class MemoryFiles implements Files {
  readonly texts = new Map<string, string>();
  readonly directories = new Set<string>();
  /** The locks that are held, with their holders. */
  readonly locks = new Map<string, string>();
  /** Every text that was written, in order. */
  readonly written: string[] = [];
  /** What writing fails with. */
  writeFailure: Error | undefined;
  /** What reading fails with. */
  readFailure: Error | undefined;
  /** What taking a lock fails with. */
  lockFailure: Error | undefined;
  /** What making a directory fails with. */
  directoryFailure: Error | undefined;

  readText(path: string, maxBytes: number): Promise<string | undefined> {
    if (this.readFailure !== undefined) return Promise.reject(this.readFailure);
    const text = this.texts.get(path);
    const bytes = text && new TextEncoder().encode(text).subarray(0, maxBytes);
    return Promise.resolve(
      bytes === undefined || bytes === ""
        ? bytes
        : new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes),
    );
  }

  replace(path: string, text: string): Promise<void> {
    if (this.writeFailure !== undefined) return Promise.reject(this.writeFailure);
    this.texts.set(path, text);
    this.written.push(text);
    return Promise.resolve();
  }

  rename(from: string, to: string): Promise<void> {
    const text = this.texts.get(from);
    if (text === undefined) return Promise.reject(new Deno.errors.NotFound(from));
    this.texts.delete(from);
    this.texts.set(to, text);
    return Promise.resolve();
  }

  makeDirectory(path: string): Promise<void> {
    if (this.directoryFailure !== undefined) return Promise.reject(this.directoryFailure);
    this.directories.add(path);
    return Promise.resolve();
  }

  tryLock(path: string, holder: string): Promise<FileLock | undefined> {
    if (this.lockFailure !== undefined) return Promise.reject(this.lockFailure);
    // A lock's file can be made only where there is a directory.
    if (!this.directories.has(path.slice(0, path.lastIndexOf("/")))) {
      return Promise.reject(new Deno.errors.NotFound(path));
    }
    if (this.locks.has(path)) return Promise.resolve(undefined);
    this.locks.set(path, holder);
    let isHeld = true;
    return Promise.resolve({
      release: () => {
        if (isHeld) this.locks.delete(path);
        isHeld = false;
      },
    });
  }

  isLocked(path: string): Promise<boolean> {
    return Promise.resolve(this.locks.has(path));
  }

  /** When a lock was taken, where a test says so. */
  readonly lockTimes = new Map<string, number>();

  lockedAtMs(path: string): Promise<number | undefined> {
    return Promise.resolve(this.lockTimes.get(path));
  }

  holderOf(path: string): Promise<string | undefined> {
    return Promise.resolve(this.locks.get(path));
  }

  remove(path: string): Promise<void> {
    this.texts.delete(path);
    return Promise.resolve();
  }
}
