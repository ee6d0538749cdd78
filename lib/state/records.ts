/**
 * The records of one user's processes about gateways, mappings and each other: the state file's content, as data. Pure.
 *
 * @module
 */

import type { LedgerEntry } from "../lease/ledger.ts";
import type { StoredTime } from "../lease/stored_time.ts";
import { isSameMapping, type MappingKey } from "../port_mapper.ts";
import { indexOfOwn, type InNamespace, mayBeOf, namespaceOf } from "./network_namespace.ts";

/** A gateway as it knows an address of a host, in one of the host's network namespaces. */
export interface GatewayKey extends InNamespace {
  /** The host, by its name: several may share a home directory. */
  readonly host: string;
  /** The gateway's address. */
  readonly gateway: string;
  /** The gateway's UDP port. */
  readonly port: number;
  /** The host's address, to which the mappings lead; absent where it is unknown. */
  readonly localAddress?: string | undefined;
  /** The other host that the mappings lead to, where this one asked for them in its place. */
  readonly forHost?: string | undefined;
}

/** A process that keeps mappings until it is stopped. */
export interface WatchClaim {
  /** Its own lock file, which is locked for as long as it lives. */
  readonly lock: string;
  /** The mappings that it keeps. */
  readonly mappings: readonly MappingKey[];
}

/** The record of a gateway. */
export interface GatewayRecord extends GatewayKey {
  /** The external address as the gateway reported it last. */
  readonly externalAddress?: string | undefined;
  /** The memory of the backend about the gateway, for itself alone, and the time that it is from. */
  readonly memory?: { readonly data: unknown; readonly at: StoredTime } | undefined;
  /** The mappings, each with its lease, in the order in which they were first granted. */
  readonly entries: readonly LedgerEntry[];
  /** The processes that keep mappings here, and those that did and did not end well. */
  readonly watches: readonly WatchClaim[];
}

/** Where a command runs that recurs, and what for. */
export interface RunKey extends InNamespace {
  /** The host that it ran on. */
  readonly host: string;
  /** The subject of the run: a configuration file, or the mappings of its command line. */
  readonly source: string;
}

/** The record of a recurring command's runs. */
export interface RunRecord extends RunKey {
  /** When it ran last. */
  readonly at: StoredTime;
  /** The failures and warnings that the last run reported, which are not reported again. */
  readonly reported: readonly string[];
  /** How many runs in a row found that leases are too short for their interval. */
  readonly shortRuns: number;
}

/** All that is known. */
export interface State {
  readonly gateways: readonly GatewayRecord[];
  readonly runs: readonly RunRecord[];
}

export const EMPTY_STATE: State = { gateways: [], runs: [] };

/** The same addresses; in another network namespace they may lead to another gateway. */
function isSamePlace(a: GatewayKey, b: GatewayKey): boolean {
  return a.host === b.host && a.gateway === b.gateway && a.port === b.port &&
    a.localAddress === b.localAddress && a.forHost === b.forHost;
}

function known({ gateways }: State, key: GatewayKey): GatewayRecord | undefined {
  const candidates = gateways.filter((record) => isSamePlace(record, key));
  return candidates[indexOfOwn(candidates, key)];
}

/** The record of a gateway; one without mappings when nothing is known. */
export function recordOf(state: State, key: GatewayKey): GatewayRecord {
  const record = known(state, key);
  if (record === undefined) return { ...key, entries: [], watches: [] };
  const { namespace } = namespaceOf(key, record);
  return record.namespace === namespace ? record : { ...record, namespace };
}

/** Changes what is known of a gateway. */
export function withRecord(
  state: State,
  key: GatewayKey,
  change: (record: GatewayRecord) => GatewayRecord,
): State {
  const changed = change(recordOf(state, key));
  const before = known(state, key);
  const gateways = before === undefined
    ? [...state.gateways, changed]
    : state.gateways.map((record) => record === before ? changed : record);
  return { ...state, gateways };
}

/** The records of other network namespaces about a gateway with the same addresses. */
export function namesakesOf(state: State, key: GatewayKey): readonly GatewayRecord[] {
  return state.gateways.filter((record) => isSamePlace(record, key) && !mayBeOf(record, key));
}

/** The record of a recurring command's runs; `undefined` when nothing is known. */
export function runOf({ runs }: State, key: RunKey): RunRecord | undefined {
  const candidates = runs.filter(({ host, source }) => host === key.host && source === key.source);
  return candidates[indexOfOwn(candidates, key)];
}

/** Replaces what is known of the runs of a recurring command. */
export function withRun(state: State, run: RunRecord): State {
  const before = runOf(state, run);
  const others = state.runs.filter((other) => other !== before);
  return { ...state, runs: [...others, { ...run, ...namespaceOf(run, before) }] };
}

/**
 * Drops the mappings of a configuration that stand at other gateways and addresses: it is served here now. In another
 * network namespace, and for another host, it may be served too.
 */
export function withoutMoved(state: State, key: GatewayKey, config: string): State {
  const isMoved = (entry: LedgerEntry) => entry.config === config;
  return {
    ...state,
    gateways: state.gateways.map((record) =>
      record.host !== key.host || record.forHost !== key.forHost || isSamePlace(record, key) ||
        !mayBeOf(record, key) ||
        !record.entries.some(isMoved)
        ? record
        : { ...record, entries: record.entries.filter((entry) => !isMoved(entry)) }
    ),
  };
}

/**
 * Gives mappings to a running watch, and takes them from every other one; those of a watch stand at one gateway only.
 *
 * @param claim The watch; without mappings it keeps nothing any more.
 */
export function withClaim(state: State, key: GatewayKey, claim: WatchClaim): State {
  const others = (watches: readonly WatchClaim[]) => watches.filter(({ lock }) => lock !== claim.lock);
  const here = known(state, key);
  const elsewhere = {
    ...state,
    gateways: state.gateways.map((record) => {
      const own = record.watches.find(({ lock }) => lock === claim.lock);
      if (own === undefined || record === here) return record;
      const isOwn = (entry: LedgerEntry) => own.mappings.some((mapping) => isSameMapping(mapping, entry));
      return {
        ...record,
        watches: others(record.watches),
        entries: record.entries.filter((entry) => !isOwn(entry)),
      };
    }),
  };
  return withRecord(elsewhere, key, (record) => ({
    ...record,
    watches: [
      ...others(record.watches)
        .map(({ lock, mappings }) => ({
          lock,
          mappings: mappings.filter((mapping) => !claim.mappings.some((own) => isSameMapping(own, mapping))),
        })),
      claim,
    ].filter(({ mappings }) => mappings.length > 0),
  }));
}
