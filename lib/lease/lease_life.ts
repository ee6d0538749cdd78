/**
 * How a stored lease stands: alive, over, forgotten. Pure.
 *
 * @module
 */

import { elapsedMs, type Moment } from "./moment.ts";
import { isSameMapping, type LinkState, type State, type StoredLease } from "./state.ts";

const DAY_MS = 24 * 3600 * 1000;

/** A lease that nobody is to renew is forgotten this long after its end. */
const KEPT_AFTER_END_MS = DAY_MS;

/** One that a configuration or a keeper is to renew: nobody did for so long, so there is nobody any more. */
const NEGLECTED_AFTER_END_MS = 30 * DAY_MS;

/** A gateway without a lease is forgotten when it was not heard of for so long. */
const LINK_KEPT_MS = 30 * DAY_MS;

/** A command that ran so long ago does not recur. */
const RUN_KEPT_MS = 90 * DAY_MS;

/**
 * How long a lease still has.
 *
 * @param lease The lease.
 * @param now The time.
 * @returns Milliseconds, negative when it is over; `undefined` when the calendar does not let it be told.
 */
export function leftMs(lease: StoredLease, now: Moment): number | undefined {
  const ageMs = elapsedMs(lease.granted, now);
  return ageMs === undefined ? undefined : lease.lifetimeSeconds * 1000 - ageMs;
}

/** How a lease stands. */
export type LeaseStanding =
  /** It lives, as far as this host can know. */
  | "alive"
  /** Its time is over. */
  | "expired"
  /** Its gateway has forgotten it. */
  | "lost"
  /** The calendar was set, and nothing else tells its age. */
  | "unknown";

/**
 * How a lease stands.
 *
 * @param lease The lease.
 * @param now The time.
 * @returns Its standing.
 */
export function standingOf(lease: StoredLease, now: Moment): LeaseStanding {
  if (lease.isLost) return "lost";
  const left = leftMs(lease, now);
  if (left === undefined) return "unknown";
  return left > 0 ? "alive" : "expired";
}

/**
 * How long ago something was, for who forgets it. Another host wrote it, maybe, whose uptime says nothing here; so
 * unless it was in this very run of this machine, the calendar alone counts.
 */
function ageMs(moment: Moment, now: Moment): number | undefined {
  const isThisRun = moment.boot !== undefined && moment.boot === now.boot;
  return isThisRun ? elapsedMs(moment, now) : elapsedMs({ wallMs: moment.wallMs }, { wallMs: now.wallMs });
}

/**
 * Forgets what nobody asks for any more: leases that ended a day ago and that no configuration nor keeper is to renew,
 * those that none did renew for long, gateways and commands that were not heard of for long.
 *
 * @param state All that is known, of this host and of others.
 * @param now The time.
 * @returns What is left of it.
 */
export function forgetOld(state: State, now: Moment): State {
  const isForgotten = ({ keepers }: LinkState) => (lease: StoredLease) => {
    const overMs = (ageMs(lease.granted, now) ?? 0) - lease.lifetimeSeconds * 1000;
    if (overMs <= KEPT_AFTER_END_MS) return false;
    const isWanted = lease.config !== undefined ||
      keepers.some(({ mappings }) => mappings.some((mapping) => isSameMapping(mapping, lease)));
    return !isWanted || overMs > NEGLECTED_AFTER_END_MS;
  };
  const isYoung = ({ memory }: LinkState) =>
    memory !== undefined && (ageMs(memory.at, now) ?? Infinity) < LINK_KEPT_MS;
  return {
    links: state.links
      .map((link) => {
        const isOver = isForgotten(link);
        return link.leases.some(isOver)
          ? { ...link, leases: link.leases.filter((lease) => !isOver(lease)) }
          : link;
      })
      .filter((link) => link.leases.length > 0 || link.keepers.length > 0 || isYoung(link)),
    runs: state.runs.filter(({ at }) => (ageMs(at, now) ?? 0) < RUN_KEPT_MS),
  };
}
