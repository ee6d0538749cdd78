/**
 * Which datagram answers which request (RFC 6887 §8.3, §9, §11.4). Pure.
 *
 * @module
 */

import { MalformedMessageError } from "../errors.ts";
import type { Match } from "../net/exchange.ts";
import { parseIpv4 } from "../net/ipv4.ts";
import { OLDER_VERSIONS, OPCODE } from "./constants.ts";
import {
  type AskedRequest,
  decodeResponse,
  isNatPmpResponse,
  type MapFields,
  type Response,
} from "./message.ts";

const SPEAKS_NAT_PMP: Response = { kind: "version-error", version: OLDER_VERSIONS.natPmp };

/** Checks whether a datagram answers what was asked, and if not, why not. A refusal is an answer. */
export function matchResponse(asked: AskedRequest, data: Uint8Array): Match<Response> {
  let response: Response;
  try {
    response = decodeResponse(data);
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    // The right answer may follow; if none does, the gateway has shown all the same which protocol it speaks.
    return { discarded: error.message, ...(isNatPmpResponse(data) ? { lastResort: SPEAKS_NAT_PMP } : {}) };
  }
  const discarded = objectionTo(response, asked);
  return discarded === undefined ? { reply: response } : { discarded };
}

function objectionTo(response: Response, asked: AskedRequest): string | undefined {
  // It names no request, and only one is outstanding (§9).
  if (response.kind === "version-error") return undefined;
  if (response.kind === "refusal") {
    if (response.opcode !== OPCODE[asked.kind]) return "for another opcode";
    // A server that could not read the request has no mapping to name.
    if (asked.kind === "announce" || response.mapping === undefined) return undefined;
    return difference(response.mapping, asked);
  }
  if (response.kind === "announce" || asked.kind === "announce") {
    return response.kind === asked.kind ? undefined : "for another opcode";
  }
  // A server copies the options of a request that it carried out (§7.3); one that ignored this one opened another port.
  if (response.thirdParty !== asked.thirdParty) return "for another host";
  const isDeletion = asked.lifetimeSeconds === 0;
  return difference(response, asked) ?? (isDeletion ? undefined : faultOf(response));
}

/** Nothing else is compared (§11.4). Only the server has seen the nonce. */
function difference(answered: MapFields, asked: MapFields): string | undefined {
  if (answered.nonce !== asked.nonce) return "with another nonce";
  if (answered.protocol !== asked.protocol) return "for another protocol";
  return answered.internalPort === asked.internalPort ? undefined : "for another internal port";
}

/** Why a success cannot be one. An address of all zeros is an answer: the gateway has none. */
function faultOf(
  { externalPort, externalAddress, lifetimeSeconds }: Extract<Response, { kind: "map" }>,
): string | undefined {
  if (externalPort === 0) return "a success with external port 0";
  if (lifetimeSeconds === 0) return "a success with lifetime 0";
  const isUsable = externalAddress === "::" || parseIpv4(externalAddress) !== undefined;
  return isUsable ? undefined : "a success with an external address that is not IPv4";
}
