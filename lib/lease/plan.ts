/**
 * The next step, and its time: pure functions of the ledger, of the wanted mappings and of the time.
 *
 * @module
 */

import type { TransportProtocol } from "../port_mapper.ts";
import {
  ageMs,
  type HeldLease,
  isHeld,
  type Ledger,
  leftMs,
  lifeMs,
  type Now,
  type WantedMapping,
} from "./ledger.ts";
import { MAX_ROUND_MS, MAX_STEP_MS, ROUND_SHARE, SHORT_TRY_MS, tryEndInMs, tryMs } from "./timing.ts";

// ---- one wanted mapping ----

/** Whether one of its mappings is held. */
export function isAnyHeld(ledger: Ledger, wanted: WantedMapping, now: Now): boolean {
  for (const protocol of wanted.protocols) {
    if (isHeld(ledger.of(protocol, wanted.internalPort), now.stored)) return true;
  }
  return false;
}

/** The shortest time that one of its leases still lives; `Infinity` without one. */
export function shortestLeftMs(ledger: Ledger, wanted: WantedMapping, now: Now): number {
  return least(ledger, wanted, now, (lease) => leftMs(lease, now.stored) ?? 0);
}

/** How long until a wanted mapping is asked for, in milliseconds; 0 or less when it is due. */
export function dueInMs(ledger: Ledger, wanted: WantedMapping, now: Now): number {
  const { retryAtMs, isDue } = ledger.tries(wanted);
  const newInMs = ledger.newFromMs - now.ms;
  if (newInMs > 0 && !isAnyHeld(ledger, wanted, now)) {
    return Math.max(newInMs, (retryAtMs ?? -Infinity) - now.ms);
  }
  if (retryAtMs !== undefined) return retryAtMs - now.ms;
  return isDue || isIncomplete(ledger, wanted, now)
    ? -Infinity
    : least(ledger, wanted, now, (lease) => lease.renewAfterMs - (ageMs(lease, now.stored) ?? Infinity));
}

/** How long until it may be renewed together with others. */
export function joinInMs(ledger: Ledger, wanted: WantedMapping, now: Now): number {
  const { retryAtMs } = ledger.tries(wanted);
  if (retryAtMs !== undefined) return dueInMs(ledger, wanted, now);
  const join = least(
    ledger,
    wanted,
    now,
    (lease) => lease.joinAfterMs - (ageMs(lease, now.stored) ?? Infinity),
  );
  return Math.min(join, dueInMs(ledger, wanted, now));
}

/** The protocols to ask for: what is missing or forgotten, and what is due or may be renewed together with that. */
export function protocolsToAsk(
  ledger: Ledger,
  wanted: WantedMapping,
  now: Now,
): readonly TransportProtocol[] {
  const { isDue } = ledger.tries(wanted);
  const due = wanted.protocols.filter((protocol) => {
    const entry = ledger.of(protocol, wanted.internalPort);
    if (isDue || !isHeld(entry, now.stored) || entry.isLost) return true;
    return entry.lease.joinAfterMs <= (ageMs(entry.lease, now.stored) ?? Infinity);
  });
  // A try that is due asks for something, also when the wall clock was set back and the leases are young again.
  return due.length > 0 ? due : wanted.protocols;
}

/** Whether a lease is missing, or was forgotten by the gateway. */
function isIncomplete(ledger: Ledger, wanted: WantedMapping, now: Now): boolean {
  for (const protocol of wanted.protocols) {
    const entry = ledger.of(protocol, wanted.internalPort);
    if (!isHeld(entry, now.stored) || entry.isLost) return true;
  }
  return false;
}

/** The least of a figure of the leases that are held; `Infinity` without any. */
function least(
  ledger: Ledger,
  wanted: WantedMapping,
  now: Now,
  figure: (lease: HeldLease) => number,
): number {
  let least = Infinity;
  for (const protocol of wanted.protocols) {
    const entry = ledger.of(protocol, wanted.internalPort);
    if (isHeld(entry, now.stored)) least = Math.min(least, figure(entry.lease));
  }
  return least;
}

// ---- scheduled: `watch` and the library's keeper ----

/** A keeper's knowledge besides the leases. Times are milliseconds of the clock. */
export interface Schedule {
  /** Until when nothing may be sent after a loss of state. */
  readonly quietUntilMs: number;
  /** Whether the gateway as a whole is known not to answer, or not as it should. */
  readonly isGatewayInTrouble: boolean;
  /** When the address is due anyway. */
  readonly addressAtMs: number;
  /** When the question is due that an announcement led to. */
  readonly questionAtMs: number;
  /** Whether the address was asked for long ago, or before the gateway forgot its mappings. */
  readonly isAddressOld: boolean;
  /** Whether what was asked for last was a renewal, so that a missing mapping is next. */
  readonly wasRenewal: boolean;
}

