/**
 * The content of the simulated gateway's answers in PCP (RFC 6887), faults of content included. Pure.
 *
 * @module
 */

import {
  LONG_ERROR_SECONDS,
  MAX_LIFETIME_SECONDS,
  SHORT_ERROR_SECONDS,
  suggestedErrorSeconds,
} from "../pcp/constants.ts";
import { encodeRefusal, encodeResponse, type Request } from "../pcp/message.ts";
import type { GatewayState } from "./gateway_state.ts";
import { isStatic, type Mapping, type PcpClaim, remainingSeconds } from "./mapping_table.ts";

/** A request to map or to delete (§11.1). */
export type PcpMapRequest = Extract<Request, { kind: "map" }>;

/** A mapping that a PCP client made or renewed. */
export type ClaimedMapping = Mapping & { readonly pcp: PcpClaim };

const ZERO_ADDRESS = "0.0.0.0";

/**
 * Answers a client's ANNOUNCE, and announces to all of them (§14.1).
 *
 * @param state The gateway's state.
 * @returns 24 bytes.
 */
export function announceAnswer({ epochSeconds }: GatewayState): Uint8Array {
  return encodeResponse({ kind: "announce", epochSeconds });
}

/**
 * Answers a MAP request with success (§11.3), with the options that were processed (§7.3).
 *
 * @param request The request.
 * @param mapping The mapping.
 * @param state The gateway's state.
 * @returns 60 bytes and the options.
 */
export function mapAnswer(request: PcpMapRequest, mapping: Mapping, state: GatewayState): Uint8Array {
  const { epochSeconds, externalAddress = ZERO_ADDRESS, faults } = state;
  const lifetimeSeconds = isStatic(mapping) ? MAX_LIFETIME_SECONDS : mapping.lifetimeSeconds;
  return encodeResponse({
    ...request,
    epochSeconds,
    lifetimeSeconds: faults.zeroLifetime ? 0 : faults.claimedLifetimeSeconds ?? lifetimeSeconds,
    externalPort: faults.zeroPort ? 0 : mapping.externalPort,
    externalAddress: faults.zeroAddress ? ZERO_ADDRESS : externalAddress,
  });
}

/**
 * Answers a deletion with success (§15.1), with the external port of the request as miniupnpd does.
 *
 * @param request The request.
 * @param lifetimeSeconds The life that is left of the mapping all the same (§15).
 * @param state The gateway's state.
 * @returns 60 bytes and the options.
 */
export function deletionAnswer(
  request: PcpMapRequest,
  lifetimeSeconds: number,
  { epochSeconds, externalAddress = ZERO_ADDRESS }: GatewayState,
): Uint8Array {
  return encodeResponse({ ...request, epochSeconds, lifetimeSeconds, externalAddress });
}

/**
 * How long an error holds.
 *
 * @param resultCode The error.
 * @param state The gateway's state.
 * @param reasonSeconds How long its reason lasts, where that is known. Default: what §7.4 suggests.
 * @returns Seconds; the fault leaves only the short errors their time.
 */
export function errorSeconds(
  resultCode: number,
  { faults }: GatewayState,
  reasonSeconds?: number,
): number {
  const suggested = suggestedErrorSeconds(resultCode) ?? LONG_ERROR_SECONDS;
  if (faults.zeroErrorLifetime && suggested !== SHORT_ERROR_SECONDS) return 0;
  return reasonSeconds ?? suggested;
}

/**
 * Refuses a request, of this version or another one (§8.2).
 *
 * @param request The datagram of the request.
 * @param resultCode Why.
 * @param lifetimeSeconds How long the error holds.
 * @param state The gateway's state.
 * @returns The request with the header of a response, 24 bytes at least.
 */
export function refusalAnswer(
  request: Uint8Array,
  { resultCode, lifetimeSeconds }: { readonly resultCode: number; readonly lifetimeSeconds: number },
  { epochSeconds }: GatewayState,
): Uint8Array {
  return encodeRefusal(request, { resultCode, lifetimeSeconds, epochSeconds });
}

/**
 * Reports a mapping to its client without a request, since the external address has changed (§14.2).
 *
 * @param mapping The mapping.
 * @param externalAddress The new address.
 * @param options The epoch, and the time in milliseconds.
 * @returns 60 bytes, and THIRD_PARTY where the mapping is not the client's own.
 */
export function mappingUpdate(
  mapping: ClaimedMapping,
  externalAddress: string,
  { epochSeconds, nowMs }: { readonly epochSeconds: number; readonly nowMs: number },
): Uint8Array {
  const { address, internalPort, protocol, externalPort, pcp: { nonce, client } } = mapping;
  return encodeResponse({
    kind: "map",
    epochSeconds,
    nonce,
    protocol,
    internalPort,
    externalPort,
    externalAddress,
    lifetimeSeconds: remainingSeconds(mapping, nowMs),
    thirdParty: address === client.hostname ? undefined : address,
  });
}
