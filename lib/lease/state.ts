/**
 * What the processes of one user know of the leases that they were granted: the content of the state file, as data. Pure.
 *
 * @module
 */

import type { MappingKey } from "../port_mapper.ts";
import { mappingName } from "./mapping_name.ts";
import type { Moment } from "./moment.ts";
import { indexOfOwn, type InNamespace, mayBeOf, namespaceOf } from "./network_namespace.ts";

/** A lease as a later process knows it. */
export interface StoredLease extends MappingKey {
  /** The external port that was asked for; absent when the gateway was to choose. */
  readonly requestedExternalPort?: number | undefined;
  /** The external port that was granted. */
  readonly externalPort: number;
  /** The lifetime that was asked for, in seconds. */
  readonly requestedLifetimeSeconds: number;
  /** The lifetime that was granted, in seconds. */
  readonly lifetimeSeconds: number;
  /** The earliest moment at which the lease can have begun. */
  readonly granted: Moment;
  /** The external address that was told of it last, which another command may know to be another by now. */
  readonly externalAddress?: string | undefined;
  /** The configuration file that asked for it. */
  readonly config?: string | undefined;
  /** Whether the gateway is known to have forgotten it. */
  readonly isLost?: boolean | undefined;
  /** Whether a program that was to be told of it could not be. */
  readonly isUntold?: boolean | undefined;
  /** Whether the hook has run for its end. */
  readonly isEndReported?: boolean | undefined;
  /** The absolute path of the file that holds its port. */
  readonly portFile?: string | undefined;
}

/** A gateway as it knows an address of a host, in one of the host's network namespaces. */
export interface StoredLink extends InNamespace {
  /** The host, by its name: several may share a home directory. */
  readonly host: string;
  /** The gateway's IPv4 address. */
  readonly gateway: string;
  /** The gateway's UDP port. */
  readonly port: number;
  /** The host's address, to which the mappings lead; absent where it cannot be told. */
  readonly localAddress?: string | undefined;
}

/** A process that keeps mappings until it is stopped. */
export interface KeeperClaim {
  /** Its own lock file, which is locked for as long as it lives. */
  readonly lock: string;
  /** What it keeps. */
  readonly mappings: readonly MappingKey[];
}

/** What is known of a gateway. */
export interface LinkState extends StoredLink {
  /** The external address as it was told last. */
  readonly externalAddress?: string | undefined;
  /** What the backend remembers of the gateway, for itself alone, and when it was so. */
  readonly memory?: { readonly data: unknown; readonly at: Moment } | undefined;
  /** The leases, in the order in which they were first granted. */
  readonly leases: readonly StoredLease[];
  /** The processes that keep mappings here, and those that did and did not end well. */
  readonly keepers: readonly KeeperClaim[];
}

/** What is known of the runs of a command that comes again and again. */
export interface RunState extends InNamespace {
  /** The host that it ran on. */
  readonly host: string;
  /** What it ran for: a configuration file, or the mappings of its command line. */
  readonly source: string;
  /** When it ran last. */
  readonly at: Moment;
  /** The failures and warnings of the last run, which are not told again. */
  readonly told: readonly string[];
  /** How many runs in a row found that leases are too short for their interval. */
  readonly shortRuns: number;
}

/** What tells the runs of one recurring command from those of another. */
export type RunKey = Pick<RunState, "host" | "source" | "namespace">;

/** All that is known. */
export interface State {
  /** The gateways. */
  readonly links: readonly LinkState[];
  /** The recurring commands. */
  readonly runs: readonly RunState[];
}

/** What is known when nothing is. */
export const EMPTY_STATE: State = { links: [], runs: [] };

/**
 * Tells whether two mean the same mapping.
 *
 * @param a One.
 * @param b The other.
 * @returns Whether protocol and internal port are the same.
 */
export function isSameMapping(a: MappingKey, b: MappingKey): boolean {
  return a.protocol === b.protocol && a.internalPort === b.internalPort;
}

/** The same addresses; in another network namespace they may lead to another gateway. */
function isSamePlace(a: StoredLink, b: StoredLink): boolean {
  return a.host === b.host && a.gateway === b.gateway && a.port === b.port &&
    a.localAddress === b.localAddress;
}

function knownLink({ links }: State, link: StoredLink): LinkState | undefined {
  const candidates = links.filter((known) => isSamePlace(known, link));
  return candidates[indexOfOwn(candidates, link)];
}

/**
 * What is known of a gateway.
 *
 * @param state All that is known.
 * @param link The gateway, and the address it knows.
 * @returns What is known of it; no lease when nothing is.
 */
export function linkOf(state: State, link: StoredLink): LinkState {
  const known = knownLink(state, link);
  if (known === undefined) return { ...link, leases: [], keepers: [] };
  const { namespace } = namespaceOf(link, known);
  return known.namespace === namespace ? known : { ...known, namespace };
}

/**
 * Changes what is known of a gateway.
 *
 * @param state All that is known.
 * @param link The gateway, and the address it knows.
 * @param change From what was known to what is known now.
 * @returns All that is known now.
 */
