import { type LeaseStanding, leftMs, standingOf } from "../../lease/lease_life.ts";
import { livingKeeper } from "../../lease/living_keeper.ts";
import type { Moment } from "../../lease/moment.ts";
import { mayBeOf } from "../../lease/network_namespace.ts";
import { isSameMapping, type LinkState, type State, type StoredLease } from "../../lease/state.ts";
import type { MappingKey } from "../../port_mapper.ts";
import { placeOf, type StateHome } from "../state_home.ts";

/** A lease of this host, and all there is to say about it. */
export interface HeldLease {
  readonly link: LinkState;
  readonly lease: StoredLease;
  readonly standing: LeaseStanding;
  /** How long it has, in milliseconds; `undefined` when nobody knows. */
  readonly leftMs: number | undefined;
  /** The running process that keeps it, where there is one. */
  readonly keeper?: string | undefined;
}

/** Which leases are meant; all that is absent says nothing. */
export interface LeaseFilter {
  readonly gateway?: string | undefined;
  readonly port?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly config?: ConfigFilter | undefined;
}

/** What a configuration file asks for. */
export interface ConfigFilter {
  readonly path: string;
  readonly mappings: readonly MappingKey[];
}

/** Options of {@linkcode heldLeases}. */
export interface HeldLeasesOptions extends LeaseFilter {
  readonly home: Pick<StateHome, "host" | "networkNamespace" | "files">;
  readonly now: Moment;
}

/** A filter, and the host and network namespace whose leases are meant. */
export type PlacedFilter = LeaseFilter & ReturnType<typeof placeOf>;

/**
 * The gateways at which this host has what is meant, in this network namespace.
 *
 * @param state All that is known.
 * @param filter The host, and what is meant.
 * @returns The gateways, with the leases that are meant.
 */
export function linksWith(state: State, filter: PlacedFilter): LinkState[] {
  return linksOfHost(state, filter).filter((link) => mayBeOf(link, filter));
}

/**
 * How many leases that are meant live in other network namespaces of this host.
 *
 * @param state All that is known.
 * @param filter The host, and what is meant.
 * @param now The time.
 * @returns The number.
 */
export function countElsewhere(state: State, filter: PlacedFilter, now: Moment): number {
  return linksOfHost(state, filter)
    .filter((link) => !mayBeOf(link, filter))
    .flatMap(({ leases }) => leases.filter((lease) => standingOf(lease, now) === "alive"))
    .length;
}

function linksOfHost(state: State, filter: PlacedFilter): LinkState[] {
  const { host, gateway, port, localAddress, config } = filter;
  return state.links
    .filter((link) =>
      link.host === host && (gateway === undefined || link.gateway === gateway) &&
      (port === undefined || link.port === port) &&
      (localAddress === undefined || link.localAddress === localAddress)
    )
    .map((link) => ({ ...link, leases: link.leases.filter((lease) => isOf(lease, config)) }))
    .filter(({ leases }) => leases.length > 0);
}

function isOf(lease: StoredLease, config: ConfigFilter | undefined): boolean {
  if (config === undefined || lease.config === config.path) return true;
  return config.mappings.some((mapping) => isSameMapping(mapping, lease));
}

/**
 * The leases of this host.
 *
 * @param state All that is known.
 * @param options The host, the time, and which are meant.
 * @returns The leases, by gateway, in the order in which they were first granted.
 */
export async function heldLeases(
  state: State,
  { home, now, ...filter }: HeldLeasesOptions,
): Promise<HeldLease[]> {
  const held: HeldLease[] = [];
  for (const link of linksWith(state, { ...filter, ...placeOf(home) })) {
    for (const lease of link.leases) {
      const keeper = await livingKeeper(home.files, link.keepers, [lease]);
      held.push({
        link,
        lease,
        standing: standingOf(lease, now),
        leftMs: leftMs(lease, now),
        ...(keeper === undefined ? {} : { keeper: keeper.holder ?? "another process" }),
      });
    }
  }
  return held;
}
