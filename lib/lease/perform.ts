/**
 * The requests to a gateway for one wanted mapping, or for a pair on one port: to acquire it, to renew it, to give it
 * back.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { NotSupportedError, PortDiffersError } from "../errors.ts";
import type {
  Lease,
  MappingKey,
  PortMapper,
  RequestOptions,
  TransportProtocol,
  Unmapped,
  UnmapRequest,
} from "../port_mapper.ts";
import { Interrupted, isPerMapping } from "./cause.ts";
import type { WantedMapping } from "./ledger.ts";
import { RELEASE_ATTEMPTS } from "./timing.ts";

/** The outcome for one mapping. */
export type Outcome =
  | { readonly mapping: MappingKey; readonly lease: Lease }
  | { readonly mapping: MappingKey; readonly error: unknown };

/** The outcome for a wanted mapping. */
export interface Acquired {
  /** One outcome for each protocol, in order. */
  readonly outcomes: readonly Outcome[];
  /** Mappings of a failed pair, or on the wrong port, that could not be deleted; they stay until they expire. */
  readonly leftovers: readonly Lease[];
}

/** The limits of the next request; `undefined` where none may be sent any more. */
export type NextLimits = () => RequestOptions | undefined;

/** Options of {@linkcode acquire}. */
export interface AcquireOptions extends RequestOptions {
  /** Whether a mapping did not exist before. Only such are deleted on failure; all by default. */
  readonly isNew?: ((mapping: MappingKey) => boolean) | undefined;
  /** The limits of each request in place of those above. */
  readonly nextLimits?: NextLimits | undefined;
  /** Called at each grant. */
  readonly onGrant?: ((lease: Lease) => void) | undefined;
}

/**
 * Asks for a wanted mapping, one request after the other, the second of a pair suggesting the port that the first was
 * granted.
 *
 * When one is refused or gets another port than is wanted, all of it has failed: what was newly granted is deleted
 * again, and every outcome is that error. After silence nothing is undone, as nobody knows what stands.
 *
 * @param mapper The gateway's client.
 * @param wanted The wanted mapping.
 * @param options Limits of each request, and what existed before.
 * @returns The outcome of each protocol. A failure is an outcome, too; nothing is thrown.
 *
 * @example TCP and UDP on one port, or neither; here on a simulated gateway
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { systemClock } from "../clock.ts";
 * import { NatPmpClient } from "../natpmp/client.ts";
 * import { MemoryNetwork, SimulatedGateway } from "../simulator/mod.ts";
 * import { acquire } from "./perform.ts";
 *
 * const network = new MemoryNetwork({ clock: systemClock, random: Math.random });
 * const startMs = systemClock.now();
 * const gateway = new SimulatedGateway({ externalAddress: "203.0.113.7", random: Math.random, startMs });
 * const detach = network.attach(gateway, "10.0.0.1");
 *
 * const client = new NatPmpClient("10.0.0.1", { openSocket: network.host("10.0.0.2").open });
 * const wanted = { protocols: ["tcp", "udp"], internalPort: 6881, externalPort: 6881 } as const;
 * const { outcomes } = await acquire(client, wanted);
 * for (const outcome of outcomes) {
 *   if ("error" in outcome) throw outcome.error;
 *   assertEquals(outcome.lease.externalPort, 6881);
 * }
 * detach();
 * ```
 */
export async function acquire(
  mapper: PortMapper,
  wanted: WantedMapping,
  options: AcquireOptions = {},
): Promise<Acquired> {
  const { isNew = () => true, nextLimits, onGrant, ...limits } = options;
  const leases: Lease[] = [];
  try {
    for (const protocol of wanted.protocols) {
      const next = nextLimits === undefined ? limits : nextLimits();
      if (next === undefined) throw new Interrupted();
      const suggestion = leases[0]?.externalPort ?? wanted.externalPort;
      leases.push(await askFor(mapper, wanted, { protocol, suggestion, limits: next, exact: wanted.exact }));
      onGrant?.(leases.at(-1)!);
      const difference = differenceOf(wanted, leases.at(-1)!, leases[0]!);
      if (difference !== undefined) throw difference;
    }
    return { outcomes: leases.map((lease) => ({ mapping: lease, lease })), leftovers: [] };
  } catch (error) {
    if (!isCertain(error)) return { outcomes: outcomesOf(wanted, leases, error), leftovers: [] };
    const leftovers: Lease[] = [];
    for (const lease of leases.filter(isNew)) {
      if (!await giveBack(mapper, lease, nextLimits?.() ?? limits)) leftovers.push(lease);
    }
    return { outcomes: outcomesOf(wanted, [], error), leftovers };
  }
}

