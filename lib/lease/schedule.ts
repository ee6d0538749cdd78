/**
 * When leases are asked for, and for how long: everything about their timing. Pure; all times are milliseconds of one
 * monotonic clock.
 *
 * @module
 */

import type { Lease } from "../port_mapper.ts";

// ---- the specification's ----

/** After a loss of state, the first request waits a random time up to this (RFC 6886 §3.7). */
export const MAX_RECREATION_DELAY_MS = 5000;

// ---- ours ----

/** The shortest try, and the shortest pause after a refusal. */
export const MIN_STEP_MS = 2000;

/** The longest try, and the longest pause while nothing is held. */
export const MAX_STEP_MS = 60_000;

/** How long a try lasts that is to find out soon whether the gateway answers: five sends. */
export const SHORT_TRY_MS = 7750;

/** How often the address is asked for where nothing else tells of a change. */
export const POLL_MS = 300_000;

/** How often the way to the gateway is looked at. */
export const CHECK_MS = 30_000;

/** How soon a suspend is noticed: timers stand still in it, so it takes a short one to see the calendar jump. */
export const TICK_MS = 10_000;

/** A calendar that outran the monotonic clock by more than this, or a timer so late: the machine slept. */
export const JUMP_MS = 2000;

/** After an announcement the question waits a random time up to this, as every client heard it. */
export const MAX_QUESTION_DELAY_MS = 1000;

/** Announcements lead to no more than one question in this time. */
export const QUESTION_INTERVAL_MS = 1000;

/** How long the news of a round may wait for the rest of it. */
export const MAX_ROUND_MS = 5000;

/** How long the news of grants wait for the external address, which not every gateway tells: four sends. */
export const ADDRESS_GRACE_MS = 2000;

/** The share of the shortest lifetime that a round lasts at most. */
export const ROUND_SHARE = 1 / 4;

/** Everything that is done at a stop is done within this. */
export const STOP_MS = 3000;

/** The share of its life by which a lease is renewed early when another one is due. */
const JOIN_SHARE = 1 / 64;

/**
 * When a try has to be over, so that it does not starve a lease that lives: half of what will be left of that lease
 * when its turn comes stays free for its own tries.
 *
 * @param dueAtMs When the lease is asked for next.
 * @param expiresAtMs When the lease ends.
 * @param nowMs The time.
 * @returns The time; `Infinity` for a lease that never ends.
 */
export function tryEndMs(dueAtMs: number, expiresAtMs: number, nowMs: number): number {
  const turnMs = Math.max(nowMs, dueAtMs);
  return turnMs + (expiresAtMs - turnMs) / 2;
}

/**
 * How long a try may last.
 *
 * @param endMs The earliest {@linkcode tryEndMs} of all leases, the one that is asked for included.
 * @param nowMs The time.
 * @param maxMs The longest try.
 * @returns 2 s at least, unless the longest is shorter.
 */
export function tryMs(endMs: number, nowMs: number, maxMs: number): number {
  return Math.min(maxMs, Math.max(MIN_STEP_MS, endMs - nowMs));
}

/**
 * From when on a lease is renewed together with others that are due: a little before half of its life.
 *
 * @param lease The lease.
 * @returns The time; never after the lease is due itself.
 */
export function joinsAtMs(lease: Lease): number {
  const { grantedAtMs, lifetimeSeconds, requestedLifetimeSeconds, renewAtMs } = lease;
  const lifeMs = 1000 * Math.min(lifetimeSeconds, requestedLifetimeSeconds);
  return Math.min(renewAtMs, grantedAtMs + lifeMs * (1 / 2 - JOIN_SHARE));
}

/** How a try failed. */
export interface FailedTry {
  /** How many failed in a row, this one included. */
  readonly failures: number;
  /** Whether nobody answered, so that the try itself took its time. */
  readonly wasSilent: boolean;
  /** Whether the gateway said no. */
  readonly wasRefused: boolean;
  /** When the try began. */
  readonly startedAtMs: number;
  /** When it failed. */
  readonly nowMs: number;
  /** When the lease ends that was to be renewed; absent when there was none. */
  readonly expiresAtMs?: number | undefined;
}

/**
 * When to try again. A lease that lives: at once after silence, at half of what is left after a refusal. Otherwise in
 * steps that double from 2 s to 60 s.
 *
 * @param failed How the try failed.
 * @returns The time.
 */
export function retryAtMs(failed: FailedTry): number {
  const { failures, wasSilent, wasRefused, startedAtMs, nowMs, expiresAtMs } = failed;
  const stepMs = Math.min(MAX_STEP_MS, MIN_STEP_MS * 2 ** Math.min(10, failures - 1));
  if (expiresAtMs === undefined) return wasSilent ? Math.max(nowMs, startedAtMs + stepMs) : nowMs + stepMs;
  if (wasSilent) return Math.max(nowMs, startedAtMs + MIN_STEP_MS);
  const halfMs = Math.max(MIN_STEP_MS, (expiresAtMs - nowMs) / 2);
  return nowMs + (wasRefused ? halfMs : Math.min(halfMs, stepMs));
}
