/**
 * One request to one matching reply, over datagrams that may be lost, late, doubled or forged.
 *
 * @module
 */

import {
  type Exchanged,
  type ExchangeOptions,
  type ExchangeParts,
  type ExchangeRequest,
  PendingRequest,
} from "./pending_request.ts";
import type { Endpoint } from "./datagram.ts";

export { YIELD_AFTER_MS } from "./pending_request.ts";
export type {
  Exchanged,
  ExchangeEvent,
  ExchangeOptions,
  ExchangeParts,
  ExchangeRequest,
  Match,
  RequestLock,
} from "./pending_request.ts";

/**
 * Requests to one server, one outstanding at a time, the others waiting in order (RFC 6886 §3.1).
 *
 * Every request has a fresh socket on a port of its own, so that a late reply to one cannot answer the next.
 */
export class Exchange {
  readonly #server: Endpoint;
  readonly #parts: ExchangeParts;
  readonly #turns = new Turns();
  #hasAnswered = false;

  /**
   * @param server The server to ask.
   * @param parts Clock, sockets and observer.
   */
  constructor(server: Endpoint, parts: ExchangeParts) {
    this.#server = server;
    this.#parts = parts;
  }

  /**
   * Sends a request once the ones before it are done, and again by the schedule until its answer comes. Datagrams
   * from elsewhere, and those that the matcher discards, neither end the request nor prolong it nor cause a re-send.
   *
   * @param request The datagram to send, and the match for its answer.
   * @param options Schedule, deadline and abort signal.
   * @returns The answer and what it cost.
   * @throws {NoAnswerError} If no answer came in time.
   * @throws {NotSupportedError} If the server's host reports a closed port, and no answer ever came.
   * @throws {SocketError} If no socket can be opened.
   * @throws {RangeError} If a limit is out of range.
   * @throws {unknown} The signal's reason, if it aborts; the request lock's, if it gives no turn.
   */
  async request<T>(request: ExchangeRequest<T>, options: ExchangeOptions): Promise<Exchanged<T>> {
    requireLimits(options);
    return await this.#turns.take(options.signal, async () => {
      try {
        await this.#parts.requestLock?.take(options.signal);
        // One refused datagram from a server that answered before can happen; it counts only if silence follows.
        const pending = new PendingRequest(this.#server, this.#parts, request, {
          ...options,
          refusalIsVerdict: !this.#hasAnswered,
        });
        const exchanged = await pending.run();
        this.#hasAnswered = true;
        return exchanged;
      } finally {
        this.#parts.requestLock?.release();
      }
    });
  }
}

/** Lets one at a time act, in the order in which they came. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Waits for a turn and acts. Rejects with the signal's reason when that comes before the turn. */
  async take<T>(signal: AbortSignal | undefined, act: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const turn = Promise.withResolvers<void>();
    this.#last = before.then(() => turn.promise);
    try {
      await untilAborted(before, signal);
      return await act();
    } finally {
      turn.resolve();
    }
  }
}

/** Waits for a promise, or rejects with the signal's reason when that comes first. */
async function untilAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return await promise;
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Throws a `RangeError` for limits that no request can keep to. */
export function requireLimits({ maxAttempts = 1, timeoutMs = 1 }: {
  readonly maxAttempts?: number | undefined;
  readonly timeoutMs?: number | undefined;
}): void {
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1) {
    throw new RangeError(
      `Cannot send ${maxAttempts} times: the number of attempts is a whole number from 1`,
    );
  }
  if (!(timeoutMs > 0)) throw new RangeError(`Cannot wait ${timeoutMs} ms: a timeout is a number above 0`);
}
