/**
 * One request at a time to a gateway, from all processes of a user.
 *
 * @module
 */

import { BusyError } from "../errors.ts";
import type { FileLock } from "../files/file_lock.ts";
import { waitForLock, type WaitForLockOptions } from "../files/wait_for_lock.ts";
import { type RequestLock, YIELD_AFTER_MS } from "../net/exchange.ts";
import { pathIn, type StatePaths } from "./state_paths.ts";

/** Options of {@linkcode FileRequestLock}. */
export interface FileRequestLockOptions extends Omit<WaitForLockOptions, "signal" | "files"> {
  /** The gateway's address. */
  readonly gateway: string;
  /** The gateway's UDP port. */
  readonly port: number;
  /** Where the lock is. */
  readonly paths: Pick<StatePaths, "files" | "directory" | "networkNamespace">;
}

/** Waiting processes try again more often than this, so that one of them gets the turn. */
const COURTESY_MS = 100;

/** How long an answer to a later send is waited for: it comes at once, or like those before it not at all. */
const LATER_TURN_MS = 1000;

/** One request at a time to a gateway from all processes of a user (RFC 6886 §3.1), by the lock of a file. */
export class FileRequestLock implements RequestLock {
  readonly #options: FileRequestLockOptions;
  #lock: FileLock | undefined;
  /** Aborted when the turn ends. */
  #turn = new AbortController();

  /** Takes nothing yet. */
  constructor(options: FileRequestLockOptions) {
    this.#options = options;
  }

  async take(signal: AbortSignal | undefined): Promise<void> {
    await this.#take(signal, { timeoutMs: this.#options.timeoutMs, turnMs: YIELD_AFTER_MS });
  }

  async yieldToOthers(signal: AbortSignal): Promise<void> {
    if (this.#lock !== undefined) {
      this.release();
      await this.#options.clock.sleep(COURTESY_MS, { signal });
    }
    // The request's own deadline ends it.
    await this.#take(signal, { timeoutMs: Infinity, turnMs: LATER_TURN_MS });
  }

  release(): void {
    this.#turn.abort();
    this.#lock?.release();
    this.#lock = undefined;
  }

  /** Where no lock can be made, requests go out without it. */
  async #take(
    signal: AbortSignal | undefined,
    { timeoutMs, turnMs }: { readonly timeoutMs: number; readonly turnMs: number },
  ): Promise<void> {
    const { gateway, port, paths: { directory, files, networkNamespace } } = this.#options;
    if (typeof directory !== "string") return;
    // In another network namespace the same address may be another gateway's.
    const where = networkNamespace === undefined ? "" : `-${networkNamespace.inode}`;
    const path = pathIn(directory, `gateway-${gateway}-${port}${where}.lock`);
    const wait = () => waitForLock(path, { ...this.#options, files, timeoutMs, signal });
    let lock = await wait();
    if (lock === "none") {
      // Only the first command of all finds no directory.
      await files.makeDirectory(directory).catch(() => {});
      lock = await wait();
    }
    if (lock === "none") return;
    if (!("heldBy" in lock)) {
      // The request may have ended while the system was asked.
      if (signal?.aborted) lock.release();
      signal?.throwIfAborted();
      this.#lock = lock;
      this.#turn = new AbortController();
      this.#options.clock.sleep(turnMs, { signal: this.#turn.signal }).then(() => this.release(), () => {});
      return;
    }
    const { heldBy: holder, heldForMs } = lock;
    const minutes = Math.floor(heldForMs / 60_000);
    throw new BusyError(
      `Cannot ask ${gateway} within ${Math.round(timeoutMs) / 1000} s: another process` +
        `${holder === undefined ? "" : ` (${holder})`} ` +
        (minutes === 0 ? "is asking it" : `has been asking it for ${minutes} min`),
      holder,
      heldForMs,
    );
  }
}
