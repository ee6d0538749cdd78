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
  /** The time of the wall clock, which can be set and can jump. */
  wallNow(): Date;
  /**
   * Waits.
   *
   * @param ms How long, in milliseconds; there is no upper limit.
   * @param options The signal that ends it early.
   * @returns A promise that resolves after that time, and rejects when the signal aborts.
   */
  sleep(ms: number, options?: SleepOptions): Promise<void>;
}

/** The longest delay that the system's timers honour: from 2^31 ms on they fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * One timer. The first `setTimeout` of a process costs Deno 2.9 about 10 ms, a timeout signal less than 1 ms; left
 * behind without a listener, it holds up neither the process nor a test.
 */
function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timeout = AbortSignal.timeout(ms);
  const settle = () => {
    timeout.removeEventListener("abort", settle);
    signal?.removeEventListener("abort", settle);
    if (signal?.aborted) reject(signal.reason);
    else resolve();
  };
  timeout.addEventListener("abort", settle);
  signal?.addEventListener("abort", settle);
  return promise;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => new Date(),
  async sleep(ms, { signal } = {}) {
    let leftMs = ms;
    for (; leftMs > MAX_TIMER_MS; leftMs -= MAX_TIMER_MS) await timer(MAX_TIMER_MS, signal);
    await timer(Math.max(0, Math.ceil(leftMs)), signal);
  },
};