interface Asking {
  readonly protocol: TransportProtocol;
  readonly suggestion: number | undefined;
  readonly limits: RequestOptions;
  /** Whether another port is of no use. */
  readonly exact?: boolean | undefined;
}

/** Asks for one mapping. The port that counts as asked for is what is wanted, whatever was suggested. */
async function askFor(mapper: PortMapper, wanted: WantedMapping, asking: Asking): Promise<Lease> {
  const { internalPort, lifetimeSeconds, externalPort: requestedExternalPort } = wanted;
  const { protocol, suggestion: externalPort, limits, exact } = asking;
  const pairedWith = wanted.protocols.find((other) => other !== protocol);
  const lease = await mapper.map({
    protocol,
    internalPort,
    externalPort,
    lifetimeSeconds,
    ...(exact ? { exact } : {}),
    ...(pairedWith === undefined || wanted.anyPort ? {} : { pairedWith }),
    ...(wanted.force ? { force: true } : {}),
  }, limits);
  return { ...lease, requestedExternalPort };
}

/** Whether an error leaves no doubt about what stands at the gateway, so that the rest can be undone. */
function isCertain(error: unknown): boolean {
  return isPerMapping(error) || error instanceof NotSupportedError;
}

function outcomesOf(wanted: WantedMapping, leases: readonly Lease[], error: unknown): Outcome[] {
  return wanted.protocols.map((protocol) => {
    const mapping = { protocol, internalPort: wanted.internalPort };
    const lease = leases.find((lease) => lease.protocol === protocol);
    return lease === undefined ? { mapping, error } : { mapping, lease };
  });
}

/** Why a granted port is not accepted: it is not the exact one, or not that of the other half of the pair. */
function differenceOf(
  wanted: WantedMapping,
  granted: Lease,
  other: Pick<Lease, "externalPort"> & { readonly protocol?: TransportProtocol } | undefined,
): PortDiffersError | undefined {
  const { externalPort: grantedPort, protocol } = granted;
  if (wanted.exact && wanted.externalPort !== undefined) {
    if (grantedPort === wanted.externalPort) return undefined;
    return new PortDiffersError(
      `The router offers external ${protocol} port ${grantedPort}, not ${wanted.externalPort}`,
      { requirement: "exact", wantedPort: wanted.externalPort, grantedPort },
    );
  }
  if (wanted.anyPort || wanted.protocols.length === 1 || other === undefined) return undefined;
  const wantedPort = other.externalPort;
  if (wantedPort === grantedPort) return undefined;
  return new PortDiffersError(
    other.protocol === undefined
      ? `The router offers external ${protocol} port ${grantedPort}, not ${wantedPort}`
      : `The router offers external port ${wantedPort} for ${other.protocol} but ${grantedPort} for ${protocol}`,
    { requirement: "pair", wantedPort, grantedPort },
  );
}

/** Deletes a mapping that must not stay. Returns whether it is gone; otherwise it expires. */
export async function giveBack(
  mapper: PortMapper,
  mapping: UnmapRequest,
  limits: RequestOptions,
): Promise<boolean> {
  const maxAttempts = Math.min(RELEASE_ATTEMPTS, limits.maxAttempts ?? RELEASE_ATTEMPTS);
  try {
    return !(await mapper.unmap(mapping, { ...limits, maxAttempts })).leftToExpire;
  } catch {
    return false;
  }
}

