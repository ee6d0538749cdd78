/**
 * How long what nobody asks for any more is remembered. Pure.
 *
 * @module
 */

import { type LedgerEntry, lifeMs } from "../lease/ledger.ts";
import { elapsedMs, type StoredTime } from "../lease/stored_time.ts";
import { isSameMapping } from "../port_mapper.ts";
import type { GatewayRecord, State } from "./records.ts";

const DAY_MS = 24 * 3600 * 1000;

/** A lease that nobody renews is forgotten this long after its end. */
const KEPT_AFTER_END_MS = DAY_MS;

/** After this long, no configuration or watch will renew a lease any more. */
const NEGLECTED_AFTER_END_MS = 30 * DAY_MS;

/** A gateway without a lease is forgotten when it was not heard of for this long. */
const GATEWAY_KEPT_MS = 30 * DAY_MS;

/** A command that ran this long ago does not recur. */
const RUN_KEPT_MS = 90 * DAY_MS;

/**
 * How long ago something was. Another host wrote it, maybe, whose uptime means nothing here; so unless it was in this
 * very run of this machine, the wall clock alone counts.
 */
function ageMs(time: StoredTime, now: StoredTime): number | undefined {
  const isThisRun = time.boot !== undefined && time.boot === now.boot;
  return isThisRun ? elapsedMs(time, now) : elapsedMs({ wallMs: time.wallMs }, { wallMs: now.wallMs });
}

/**
 * Forgets leases that ended a day ago and that no configuration nor watch is to renew, those that none did renew for
 * long, gateways and commands that were not heard of for long; of this host and of others.
 */
export function forgetOld(state: State, now: StoredTime): State {
  const isForgotten = ({ watches }: GatewayRecord) => ({ lease, config, ...mapping }: LedgerEntry) => {
    if (lease === undefined) return true;
    const overMs = (ageMs(lease.granted, now) ?? 0) - lifeMs(lease);
    if (overMs <= KEPT_AFTER_END_MS) return false;
    const isWanted = config !== undefined ||
      watches.some(({ mappings }) => mappings.some((kept) => isSameMapping(kept, mapping)));
    return !isWanted || overMs > NEGLECTED_AFTER_END_MS;
  };
  const isYoung = ({ memory }: GatewayRecord) =>
    memory !== undefined && (ageMs(memory.at, now) ?? Infinity) < GATEWAY_KEPT_MS;
  return {
    gateways: state.gateways
      .map((record) => {
        const isOver = isForgotten(record);
        return record.entries.some(isOver)
          ? { ...record, entries: record.entries.filter((entry) => !isOver(entry)) }
          : record;
      })
      .filter((record) => record.entries.length > 0 || record.watches.length > 0 || isYoung(record)),
    runs: state.runs.filter(({ at }) => (ageMs(at, now) ?? 0) < RUN_KEPT_MS),
  };
}
