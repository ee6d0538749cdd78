/**
 * All timing of the engine: how long tries last, when a lease is asked for again, how long things are waited for. Pure.
 *
 * When a living lease is to be renewed is its protocol's business, and is in the lease itself. Here is the rest.
 *
 * @module
 */

// ---- the standards' ----

/** After a loss of state, the first request waits a random time up to this (RFC 6886 §3.7). */
export const MAX_RECREATION_DELAY_MS = 5000;

/** The sends of a deletion that nobody waits for: one or two retries are enough (RFC 6886 §3.1). */
export const RELEASE_ATTEMPTS = 2;

// ---- ours: tries ----

/** The shortest try, and the shortest pause after a refusal. */
export const MIN_STEP_MS = 2000;

/** The longest try, and the longest pause while nothing is held. */
export const MAX_STEP_MS = 60_000;

/** How long a try lasts that is to find out soon whether the gateway answers: five sends. */
export const SHORT_TRY_MS = 7750;

/** One try without an answer can happen; this many in a row are reported. */
export const REPORTED_SILENT_TRIES = 2;

/** This many requests without an answer make a gateway silent that answered before. */
export const SILENT_GATEWAY_TRIES = 2;

/** This many questions for the address without an answer make a gateway mute that answers others. */
export const MUTE_TRIES = 2;

// ---- ours: rounds ----

/** How long the news of a round may wait for the rest of it. */
export const MAX_ROUND_MS = 5000;

/** How long the news of grants wait for the external address, which not every gateway reports: four sends. */
export const ADDRESS_GRACE_MS = 2000;

/** The share of the shortest lifetime that a round lasts at most. */
export const ROUND_SHARE = 1 / 4;

/** How often the address is asked for where nothing else shows a change. */
export const POLL_MS = 300_000;

/** After an announcement the question waits a random time up to this, as every client heard it. */
export const MAX_QUESTION_DELAY_MS = 1000;

/** Announcements lead to no more than one question in this time. */
export const QUESTION_INTERVAL_MS = 1000;

/** This many events wait for a listener one by one; one that is further behind hears of the present state. */
export const MAX_WAITING_EVENTS = 1000;

/** Everything that is done at a stop is done within this. */
export const STOP_MS = 3000;

// ---- ours: what is watched beside the rounds ----

/** How often the route to the gateway is looked at. */
export const CHECK_MS = 30_000;

/** How soon a suspend is noticed: timers stop in it, so only a short timer sees the time jump. */
export const TICK_MS = 10_000;

/** Time that ran ahead of the monotonic clock by more than this, or a timer this late: the machine slept. */
export const JUMP_MS = 2000;

/**
 * A gateway whose epoch is broken seems to lose its state with every reply, and one whose address flaps with every
 * question. More losses than this in an hour are not
 * acted on, a deviation from RFC 6886 §3.6 without which such a gateway would be asked for everything every few seconds.
 */
export const MAX_LOSSES = 10;

/** The hour of {@linkcode MAX_LOSSES}. */
export const LOSS_WINDOW_MS = 3_600_000;

// ---- ours: commands that run again and again ----

/** How many further runs a lease has to survive: the next one may fail. */
export const RUNS_TO_SURVIVE = 2;

/** Leases should last this many runs; shorter ones need `watch`. */
export const RUNS_PER_LIFETIME = 3;

/**
 * When a try has to be over, so that it does not starve a living lease: half of what will be left of that lease when
 * its turn comes stays free for its own tries.
 *
 * @param dueInMs When the lease is asked for next, from now on; negative for one that is due.
 * @param leftMs How long the lease lives from now on; `Infinity` for one that never ends.
 * @returns Milliseconds from now on.
 */
export function tryEndInMs(dueInMs: number, leftMs: number): number {
  if (leftMs === Infinity) return Infinity;
  const turnInMs = Math.max(0, dueInMs);
  return turnInMs + (leftMs - turnInMs) / 2;
}

/** How long a try may last: until `endInMs` and no longer than `maxMs`, but 2 s at least where that lets it. */
export function tryMs(endInMs: number, maxMs: number): number {
  return Math.min(maxMs, Math.max(MIN_STEP_MS, endInMs));
}

/** How a try failed. */
export interface FailedTry {
  /** How many failed in a row, this one included. */
  readonly failures: number;
  /** Whether nobody answered, so that the try itself took its time. */
  readonly wasSilent: boolean;
  /** Whether the gateway refused. */
  readonly wasRefused: boolean;
  /** How long ago the try began. */
  readonly tookMs: number;
  /** How long the lease lives that was to be renewed; absent when there was none. */
  readonly leftMs?: number | undefined;
  /** The shortest pause that the lease's protocol wants. */
  readonly minRetryGapMs?: number | undefined;
}

/**
 * How long to wait before the next try. A living lease: not at all after silence, half of what is left after a refusal.
 * Otherwise, and for a lease that never ends, steps that double from 2 s to 60 s.
 */
export function retryInMs(failed: FailedTry): number {
  const { failures, wasSilent, wasRefused, tookMs, leftMs, minRetryGapMs = MIN_STEP_MS } = failed;
  const stepMs = Math.min(MAX_STEP_MS, MIN_STEP_MS * 2 ** Math.min(10, failures - 1));
  if (leftMs === undefined) return wasSilent ? Math.max(0, stepMs - tookMs) : stepMs;
  if (wasSilent) return Math.max(0, minRetryGapMs - tookMs);
  const halfMs = Math.max(minRetryGapMs, leftMs === Infinity ? stepMs : leftMs / 2);
  return wasRefused ? halfMs : Math.min(halfMs, stepMs);
}
