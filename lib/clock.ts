/**
 * Time as an argument: everything that waits or measures takes a {@linkcode Clock}.
 *
 * @module
 */

/** Options of {@linkcode Clock.sleep}. */
export interface SleepOptions {
  /** Ends the sleep early; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A source of time that a test can replace. */
export interface Clock {
  /** Milliseconds on a monotonic clock with an arbitrary origin. */
  now(): number;
  /** The calendar time, which can be set and can jump. */
  wallNow(): Date;
  /** Resolves after `ms` milliseconds, however many; rejects when the signal aborts. */
  sleep(ms: number, options?: SleepOptions): Promise<void>;
}

/** The longest delay that `setTimeout` honours: from 2^31 ms on it fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(id);
      reject(signal?.reason);
    };
    const id = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => new Date(),
  async sleep(ms, { signal } = {}) {
    let leftMs = ms;
    for (; leftMs > MAX_TIMER_MS; leftMs -= MAX_TIMER_MS) await timer(MAX_TIMER_MS, signal);
    await timer(Math.max(0, leftMs), signal);
  },
};
