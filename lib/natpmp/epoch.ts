/**
 * Whether a gateway's clock shows that it lost its mappings (RFC 6886 §3.6). Pure.
 *
 * @module
 */

/** A gateway's statement of the age of its mapping table, and the time of it. */
export interface EpochSample {
  /** Seconds since the gateway's table was made (§3.6). */
  readonly epochSeconds: number;
  /** When that was heard, in milliseconds of a monotonic clock. */
  readonly atMs: number;
}

/** A gateway's clock may run this much slower than ours (§3.6). */
const SLOWEST_RATE = 7 / 8;

/** The epoch has to fall short by more than this many seconds to count (§3.6). */
const TOLERANCE_SECONDS = 2;

// ---- ours: the RFC believes every epoch ----

/**
 * An epoch that is wrong this many times in a row is nonsense: it stands still, or its bytes are in the wrong order.
 */
const MAX_WRONG_IN_A_ROW = 3;

/** A clock may run this much faster than ours and be right. */
const FASTEST_RATE = 8 / 7;

/** An epoch has to be right for this long after it was wrong to count as right. */
const CONFIRMATION_MS = 300_000;

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

/** The known epochs of a gateway. */
export interface EpochRecord {
  /** The last one. */
  readonly last: EpochSample;
  /** How often it was wrong in a row, and when it was so last; absent while it is right. */
  readonly wrong?: { readonly times: number; readonly last: EpochSample } | undefined;
}

/**
 * Checks whether a gateway's epochs still mean something.
 *
 * @param record The known epochs.
 * @returns Whether a loss of state is found by them.
 */
export function isEpochBelieved(record: EpochRecord | undefined): boolean {
  return (record?.wrong?.times ?? 0) < MAX_WRONG_IN_A_ROW;
}

/**
 * Judges an epoch by those before it. Losses are believed until there were too many in a row; an epoch that is ignored
 * is believed again once it has been right for a while.
 *
 * @param record The known epochs; `undefined` when this is the first.
 * @param next The new sample.
 * @returns The epochs known now, and whether the mappings are lost.
 */
export function judgeEpoch(
  record: EpochRecord | undefined,
  next: EpochSample,
): { readonly record: EpochRecord; readonly isLost: boolean } {
  if (record === undefined) return { record: { last: next }, isLost: false };
  const { wrong } = record;
  if (isStateLost(record.last, next)) {
    const times = Math.min(MAX_WRONG_IN_A_ROW, (wrong?.times ?? 0) + 1);
    const judged = { last: next, wrong: { times, last: next } };
    return { record: judged, isLost: isEpochBelieved(judged) };
  }
  const isRight = wrong === undefined || isConfirmed(wrong.last, next);
  return { record: isRight ? { last: next } : { last: next, wrong }, isLost: false };
}

function isConfirmed(from: EpochSample, to: EpochSample): boolean {
  const elapsedMs = to.atMs - from.atMs;
  const latestSeconds = from.epochSeconds + FASTEST_RATE * elapsedMs / 1000 + TOLERANCE_SECONDS;
  return elapsedMs >= CONFIRMATION_MS && !isStateLost(from, to) && to.epochSeconds <= latestSeconds;
}
