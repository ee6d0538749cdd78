/**
 * Whether a server's clock shows that it lost its mappings (RFC 6887 §8.5). Pure.
 *
 * @module
 */

import type { EpochSample } from "../epoch_tracker.ts";

/** An epoch may be this much older than the one before: datagrams overtake each other (§8.5). */
const REORDERING_SECONDS = 1;

/** The two clocks may differ by this, whatever the time that passed (§8.5). */
const TOLERANCE_SECONDS = 2;

/** One clock may run slower than the other by one part of this many (§8.5). */
const TOLERATED_PART = 16;

/**
 * Checks whether a server lost its mappings between two samples (§8.5): its epoch went back, or it fell behind our clock
 * or ran ahead of it too far. NAT-PMP's rule has only the second of the three. The caller keeps the newer sample as the
 * next one's baseline, also when there was a loss.
 *
 * The arithmetic is that of §8.5, in whole seconds; the numbers are signed, as an epoch may go back by 1.
 *
 * @example Ten minutes later
 * ```ts
 * import { assert, assertFalse } from "@std/assert";
 * import { isStateLost } from "./epoch.ts";
 *
 * const last = { epochSeconds: 1000, atMs: 0 };
 * assertFalse(isStateLost(last, { epochSeconds: 1561, atMs: 600_000 }));
 * assert(isStateLost(last, { epochSeconds: 1560, atMs: 600_000 }));
 * assert(isStateLost(last, { epochSeconds: 1643, atMs: 600_000 }));
 * ```
 */
export function isStateLost(last: EpochSample | undefined, next: EpochSample): boolean {
  if (last === undefined) return false;
  const server = next.epochSeconds - last.epochSeconds;
  const client = Math.trunc((next.atMs - last.atMs) / 1000);
  return server < -REORDERING_SECONDS || isBehind(client, server) || isBehind(server, client);
}

function isBehind(slower: number, faster: number): boolean {
  return slower + TOLERANCE_SECONDS < faster - Math.trunc(faster / TOLERATED_PART);
}
