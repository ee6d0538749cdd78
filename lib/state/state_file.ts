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
import type { StoredTime } from "../lease/stored_time.ts";
import { formatState, NewerStateError, parseState, StateFormatError } from "./format.ts";
import { EMPTY_STATE, type State, type WatchClaim } from "./records.ts";
import { forgetOld } from "./retention.ts";

/** Options of {@linkcode StateFile}. */
export interface StateFileOptions {
  /** Where the state file is: its absolute path. */
  readonly path: string;
  /** Whether a person named it, who may have meant another file: only what looks like a state is then set aside. */
  readonly isNamed?: boolean;
  /** Reads, writes and locks it. */
  readonly files: Files;
  /** Waits for the lock. */
  readonly clock: Clock;
  /** How long the lock is waited for, in milliseconds. */
  readonly timeoutMs: number;
  /** The time, as later processes can understand it. */
  readonly now: () => StoredTime;
  /** A description of this process, for those who find the lock taken. */
  readonly holder: string;
  /** Called with each warning; the command goes on. */
  readonly warn: (text: string) => void;
}

/** How a state file begins; what a power failure leaves of one may be empty, or nothing but zeros. */
const LOOKS_LIKE_STATE = /^[\s\0]*($|\{\s*"version")/;

/** Some 10,000 leases; a file that is larger was not written here. */
const MAX_BYTES = 4 * 2 ** 20;

const TOO_LARGE = "it is larger than 4 MiB";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The state file: the records that the processes of one user leave each other. */
export class StateFile {
  readonly #options: StateFileOptions;

  /** Reads nothing yet. */
  constructor(options: StateFileOptions) {
    this.#options = options;
  }

  /** The state file's path. */
  get path(): string {
    return this.#options.path;
  }

  /** The directory that the state file is in; it need not be there yet. */
  get directory(): string {
    return directoryOf(this.path);
  }

  /** The time, as later processes can understand it. */
  now(): StoredTime {
    return this.#options.now();
  }

  /**
   * Reads what is known. A damaged file is set aside under another name with a warning.
   *
   * @param signal Ends the wait for another process that changes it.
   * @throws {StoreError} If the file is there and cannot be read, or a newer program wrote it.
   */
  async read(signal?: AbortSignal): Promise<State> {
    const { path, files } = this.#options;
    const text = await this.#ask("read", () => files.readText(path, MAX_BYTES + 1));
    if (text === undefined) return EMPTY_STATE;
    try {
      return this.#parse(text);
    } catch (error) {
      if (error instanceof NewerStateError) throw this.#tooNew(error);
      if (!(error instanceof StateFormatError)) throw error;
      // The process that sets it aside has the lock, and looks again.
      return await this.#locked(() => this.#readLocked(), signal);
    }
  }

  /**
   * Changes what is known. Nobody else changes it meanwhile.
   *
   * @param change From what is known to what is to be known; the same object when there is nothing to change.
   * @param signal Ends the wait for another process that changes it.
   * @throws {StoreError} If it cannot be written.
   * @throws {unknown} The error of the change, or the signal's reason.
   */
  async update(
    change: (state: State) => State | Promise<State>,
    signal?: AbortSignal,
  ): Promise<State> {
    const { path, files, now } = this.#options;
    return await this.#locked(async (isAlone) => {
      const state = await this.#readLocked();
      const changed = await change(state);
      if (changed === state) return state;
      const kept = forgetOld(changed, now());
      const text = formatState(kept);
      if (byteLength(text) > MAX_BYTES) {
        throw new StoreError(`Cannot write the state file ${path}: it would be larger than 4 MiB`);
      }
      await this.#ask("write", () => files.replace(path, text, { isAlone }));
      return kept;
    }, signal);
  }

  /** Sets a damaged file aside, and goes on with nothing. Needs the lock. */
  async #readLocked(): Promise<State> {
    const { path, isNamed, files, now, warn } = this.#options;
    const text = await this.#ask("read", () => files.readText(path, MAX_BYTES + 1));
    if (text === undefined) return EMPTY_STATE;
    try {
      return this.#parse(text);
    } catch (error) {
      if (error instanceof NewerStateError) throw this.#tooNew(error);
      if (!(error instanceof StateFormatError)) throw error;
      if (isNamed && !LOOKS_LIKE_STATE.test(text)) {
        throw new StoreError(
          `Cannot use ${path} as the state file: ${error.message}. The file stays as it is`,
        );
      }
      const aside = `${path}.damaged-${new Date(now().wallMs).toISOString().replaceAll(/[-:.]/g, "")}`;
      await files.rename(path, aside).catch((failure) => {
        throw new StoreError(
          `Cannot use the state file ${path}: ${error.message}. It cannot be renamed either: ${
            systemReason(failure)
          }`,
        );
      });
      warn(
        `Cannot use the state file ${path}: ${error.message}. It is now ${aside}, and a new state file begins empty`,
      );
      return EMPTY_STATE;
    }
  }

  /** A downgrade loses nothing: the newer program finds its file as it was. */
  #tooNew({ message }: NewerStateError): StoreError {
    return new StoreError(
      `Cannot use the state file ${this.#options.path}: ${message}. The file stays as it is, and leases are not remembered`,
    );
  }

  #parse(text: string): State {
    if (byteLength(text) > MAX_BYTES) throw new StateFormatError(TOO_LARGE);
    const state = parseState(text);
    return {
      ...state,
      gateways: state.gateways.map((record) => ({
        ...record,
        watches: record.watches.flatMap((one) => this.#own(one)),
      })),
    };
  }

  /**
   * A watch's lock is a file beside this one, and is opened and removed as that: the path in the text may be any. Two
   * spellings of one directory are the same directory.
   */
  #own({ lock, mappings }: WatchClaim): WatchClaim | readonly [] {
    const name = nameOf(lock);
    const begin = `${nameOf(this.path)}.keeper-`;
    const end = ".lock";
    const isWatchs = name.startsWith(begin) && name.endsWith(end) &&
      UUID.test(name.slice(begin.length, -end.length));
    return isWatchs ? { lock: this.path.slice(0, -nameOf(this.path).length) + name, mappings } : [];
  }

  async #locked<T>(work: (isAlone: boolean) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const lock = await this.#lock(signal);
    try {
      return await work(lock !== undefined);
    } finally {
      lock?.release();
    }
  }

  /** Where no lock can be made, the file is changed without one. */
  async #lock(signal?: AbortSignal): Promise<FileLock | undefined> {
    const { path, files, clock, timeoutMs, holder } = this.#options;
    const wait = () => waitForLock(`${path}.lock`, { files, clock, timeoutMs, holder, signal });
    let lock = await wait();
    if (lock === "none") {
      // Only the first command of all finds no directory.
      await this.#ask("write", () => files.makeDirectory(this.directory));
      lock = await wait();
    }
    if (lock === "none") return undefined;
    if (!("heldBy" in lock)) return lock;
    throw new StoreError(
      `Cannot write the state file ${path}: another process (${lock.heldBy ?? "unknown"}) ` +
        `has kept it locked for ${Math.round(timeoutMs) / 1000} s`,
    );
  }

  async #ask<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw new StoreError(`Cannot ${what} the state file ${this.#options.path}: ${systemReason(error)}`);
    }
  }
}

/** The directory of an absolute path. */
function directoryOf(path: string): string {
  return path.slice(0, Math.max(path.length - nameOf(path).length - 1, 1));
}

/** The last name of an absolute path. Only Windows takes a backslash for a separator. */
function nameOf(path: string): string {
  const end = path.startsWith("/") ? path.lastIndexOf("/") : path.search(/[/\\][^/\\]*$/);
  return path.slice(end + 1);
}

/** How many bytes a text takes; at least one a character, at most three. */
function byteLength(text: string): number {
  return 3 * text.length <= MAX_BYTES ? text.length : new TextEncoder().encode(text).length;
}

/** The system's message, without the names of internal files. */
function systemReason(error: Error): string {
  return error.message.replace(/: [a-z]+ '.*$/s, "");
}