/** One go of a keeper: everything that is due, then the address, then the news. */
export interface Round {
  readonly startedAtMs: number;
  /** Whether something was asked for, so that others may join. */
  readonly hasBegun: boolean;
  readonly hasGrants: boolean;
  /** Whether nothing more is asked for, but the address. */
  readonly isLate: boolean;
}

/** The next step of a round. */
export type Step =
  | { readonly kind: "probe"; readonly endsRound: boolean }
  | { readonly kind: "ask"; readonly wanted: WantedMapping; readonly isRenewal: boolean }
  | { readonly kind: "end" };

/** All that a plan is made from. */
export interface Situation {
  readonly ledger: Ledger;
  readonly wanted: readonly WantedMapping[];
  readonly schedule: Schedule;
  readonly now: Now;
}

/** How long until a keeper has something to do, in milliseconds; 0 or less when it has. */
export function nextRoundInMs(situation: Situation): number {
  const { ledger, wanted, schedule, now } = situation;
  let nextInMs = Math.min(schedule.questionAtMs, schedule.addressAtMs) - now.ms;
  if (isAddressDue(situation)) nextInMs = -Infinity;
  for (const one of wanted) nextInMs = Math.min(nextInMs, dueInMs(ledger, one, now));
  return Math.max(nextInMs, schedule.quietUntilMs - now.ms);
}

/** While the gateway is silent, the requests for what is due ask it well enough. */
function isAddressDue({ ledger, wanted, schedule, now }: Situation): boolean {
  if (schedule.questionAtMs <= now.ms) return true;
  if (schedule.addressAtMs > now.ms) return false;
  return !schedule.isGatewayInTrouble || wanted.every((one) => dueInMs(ledger, one, now) > 0);
}

export function nextStep(situation: Situation, round: Round): Step {
  const { schedule, now } = situation;
  if (schedule.quietUntilMs > now.ms) return { kind: "end" };
  if (!round.hasBegun && schedule.questionAtMs <= now.ms) return { kind: "probe", endsRound: false };
  const step = round.isLate ? undefined : mostUrgent(situation, round);
  if (step !== undefined) return step;
  const wantsAddress = (round.hasGrants && schedule.isAddressOld) || isAddressDue(situation);
  return wantsAddress ? { kind: "probe", endsRound: true } : { kind: "end" };
}

/**
 * The mapping to ask for next: those to renew and those not held yet take turns, so that neither starves the other. In
 * each group, the one that failed longest ago, then that with least time left. Once a round has begun others may join.
 */
function mostUrgent({ ledger, wanted, schedule, now }: Situation, round: Round): Step | undefined {
  let held: WantedMapping | undefined;
  let missing: WantedMapping | undefined;
  for (const one of wanted) {
    if ((round.hasBegun ? joinInMs(ledger, one, now) : dueInMs(ledger, one, now)) > 0) continue;
    if (isAnyHeld(ledger, one, now)) held = moreUrgent(ledger, one, held, now);
    else missing = moreUrgent(ledger, one, missing, now);
  }
  const next = schedule.wasRenewal ? missing ?? held : held ?? missing;
  return next && { kind: "ask", wanted: next, isRenewal: next === held };
}

function moreUrgent(ledger: Ledger, a: WantedMapping, b: WantedMapping | undefined, now: Now): WantedMapping {
  if (b === undefined) return a;
  const [aFailedAtMs, bFailedAtMs] = [ledger.tries(a).failedAtMs, ledger.tries(b).failedAtMs];
  if (aFailedAtMs !== bFailedAtMs) return aFailedAtMs < bFailedAtMs ? a : b;
  return shortestLeftMs(ledger, a, now) < shortestLeftMs(ledger, b, now) ? a : b;
}

/** Whether a round has lasted long enough: its news may not be older than a fraction of the shortest life. */
export function isRoundLate({ ledger, wanted, schedule, now }: Situation, round: Round): boolean {
  let maxMs = MAX_ROUND_MS;
  for (const one of wanted) {
    maxMs = Math.min(maxMs, least(ledger, one, now, lifeMs) * ROUND_SHARE);
  }
  return now.ms - round.startedAtMs > maxMs || schedule.questionAtMs <= now.ms;
}

/**
 * How long a try may last: no lease is starved by it.
 *
 * @param isShort Whether it is to find out soon whether there is a gateway at all.
 */
export function tryLengthMs(
  { ledger, wanted, now }: Pick<Situation, "ledger" | "wanted" | "now">,
  isShort = false,
  maxMs = MAX_STEP_MS,
): number {
  let endInMs = Infinity;
  for (const one of wanted) {
    if (!isAnyHeld(ledger, one, now)) continue;
    endInMs = Math.min(endInMs, tryEndInMs(dueInMs(ledger, one, now), shortestLeftMs(ledger, one, now)));
  }
  return tryMs(endInMs, isShort ? Math.min(SHORT_TRY_MS, maxMs) : maxMs);
}
