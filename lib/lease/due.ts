/**
 * Which leases a command that comes again and again has to renew now. Pure.
 *
 * @module
 */

import { leftMs, standingOf } from "./lease_life.ts";
import type { Moment } from "./moment.ts";
import type { StoredLease } from "./state.ts";

/** What a lease is judged by. */
export interface DueOptions {
  /** The time. */
  readonly now: Moment;
  /** The time since the command ran before, in milliseconds; `undefined` when it never did, or nobody knows. */
  readonly intervalMs: number | undefined;
  /** The lifetime that is wanted, in seconds; `undefined` when any will do. */
  readonly lifetimeSeconds: number | undefined;
}

/** How many further runs a lease has to survive: the next one may fail. */
const RUNS_TO_SURVIVE = 2;

/** Leases should see this many runs, or somebody who runs all the time is to keep them. */
const RUNS_PER_LIFETIME = 3;

/**
 * Tells whether a lease is to be renewed now: it is past half of its life, would not survive two more runs, was
 * forgotten, was asked for with another lifetime, its age is not known, or a program that was to be told of it was not.
 *
 * @param lease The lease; `undefined` for one that is not known.
 * @param options The time, the interval and the lifetime that is wanted.
 * @returns Whether it is due.
 */
export function isDue(lease: StoredLease | undefined, options: DueOptions): boolean {
  const { now, intervalMs, lifetimeSeconds } = options;
  if (lease === undefined || lease.isUntold || standingOf(lease, now) !== "alive") return true;
  if (lifetimeSeconds !== undefined && lifetimeSeconds !== lease.requestedLifetimeSeconds) return true;
  const left = leftMs(lease, now)!;
  const ageMs = lease.lifetimeSeconds * 1000 - left;
  // Of a grant for ever after, the lifetime that was asked for counts, as in a keeper's renewals.
  const lifeMs = 1000 * Math.min(lease.lifetimeSeconds, lease.requestedLifetimeSeconds);
  return ageMs >= lifeMs / 2 || (intervalMs !== undefined && left <= RUNS_TO_SURVIVE * intervalMs);
}

/**
 * Tells whether a lease is too short for the interval at which a command comes.
 *
 * @param lifetimeSeconds The lifetime that was granted.
 * @param intervalMs The time since the command ran before.
 * @returns Whether it does not see three runs.
 */
export function isTooShort(lifetimeSeconds: number, intervalMs: number | undefined): boolean {
  return intervalMs !== undefined && lifetimeSeconds * 1000 < RUNS_PER_LIFETIME * intervalMs;
}
