/**
 * One attempt to get what a wish asks for, by whichever way its leases leave open.
 *
 * @module
 */

import type { Lease, MappingKey, PortMapper, RequestOptions, TransportProtocol } from "../port_mapper.ts";
import { acquire, type AcquireOutcome, RELEASE_ATTEMPTS } from "./acquire.ts";
import { concernsOneMapping } from "./cause.ts";
import type { KeptWish } from "./kept_wish.ts";
import { Interrupted } from "./link.ts";
import { renew } from "./renew.ts";

/** Options of {@linkcode attempt}. */
export interface AttemptOptions {
  /** The gateway's client. */
  readonly mapper: PortMapper;
  /** The gateway's state at the moment. */
  readonly state: () => number;
  /** The time. */
  readonly nowMs: number;
  /** The limits of each request for something new. */
  readonly limits: RequestOptions;
  /** The limits of the next renewal; `undefined` ends the attempt before it. */
  readonly renewalLimits: () => RequestOptions | undefined;
}

/** What became of an attempt. */
export interface Attempted {
  /** What became of each protocol that was asked for. */
  readonly outcomes: readonly AcquireOutcome[];
  /** What was granted, could not be kept and could not be given back. */
  readonly leftovers: readonly MappingKey[];
  /** The gateway's state in the moment of each grant. */
  readonly states: ReadonlyMap<TransportProtocol, number>;
}

/**
 * Renews what a wish has, or acquires it anew.
 *
 * @param kept The wish and its leases.
 * @param options The gateway and the limits.
 * @returns What became of it.
 */
export async function attempt(kept: KeptWish, options: AttemptOptions): Promise<Attempted> {
  const { mapper, state, nowMs, limits, renewalLimits } = options;
  const states = new Map<TransportProtocol, number>();
  const noted = noting(mapper, ({ protocol }) => states.set(protocol, state()));
  if (kept.isHeld) {
    const outcomes = await renew(noted, kept.wish, {
      portOf: (protocol) => kept.lease(protocol)?.externalPort,
      protocols: kept.protocolsToAsk(state(), nowMs),
      limits: renewalLimits,
    });
    return { outcomes, leftovers: [], states };
  }
  const { outcomes, leftovers } = await acquire(interruptible(noted, renewalLimits), kept.newWish, {
    ...limits,
    isNew: (mapping) => kept.isNew(mapping),
  });
  const failed = outcomes.find((outcome) => "error" in outcome);
  if (failed !== undefined && concernsOneMapping(failed.error)) await giveBackHalves(kept, mapper, limits);
  return { outcomes: outcomes.map((outcome) => asWished(kept, outcome)), leftovers, states };
}

/** Gives back what earlier attempts got of a new pair whose other half is now known not to come. */
async function giveBackHalves(kept: KeptWish, mapper: PortMapper, limits: RequestOptions): Promise<void> {
  for (const mapping of kept.standing) {
    if (mapping.internalPort === 0) continue;
    try {
      await mapper.unmap(kept.toDelete(mapping), { ...limits, maxAttempts: RELEASE_ATTEMPTS });
      kept.drop(mapping, "unmapped");
    } catch {
      // It expires, or is given back after the next attempt.
    }
  }
}

/** The port that counts as asked for is the wish's, whatever was suggested. */
function asWished({ wish }: KeptWish, outcome: AcquireOutcome): AcquireOutcome {
  if (!("lease" in outcome) || wish.externalPort !== undefined) return outcome;
  const { requestedExternalPort: _, ...lease } = outcome.lease;
  return { mapping: outcome.mapping, lease };
}

/** A mapper that asks for no mapping any more once the round is over, as after a loss of state (RFC 6886 §3.7). */
function interruptible(mapper: PortMapper, limits: () => RequestOptions | undefined): PortMapper {
  return {
    ...mapper,
    map: (request, options) =>
      limits() === undefined ? Promise.reject(new Interrupted()) : mapper.map(request, options),
  };
}

/** A mapper that tells of each lease in the moment in which it is granted. */
function noting(mapper: PortMapper, onGrant: (lease: Lease) => void): PortMapper {
  return {
    gateway: mapper.gateway,
    async map(request, options) {
      const lease = await mapper.map(request, options);
      onGrant(lease);
      return lease;
    },
    externalAddress: (options) => mapper.externalAddress(options),
    unmap: (mapping, options) => mapper.unmap(mapping, options),
    unmapAll: (protocol, options) => mapper.unmapAll(protocol, options),
    onStateLost: (listener) => mapper.onStateLost(listener),
  };
}
