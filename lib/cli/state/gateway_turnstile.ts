import { BusyError } from "../../errors.ts";
import type { FileLock } from "../../files/file_lock.ts";
import { waitForLock, type WaitForLockOptions } from "../../files/wait_for_lock.ts";
import type { Turnstile } from "../../net/exchange.ts";
import { pathIn, type StateHome } from "../state_home.ts";

/** Options of {@linkcode GatewayTurnstile}. */
export interface GatewayTurnstileOptions extends Omit<WaitForLockOptions, "signal" | "files"> {
  /** The gateway's address. */
  readonly gateway: string;
  /** The gateway's UDP port. */
  readonly port: number;
  /** Where the lock is. */
  readonly home: Pick<StateHome, "files" | "directory" | "networkNamespace">;
}

/** Those who wait try again more often than this, so that one of them gets the turn. */
const COURTESY_MS = 100;

/**
 * A request that is not answered for so long is as good as lost, and others go first until it is sent again. It is less
 * than others wait by default, or a `watch` on a silent gateway would keep them out.
 */
const FIRST_TURN_MS = 4000;

/** So long an answer to a later send is waited for: it comes at once, or like those before it not at all. */
const LATER_TURN_MS = 1000;

/** One request at a time to a gateway from all processes of a user (RFC 6886 §3.1), by the lock of a file. */
export class GatewayTurnstile implements Turnstile {
  readonly #options: GatewayTurnstileOptions;
  #lock: FileLock | undefined;
  /** Aborted when the turn ends. */
  #turn = new AbortController();

  /**
   * @param options The gateway, who waits, and how long.
   */
  constructor(options: GatewayTurnstileOptions) {
    this.#options = options;
  }

  async take(signal: AbortSignal | undefined): Promise<void> {
    await this.#take(signal, { timeoutMs: this.#options.timeoutMs, turnMs: FIRST_TURN_MS });
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
    const { gateway, port, home: { directory, files, networkNamespace } } = this.#options;
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
      `Waited ${timeoutMs / 1000} s for a turn at ${gateway}, which another process` +
        `${holder === undefined ? "" : ` (${holder})`} has${
          minutes === 0 ? "" : ` had for ${minutes} min`
        }. ` +
        (minutes === 0 ? "Try again, or wait longer with --timeout" : "See whether it hangs, and end it"),
      holder,
      heldForMs,
    );
  }
}
