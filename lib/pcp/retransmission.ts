/**
 * When a request is sent again (RFC 6887 §8.1.1).
 *
 * @module
 */

import { MAX_WAIT_MS, WAIT_JITTER } from "./constants.ts";

/** Ours: how long a request lasts when its caller names no limit, as with NAT-PMP. §8.1.1 never gives up. */
export const DEFAULT_TIMEOUT_MS = 7750;

/**
 * How long each send waits for its answer, in whole milliseconds and without an end: about twice as long as the wait
 * before, up to {@linkcode MAX_WAIT_MS}. Each is longer or shorter by a random part of a tenth (§8.1.1).
 *
 * @example A request that is sent three times
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ONE_SHOT_FIRST_WAIT_MS } from "./constants.ts";
 * import { retransmissionWaitsMs } from "./retransmission.ts";
 *
 * const inTheMiddle = () => 0.5;
 * assertEquals([...retransmissionWaitsMs(ONE_SHOT_FIRST_WAIT_MS, inTheMiddle).take(3)], [250, 500, 1000]);
 * ```
 */
export function* retransmissionWaitsMs(firstWaitMs: number, random: () => number): Generator<number, never> {
  for (let nominalMs = firstWaitMs;;) {
    const waitMs = nominalMs * (1 + WAIT_JITTER * (2 * random() - 1));
    yield Math.round(waitMs);
    nominalMs = Math.min(2 * waitMs, MAX_WAIT_MS);
  }
}