/** Options of {@linkcode renew}. */
export interface RenewOptions {
  /** The external port of the lease that lives for a protocol, if one does. */
  readonly portOf: (protocol: TransportProtocol) => number | undefined;
  /** The protocols to ask for; all by default. */
  readonly protocols?: readonly TransportProtocol[] | undefined;
  /** The limits of each request; where there are none any more, the renewal ends before it. */
  readonly nextLimits: NextLimits;
  /** Called at each grant. */
  readonly onGrant?: ((lease: Lease) => void) | undefined;
}

/**
 * Renews the leases of a wanted mapping, each on the port that it has. A living lease is never given up: when it moves to
 * another port, that is its new port. A half of a pair that is missing is asked for on the port of the other, and given
 * back when it gets one that will not do.
 *
 * @param mapper The gateway's client.
 * @param wanted The wanted mapping.
 * @param options The held lease, and limits.
 * @returns The outcome of each protocol that was asked for. After silence the others are not asked for.
 */
export async function renew(
  mapper: PortMapper,
  wanted: WantedMapping,
  options: RenewOptions,
): Promise<Outcome[]> {
  const { portOf, protocols = wanted.protocols, nextLimits, onGrant } = options;
  const outcomes: Outcome[] = [];
  const before = new Map(wanted.protocols.map((protocol) => [protocol, portOf(protocol)]));
  /** Where the leases that were on a port are now. */
  const moved = new Map<number | undefined, number>();
  for (const protocol of protocols) {
    const limits = nextLimits();
    if (limits === undefined) break;
    const mapping = { protocol, internalPort: wanted.internalPort };
    const own = before.get(protocol) ?? [...before.values()].find((port) => port !== undefined);
    const suggestion = moved.get(own) ?? own;
    try {
      const lease = await askFor(mapper, wanted, { protocol, suggestion, limits });
      onGrant?.(lease);
      if (before.get(protocol) === undefined) {
        const sibling = suggestion === undefined ? undefined : { externalPort: suggestion };
        const difference = differenceOf(wanted, lease, sibling);
        if (difference !== undefined) {
          await giveBack(mapper, lease, limits);
          throw difference;
        }
      }
      moved.set(own, lease.externalPort);
      outcomes.push({ mapping, lease });
    } catch (error) {
      outcomes.push({ mapping, error });
      // The gateway may refuse one half and grant the other, which may be alive.
      if (!isPerMapping(error)) break;
    }
  }
  return outcomes;
}

/** Options of {@linkcode releaseAll}. */
export interface ReleaseAllOptions {
  readonly mapper: PortMapper;
  readonly clock: Clock;
  /** When to be done. */
  readonly deadlineMs: number;
  /** Called for each mapping that is gone, or that the gateway is closing. */
  readonly onReleased: (mapping: MappingKey, unmapped: Unmapped) => void;
}

/** A mapping that could not be deleted. */
export interface Unreleased {
  readonly mapping: MappingKey;
  readonly error: unknown;
}

/**
 * Deletes mappings one after the other, each with its share of the time that is left: one send at least, two where there
 * is time (RFC 6886 §3.1).
 *
 * @returns Those whose deletion was refused or not answered. Those that no request deletes are not among them.
 */
export async function releaseAll(
  mappings: readonly UnmapRequest[],
  { mapper, clock, deadlineMs, onReleased }: ReleaseAllOptions,
): Promise<Unreleased[]> {
  const done = new AbortController();
  const late = new AbortController();
  const alarm = clock.sleep(Math.max(0, deadlineMs - clock.now()), { signal: done.signal })
    .then(() => late.abort(new Error("There is no time left")), () => {});
  const unreleased: Unreleased[] = [];
  for (const [i, mapping] of mappings.entries()) {
    const timeoutMs = Math.max(1, (deadlineMs - clock.now()) / (mappings.length - i));
    try {
      const unmapped = await mapper.unmap(mapping, {
        timeoutMs,
        maxAttempts: RELEASE_ATTEMPTS,
        signal: late.signal,
      });
      if (!unmapped.leftToExpire) onReleased(mapping, unmapped);
    } catch (error) {
      unreleased.push({ mapping, error });
    }
  }
  done.abort();
  await alarm;
  return unreleased;
}
