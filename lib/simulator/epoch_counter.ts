/**
 * The seconds since the gateway's table was made (RFC 6886 §3.6), on a clock that can run wrong. Pure.
 *
 * @module
 */

/** The epoch has 32 bits (§3.2). */
const MAX_EPOCH_SECONDS = 2 ** 32 - 1;

/** The epoch of a gateway. */
export class EpochCounter {
  /** The epoch was `#baseSeconds` at `#atMs`, and has gone on from there at `#rate`. */
  #atMs: number;
  #baseSeconds: number;
  #rate = 1;

  /**
   * Starts to count.
   *
   * @param nowMs The time in milliseconds.
   * @param seconds The epoch at that time.
   */
  constructor(nowMs: number, seconds: number) {
    this.#atMs = nowMs;
    this.#baseSeconds = seconds;
  }

  /**
   * The epoch as it is sent.
   *
   * @param nowMs The time in milliseconds.
   * @param offsetSeconds The number to add to it.
   * @returns Whole seconds from 0 to 2^32-1.
   */
  seconds(nowMs: number, offsetSeconds: number): number {
    const seconds = Math.floor(this.#preciseSeconds(nowMs) + offsetSeconds);
    return Math.min(MAX_EPOCH_SECONDS, Math.max(0, seconds));
  }

  /**
   * Makes the clock run faster or slower from now on.
   *
   * @param rate Seconds of the epoch in one second.
   * @param nowMs The time in milliseconds.
   */
  setRate(rate: number, nowMs: number): void {
    this.#baseSeconds = this.#preciseSeconds(nowMs);
    this.#atMs = nowMs;
    this.#rate = rate;
  }

  /**
   * Starts again at 0, since the table was lost (§3.6).
   *
   * @param nowMs The time in milliseconds.
   */
  restart(nowMs: number): void {
    this.#atMs = nowMs;
    this.#baseSeconds = 0;
  }

  #preciseSeconds(nowMs: number): number {
    return this.#baseSeconds + (nowMs - this.#atMs) / 1000 * this.#rate;
  }
}
