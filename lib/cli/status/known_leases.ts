import { type HeldLease, type LeaseStatus, type LedgerEntry, leftMs, statusOf } from "../../lease/ledger.ts";
import type { StoredTime } from "../../lease/stored_time.ts";
import { isSameMapping, type MappingKey } from "../../port_mapper.ts";
import { mayBeOf } from "../../state/network_namespace.ts";
import type { GatewayRecord, State } from "../../state/records.ts";
import { findRunningWatch } from "../../state/running_watch.ts";
import { placeOf, type StatePaths } from "../../state/state_paths.ts";

/** A lease of this host, and all that is known of it. */
export interface KnownLease {
  readonly record: GatewayRecord;
  readonly lease: HeldLease;
  readonly config: string | undefined;
  readonly status: LeaseStatus;
  /** How long it has, in milliseconds; `undefined` when nobody knows. */
  readonly leftMs: number | undefined;
  /** The running process that keeps it, where there is one. */
  readonly keeper: string | undefined;
}

/** Which leases are meant; an absent field matches every lease. */
export interface LeaseFilter {
  readonly gateway?: string | undefined;
  readonly port?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly config?: ConfigFilter | undefined;
}

/** The mappings that a configuration file asks for. */
export interface ConfigFilter {
  readonly path: string;
  readonly mappings: readonly MappingKey[];
}

/** Options of {@linkcode knownLeases}. */
export interface KnownLeasesOptions extends LeaseFilter {
  readonly paths: Pick<StatePaths, "host" | "networkNamespace" | "files">;
  readonly now: StoredTime;
}

/** A filter, and the host and network namespace whose leases are meant. */
export type PlacedFilter = LeaseFilter & ReturnType<typeof placeOf>;

/** The gateways at which this host has what is meant, in this network namespace, with the leases that are meant. */
export function recordsWith(state: State, filter: PlacedFilter): GatewayRecord[] {
  return recordsOfHost(state, filter).filter((record) => mayBeOf(record, filter));
}

/** How many leases that are meant live in other network namespaces of this host. */
export function countElsewhere(state: State, filter: PlacedFilter, now: StoredTime): number {
  return recordsOfHost(state, filter)
    .filter((record) => !mayBeOf(record, filter))
    .flatMap(({ entries }) => entries.filter((entry) => statusOf(entry, now) === "held"))
    .length;
}

function recordsOfHost(state: State, filter: PlacedFilter): GatewayRecord[] {
  const { host, gateway, port, localAddress, config } = filter;
  return state.gateways
    .filter((record) =>
      record.host === host && (gateway === undefined || record.gateway === gateway) &&
      (port === undefined || record.port === port) &&
      (localAddress === undefined || record.localAddress === localAddress)
    )
    .map((record) => ({ ...record, entries: record.entries.filter((entry) => isOf(entry, config)) }))
    .filter(({ entries }) => entries.length > 0);
}

function isOf(entry: LedgerEntry, config: ConfigFilter | undefined): boolean {
  if (config === undefined || entry.config === config.path) return true;
  return config.mappings.some((mapping) => isSameMapping(mapping, entry));
}

/** The leases of this host, by gateway, in the order in which they were first granted. */
export async function knownLeases(
  state: State,
  { paths, now, ...filter }: KnownLeasesOptions,
): Promise<KnownLease[]> {
  const known: KnownLease[] = [];
  for (const record of recordsWith(state, { ...filter, ...placeOf(paths) })) {
    for (const entry of record.entries) {
      const { lease, config } = entry;
      if (lease === undefined) continue;
      const watch = await findRunningWatch(paths.files, record.watches, [lease]);
      known.push({
        record,
        lease,
        config,
        status: statusOf(entry, now)!,
        leftMs: leftMs(lease, now),
        keeper: watch && (watch.holder ?? "another process"),
      });
    }
  }
  return known;
}
