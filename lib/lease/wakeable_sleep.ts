/**
 * Sleeps that somebody can end.
 *
 * @module
 */

import type { Clock } from "../clock.ts";

/** Sleeps that end when their time comes, when somebody wakes the sleeper, or for good when a signal aborts. */
export class WakeableSleep {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #alarm: AbortController | undefined;

  /** Begins awake. */
  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.wake(), { once: true });
  }

  /** Sleeps for this many milliseconds; with `Infinity` until woken. */
  async for(ms: number): Promise<void> {
    if (this.#signal.aborted) return;
    const alarm = new AbortController();
    this.#alarm = alarm;
    try {
      if (ms === Infinity) await aborted(alarm.signal);
      else await this.#clock.sleep(Math.max(0, ms), { signal: alarm.signal });
    } catch (error) {
      if (!alarm.signal.aborted) throw error;
    } finally {
      this.#alarm = undefined;
    }
  }

  /** Ends the present sleep, if there is one. */
  wake(): void {
    this.#alarm?.abort();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
