/**
 * The simulated gateway's news of mappings to the clients of PCP that made them (RFC 6887 §14.2). Pure.
 *
 * @module
 */

import type { Emission } from "./adversity.ts";
import type { GatewayState } from "./gateway_state.ts";
import type { Mapping } from "./mapping_table.ts";
import { type ClaimedMapping, mappingUpdate } from "./pcp_responder.ts";

/** When updates leave after an address change, in milliseconds: three copies, 250 ms and then 500 ms apart (§14.2). */
export const UPDATE_TIMES_MS: readonly number[] = [0, 250, 750];

/** Options of {@linkcode mappingUpdates}. */
export interface MappingUpdatesOptions extends GatewayState {
  /** The time in milliseconds. */
  readonly nowMs: number;
  /** When the address changed; whoever asked since then has heard of it. */
  readonly sinceMs: number;
}

/**
 * The updates of all mappings whose clients have not heard of a new address yet.
 *
 * @param mappings The gateway's mappings.
 * @param options The gateway's state and the times.
 * @returns A datagram for each, to the port that its client asked from last; none without an address.
 */
export function mappingUpdates(
  mappings: readonly Mapping[],
  { faults, externalAddress, epochSeconds, nowMs, sinceMs }: MappingUpdatesOptions,
): Emission[] {
  if (faults.noMappingUpdate || faults.silent || faults.silent5351) return [];
  if (externalAddress === undefined) return [];
  return mappings
    .filter((mapping): mapping is ClaimedMapping => mapping.pcp !== undefined)
    .filter(({ expiresAtMs, lifetimeSeconds }) => expiresAtMs - lifetimeSeconds * 1000 <= sinceMs)
    .map((mapping): Emission => ({
      // An update has none of an answer's faults.
      data: mappingUpdate(mapping, externalAddress, { epochSeconds, nowMs }),
      to: mapping.pcp.client,
      delayMs: 0,
      from: "gateway",
    }));
}