export function withLink(state: State, link: StoredLink, change: (known: LinkState) => LinkState): State {
  const changed = change(linkOf(state, link));
  const before = knownLink(state, link);
  const links = before === undefined
    ? [...state.links, changed]
    : state.links.map((known) => known === before ? changed : known);
  return { ...state, links };
}

/**
 * The records of other network namespaces about a gateway with the same addresses.
 *
 * @param state All that is known.
 * @param link The gateway, and the address it knows.
 * @returns What is known of each.
 */
export function namesakesOf(state: State, link: StoredLink): readonly LinkState[] {
  return state.links.filter((known) => isSamePlace(known, link) && !mayBeOf(known, link));
}

/**
 * What is known of the runs of a recurring command.
 *
 * @param state All that is known.
 * @param run The host, its network namespace and what the command is for.
 * @returns What is known; `undefined` when nothing is.
 */
export function runOf({ runs }: State, run: RunKey): RunState | undefined {
  const candidates = runs.filter(({ host, source }) => host === run.host && source === run.source);
  return candidates[indexOfOwn(candidates, run)];
}

/**
 * Replaces what is known of the runs of a recurring command.
 *
 * @param state All that is known.
 * @param run The last run.
 * @returns All that is known now.
 */
export function withRun(state: State, run: RunState): State {
  const before = runOf(state, run);
  const others = state.runs.filter((known) => known !== before);
  return { ...state, runs: [...others, { ...run, ...namespaceOf(run, before) }] };
}

/**
 * Puts leases in the places of those for the same mappings, or after the others.
 *
 * @param leases The leases.
 * @param renewed The new ones, each for another mapping.
 * @returns The leases with the new ones among them.
 */
export function withLeases(
  leases: readonly StoredLease[],
  renewed: readonly StoredLease[],
): readonly StoredLease[] {
  const left = new Map(renewed.map((lease) => [mappingName(lease), lease]));
  const kept = leases.map((known) => {
    const name = mappingName(known);
    const lease = left.get(name) ?? known;
    left.delete(name);
    return lease;
  });
  return [...kept, ...left.values()];
}

/**
 * Notes for leases that are over whether the hook has run for that.
 *
 * @param state All that is known.
 * @param link Where they were granted.
 * @param ends The leases; one that was granted anew meanwhile has not ended.
 * @returns All that is known now.
 */
export function withEnds(
  state: State,
  link: StoredLink,
  ends: readonly { readonly lease: StoredLease; readonly isReported: boolean }[],
): State {
  if (ends.length === 0) return state;
  return withLink(state, link, (known) => ({
    ...known,
    leases: known.leases.map((lease) => {
      const end = ends.find(({ lease: ended }) =>
        isSameMapping(ended, lease) && ended.granted.wallMs === lease.granted.wallMs
      );
      if (end === undefined) return lease;
      return { ...lease, ...(end.isReported ? { isEndReported: true } : { isUntold: true }) };
    }),
  }));
}

/**
 * Drops the leases of a configuration that stand at other gateways and addresses: it is served here now. In another
 * network namespace it may be served too.
 *
 * @param state All that is known.
 * @param link Where it is served now.
 * @param config The configuration's path.
 * @returns What is left.
 */
export function withoutMoved(state: State, link: StoredLink, config: string): State {
  const isMoved = (lease: StoredLease) => lease.config === config;
  return {
    ...state,
    links: state.links.map((known) =>
      known.host !== link.host || isSamePlace(known, link) || !mayBeOf(known, link) ||
        !known.leases.some(isMoved)
        ? known
        : { ...known, leases: known.leases.filter((lease) => !isMoved(lease)) }
    ),
  };
}

/**
 * Gives mappings to a keeper, and takes them from every other one; those of a keeper stand at one gateway only.
 *
 * @param state All that is known.
 * @param link The gateway at which they are kept.
 * @param claim The keeper; without mappings it keeps nothing any more.
 * @returns All that is known now.
 */
export function withClaim(state: State, link: StoredLink, claim: KeeperClaim): State {
  const others = (keepers: readonly KeeperClaim[]) => keepers.filter(({ lock }) => lock !== claim.lock);
  const here = knownLink(state, link);
  const elsewhere = {
    ...state,
    links: state.links.map((known) => {
      const own = known.keepers.find(({ lock }) => lock === claim.lock);
      if (own === undefined || known === here) return known;
      const isOwn = (lease: StoredLease) => own.mappings.some((mapping) => isSameMapping(mapping, lease));
      return {
        ...known,
        keepers: others(known.keepers),
        leases: known.leases.filter((lease) => !isOwn(lease)),
      };
    }),
  };
  return withLink(elsewhere, link, (known) => ({
    ...known,
    keepers: [
      ...others(known.keepers)
        .map(({ lock, mappings }) => ({
          lock,
          mappings: mappings.filter((mapping) => !claim.mappings.some((own) => isSameMapping(own, mapping))),
        })),
      claim,
    ].filter(({ mappings }) => mappings.length > 0),
  }));
}
