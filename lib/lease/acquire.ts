/**
 * One wish for a mapping, or for a pair of them on one port, granted whole or not at all.
 *
 * @module
 */

import { NotSupportedError, PortDiffersError, RefusedError } from "../errors.ts";
import type { Lease, MappingKey, PortMapper, RequestOptions, TransportProtocol } from "../port_mapper.ts";

/** What somebody wants mapped. */
export interface MappingWish {
  /** One protocol, or the two of a pair in the order in which they are asked for. */
  readonly protocols: readonly TransportProtocol[];
  /** The port on this host. */
  readonly internalPort: number;
  /** The external port to ask for; absent when the gateway is to choose. */
  readonly externalPort?: number | undefined;
  /** Seconds each mapping is to live. */
  readonly lifetimeSeconds?: number | undefined;
  /** Whether another external port than the one asked for will not do. */
  readonly exact?: boolean;
  /** Whether the two of a pair may have different external ports. */
  readonly anyPort?: boolean;
}

/** Options of {@linkcode acquire}. */
export interface AcquireOptions extends RequestOptions {
  /** Whether a mapping did not exist before this wish. Only such are deleted when the wish fails; all by default. */
  readonly isNew?: (mapping: MappingKey) => boolean;
}

/** What became of one protocol's half of a wish. */
export type AcquireOutcome =
  | { readonly mapping: MappingKey; readonly lease: Lease }
  | { readonly mapping: MappingKey; readonly error: unknown };

/** What became of a wish. */
export interface Acquired {
  /** One outcome for each protocol, in the wish's order. */
  readonly outcomes: readonly AcquireOutcome[];
  /** Mappings of a failed wish that could not be deleted again; they stand until they expire. */
  readonly leftovers: readonly Lease[];
}

/** How often a deletion is sent when it undoes something: one or two retries are enough (RFC 6886 §3.1). */
export const RELEASE_ATTEMPTS = 2;

/**
 * Asks for the mappings of a wish, one request after the other, the second of a pair suggesting the port that the
 * first was granted.
 *
 * When one is refused or gets another port than the wish allows, the wish as a whole has failed: what was newly
 * granted for it is deleted again, and every outcome is that error. After silence nothing is undone, as nobody knows
 * what stands.
 *
 * @param mapper The gateway's client.
 * @param wish What is wanted.
 * @param options Limits of each request, and what existed before.
 * @returns What became of each protocol.
 */
export async function acquire(
  mapper: PortMapper,
  wish: MappingWish,
  options: AcquireOptions = {},
): Promise<Acquired> {
  const { isNew = () => true, ...limits } = options;
  const leases: Lease[] = [];
  try {
    for (const protocol of wish.protocols) {
      leases.push(await askFor(mapper, wish, { protocol, suggestion: leases[0]?.externalPort, limits }));
      const difference = differenceOf(wish, leases);
      if (difference !== undefined) throw difference;
    }
    return { outcomes: leases.map((lease) => ({ mapping: lease, lease })), leftovers: [] };
  } catch (error) {
    if (!undoes(error)) return { outcomes: outcomesOf(wish, leases, error), leftovers: [] };
    const leftovers = await release(mapper, leases.filter(isNew), limits);
    return { outcomes: outcomesOf(wish, [], error), leftovers };
  }
}

interface Asking {
  readonly protocol: TransportProtocol;
  readonly suggestion: number | undefined;
  readonly limits: RequestOptions;
}

async function askFor(mapper: PortMapper, wish: MappingWish, asking: Asking): Promise<Lease> {
  const externalPort = asking.suggestion ?? wish.externalPort;
  const { requestedExternalPort: _, ...lease } = await mapper.map({
    protocol: asking.protocol,
    internalPort: wish.internalPort,
    ...(externalPort === undefined ? {} : { externalPort }),
    ...(wish.lifetimeSeconds === undefined ? {} : { lifetimeSeconds: wish.lifetimeSeconds }),
  }, asking.limits);
  // The port that counts as asked for is the wish's, whatever the second of a pair had to suggest.
  return wish.externalPort === undefined ? lease : { ...lease, requestedExternalPort: wish.externalPort };
}

function differenceOf(wish: MappingWish, leases: readonly Lease[]): PortDiffersError | undefined {
  const { protocol, externalPort } = leases.at(-1)!;
  const first = leases[0]!.externalPort;
  if (wish.exact && wish.externalPort !== undefined && externalPort !== wish.externalPort) {
    return new PortDiffersError(
      `The gateway offers external ${protocol} port ${externalPort}, not ${wish.externalPort}`,
      { requirement: "exact", wantedPort: wish.externalPort, grantedPort: externalPort },
    );
  }
  if (!wish.anyPort && externalPort !== first) {
    return new PortDiffersError(
      `The gateway offers external port ${first} for ${
        leases[0]!.protocol
      } but ${externalPort} for ${protocol}`,
      { requirement: "pair", wantedPort: first, grantedPort: externalPort },
    );
  }
  return undefined;
}

/** Whether an error leaves no doubt about what stands at the gateway, so that the rest can be undone. */
function undoes(error: unknown): boolean {
  return error instanceof RefusedError || error instanceof NotSupportedError ||
    error instanceof PortDiffersError;
}

function outcomesOf(wish: MappingWish, leases: readonly Lease[], error: unknown): AcquireOutcome[] {
  return wish.protocols.map((protocol) => {
    const mapping = { protocol, internalPort: wish.internalPort };
    const lease = leases.find((lease) => lease.protocol === protocol);
    return lease === undefined ? { mapping, error } : { mapping, lease };
  });
}

/** Deletes mappings again; returns those for which that failed. */
async function release(
  mapper: PortMapper,
  leases: readonly Lease[],
  limits: RequestOptions,
): Promise<Lease[]> {
  const maxAttempts = Math.min(RELEASE_ATTEMPTS, limits.maxAttempts ?? RELEASE_ATTEMPTS);
  const leftovers: Lease[] = [];
  for (const lease of leases) {
    try {
      // To the protocols, deleting internal port 0 means deleting everything: such a lease can only expire.
      if (lease.internalPort === 0) leftovers.push(lease);
      else await mapper.unmap(lease, { ...limits, maxAttempts });
    } catch {
      leftovers.push(lease);
    }
  }
  return leftovers;
}
