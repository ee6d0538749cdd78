/**
 * A sleep that somebody can end.
 *
 * @module
 */

import type { Clock } from "../clock.ts";

/** Sleeps that end when their time comes, when somebody wakes the sleeper, or for good when a signal aborts. */
export class Snooze {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #alarm: AbortController | undefined;

  /**
   * Makes a sleeper that is awake.
   *
   * @param clock Measures and waits.
   * @param signal Ends every sleep.
   */
  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.wake(), { once: true });
  }

  /**
   * Sleeps.
   *
   * @param atMs Until when, in milliseconds of the clock; with `Infinity` until woken.
   */
  async until(atMs: number): Promise<void> {
    if (this.#signal.aborted) return;
    const alarm = new AbortController();
    this.#alarm = alarm;
    try {
      if (atMs === Infinity) await aborted(alarm.signal);
      else await this.#clock.sleep(atMs - this.#clock.now(), { signal: alarm.signal });
    } catch (error) {
      if (!alarm.signal.aborted) throw error;
    } finally {
      this.#alarm = undefined;
    }
  }

  /** Ends the sleep under way, if there is one. */
  wake(): void {
    this.#alarm?.abort();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
