/**
 * Whether a gateway's clock shows that it lost its mappings (RFC 6886 §3.6). Pure.
 *
 * @module
 */

import type { EpochSample } from "../epoch_tracker.ts";

/** A gateway's clock may run this much slower than ours (§3.6). */
const SLOWEST_RATE = 7 / 8;

/** The epoch has to fall short by more than this many seconds to count (§3.6). */
const TOLERANCE_SECONDS = 2;

/**
 * Checks whether a gateway lost its mappings between two samples (§3.6): its epoch is more than 2 s less than 7/8 of
 * the time that passed would make it. A gateway's clock that runs fast shows nothing. The caller keeps the newer sample
 * as the next one's baseline, also when there was a loss, so that one loss is found once.
 *
 * @param last The sample before; `undefined` when there is none, which is never a loss.
 * @param next The new sample.
 * @returns Whether the mappings are lost.
 *
 * @example Ten minutes later
 * ```ts
 * import { assert, assertFalse } from "@std/assert";
 * import { isStateLost } from "./epoch.ts";
 *
 * const last = { epochSeconds: 1000, atMs: 0 };
 * assertFalse(isStateLost(last, { epochSeconds: 1523, atMs: 600_000 }));
 * assert(isStateLost(last, { epochSeconds: 1522, atMs: 600_000 }));
 * ```
 */
export function isStateLost(last: EpochSample | undefined, next: EpochSample): boolean {
  if (last === undefined) return false;
  const elapsedSeconds = (next.atMs - last.atMs) / 1000;
  const expectedSeconds = last.epochSeconds + SLOWEST_RATE * elapsedSeconds;
  return next.epochSeconds < expectedSeconds - TOLERANCE_SECONDS;
}
