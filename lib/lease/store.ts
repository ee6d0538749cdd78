/**
 * The state file: read and changed whole, one process at a time.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { StoreError } from "../errors.ts";
import type { FileLock } from "../files/file_lock.ts";
import type { Files } from "../files/files.ts";
import { waitForLock } from "../files/wait_for_lock.ts";
import { forgetOld } from "./lease_life.ts";
import type { Moment } from "./moment.ts";
import { EMPTY_STATE, type State } from "./state.ts";
import { formatState, parseState, StateFormatError } from "./state_format.ts";

/** Options of {@linkcode LeaseStore}. */
export interface LeaseStoreOptions {
  /** Where the state file is: its absolute path. */
  readonly path: string;
  /** What reads, writes and locks it. */
  readonly files: Files;
  /** Waits for the lock. */
  readonly clock: Clock;
  /** How long the lock is waited for, in milliseconds. */
  readonly timeoutMs: number;
  /** The time, as later processes can understand it. */
  readonly now: () => Moment;
  /** Who this process is, for those who find the lock taken. */
  readonly holder: string;
  /** Told what is not as it should be though all goes on. */
  readonly warn: (text: string) => void;
}

/** What is remembered between processes of one user. */
export class LeaseStore {
  readonly #options: LeaseStoreOptions;

  /**
   * Makes the store; nothing is read yet.
   *
   * @param options Where it is, and what reads and writes it.
   */
  constructor(options: LeaseStoreOptions) {
    this.#options = options;
  }

  /** The state file's path. */
  get path(): string {
    return this.#options.path;
  }

  /** The time, as later processes can understand it. */
  now(): Moment {
    return this.#options.now();
  }

  /**
   * Reads what is known. A damaged file, or one of another version, is set aside under another name with a warning.
   *
   * @param signal Ends the wait for another process that changes it.
   * @returns What is known.
   * @throws {StoreError} If the file is there and cannot be read.
   */
  async read(signal?: AbortSignal): Promise<State> {
    const { path, files } = this.#options;
    try {
      const text = await files.readText(path);
      if (text === undefined) return EMPTY_STATE;
      try {
        return parseState(text);
      } catch (error) {
        if (!(error instanceof StateFormatError)) throw error;
        // Whoever sets it aside has the lock, and looks again.
        return await this.#locked((text) => Promise.resolve(this.#parse(text)), signal);
      }
    } catch (error) {
      throw this.#failure("read", error);
    }
  }

  /**
   * Changes what is known. Nobody else changes it meanwhile.
   *
   * @param change From what is known to what is to be known; the same object when there is nothing to change.
   * @param signal Ends the wait for another process that changes it.
   * @returns What is known now.
   * @throws {StoreError} If it cannot be written.
   */
  async update(
    change: (state: State) => State | Promise<State>,
    signal?: AbortSignal,
  ): Promise<State> {
    const { path, files, now } = this.#options;
    try {
      return await this.#locked(async (text) => {
        const state = await this.#parse(text);
        const changed = await change(state);
        if (changed === state) return state;
        const kept = forgetOld(changed, now());
        await files.replace(path, formatState(kept));
        return kept;
      }, signal);
    } catch (error) {
      throw this.#failure("write", error);
    }
  }

  /** Sets a damaged file aside, and goes on with nothing. Needs the lock. */
  async #parse(text: string | undefined): Promise<State> {
    const { path, files, now, warn } = this.#options;
    if (text === undefined) return EMPTY_STATE;
    try {
      return parseState(text);
    } catch (error) {
      if (!(error instanceof StateFormatError)) throw error;
      const aside = `${path}.damaged-${new Date(now().wallMs).toISOString().replaceAll(/[-:.]/g, "")}`;
      await files.rename(path, aside);
      warn(
        `The state file ${path} is of no use: ${error.message}. It is now ${aside}, and leases are remembered anew`,
      );
      return EMPTY_STATE;
    }
  }

  async #locked<T>(work: (text: string | undefined) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { path, files } = this.#options;
    const lock = await this.#lock(signal);
    try {
      return await work(await files.readText(path));
    } finally {
      lock?.release();
    }
  }

  /** Where no lock can be made, the file is changed without one. */
  async #lock(signal?: AbortSignal): Promise<FileLock | undefined> {
    const { path, files, clock, timeoutMs, holder } = this.#options;
    await files.makeDirectory(path.slice(0, Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"), 1)));
    const lock = await waitForLock(`${path}.lock`, { files, clock, timeoutMs, holder, signal });
    if (lock === "none") return undefined;
    if (!("heldBy" in lock)) return lock;
    throw new Error(
      `another process (${lock.heldBy ?? "unknown"}) has had it locked for ${timeoutMs / 1000} s`,
    );
  }

  #failure(what: string, error: unknown): unknown {
    const { path } = this.#options;
    if (error instanceof StoreError || !(error instanceof Error)) return error;
    // A signal's reason is not about the file.
    if (error.name === "Stopped") return error;
    return new StoreError(`Cannot ${what} the state file ${path}: ${systemReason(error)}`);
  }
}

/** The system's word, without the names of files that nobody has to know of. */
function systemReason(error: Error): string {
  return error.message.replace(/: [a-z]+ '.*$/s, "");
}
