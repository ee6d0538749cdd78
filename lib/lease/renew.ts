/**
 * Renewing what a wish has, one protocol after the other.
 *
 * @module
 */

import { concernsOneMapping } from "./cause.ts";
import { PortDiffersError } from "../errors.ts";
import type { Lease, PortMapper, RequestOptions, TransportProtocol } from "../port_mapper.ts";
import { type AcquireOutcome, type MappingWish, RELEASE_ATTEMPTS } from "./acquire.ts";

/** Options of {@linkcode renew}. */
export interface RenewOptions {
  /** The external port of the lease that lives for a protocol, if one does. */
  readonly portOf: (protocol: TransportProtocol) => number | undefined;
  /** The protocols to ask for; all of the wish's by default. */
  readonly protocols?: readonly TransportProtocol[];
  /** The limits of the next request; `undefined` ends the renewal before it. */
  readonly limits: () => RequestOptions | undefined;
}

/**
 * Renews the leases of a wish, each on the port that it has. A lease that lives is never given up: when it moves to
 * another port, that is its new port. A half of a pair that is missing is asked for on the port of the other, and
 * given back when it gets one that the wish does not allow.
 *
 * @param mapper The gateway's client.
 * @param wish What is wanted.
 * @param options What is held, and limits.
 * @returns What became of each protocol that was asked for. After silence the others are not asked for.
 */
export async function renew(
  mapper: PortMapper,
  wish: MappingWish,
  options: RenewOptions,
): Promise<AcquireOutcome[]> {
  const { portOf, protocols = wish.protocols, limits } = options;
  const outcomes: AcquireOutcome[] = [];
  const before = new Map(wish.protocols.map((protocol) => [protocol, portOf(protocol)]));
  /** Where the leases that were on a port are now. */
  const moved = new Map<number | undefined, number>();
  for (const protocol of protocols) {
    const limit = limits();
    if (limit === undefined) break;
    const mapping = { protocol, internalPort: wish.internalPort };
    const own = before.get(protocol) ?? [...before.values()].find((port) => port !== undefined);
    const suggestion = moved.get(own) ?? own;
    try {
      const { requestedExternalPort: _, ...granted } = await mapper.map({
        ...mapping,
        ...(suggestion === undefined ? {} : { externalPort: suggestion }),
        ...(wish.lifetimeSeconds === undefined ? {} : { lifetimeSeconds: wish.lifetimeSeconds }),
      }, limit);
      const lease = wish.externalPort === undefined
        ? granted
        : { ...granted, requestedExternalPort: wish.externalPort };
      if (portOf(protocol) === undefined) {
        const difference = differenceOf(wish, lease, moved.get(own) ?? suggestion);
        if (difference !== undefined) {
          await giveBack(mapper, lease, limit);
          throw difference;
        }
      }
      moved.set(own, lease.externalPort);
      outcomes.push({ mapping, lease });
    } catch (error) {
      outcomes.push({ mapping, error });
      // What is refused to one half need not be refused to the other, which may be alive.
      if (!concernsOneMapping(error)) break;
    }
  }
  return outcomes;
}

function differenceOf(wish: MappingWish, lease: Lease, siblingsPort: number | undefined) {
  const { externalPort: grantedPort, protocol } = lease;
  const isPair = wish.protocols.length > 1 && !wish.anyPort;
  const [requirement, wantedPort] = wish.exact && wish.externalPort !== undefined
    ? ["exact", wish.externalPort] as const
    : ["pair", isPair ? siblingsPort : undefined] as const;
  if (wantedPort === undefined || wantedPort === grantedPort) return undefined;
  return new PortDiffersError(
    `The gateway offers external ${protocol} port ${grantedPort}, not ${wantedPort}`,
    { requirement, wantedPort, grantedPort },
  );
}

/** What cannot be given back expires. Deleting internal port 0 would delete everything. */
async function giveBack(mapper: PortMapper, lease: Lease, limit: RequestOptions): Promise<void> {
  if (lease.internalPort === 0) return;
  await mapper.unmap(lease, { ...limit, maxAttempts: RELEASE_ATTEMPTS }).catch(() => {});
}
