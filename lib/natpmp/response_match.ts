/**
 * Which datagram answers which request (RFC 6886 §3.3, §3.5). Pure.
 *
 * @module
 */

import { MalformedMessageError } from "../errors.ts";
import type { Match } from "../net/exchange.ts";
import { ADDRESS_OPCODE, MAP_OPCODES, PCP_VERSION, RESULT } from "./constants.ts";
import { type AskedRequest, decodeResponse, isPcpResponse, type Response } from "./message.ts";

const SPEAKS_PCP: Response = { kind: "other-version", version: PCP_VERSION, opcode: ADDRESS_OPCODE };

/**
 * Checks whether a datagram answers what was asked, and if not, why not. A refusal is an answer.
 *
 * @param asked The request.
 * @param data The datagram, from the gateway's address and port.
 * @returns The response, or the reason why it is not an answer.
 */
export function matchResponse(asked: AskedRequest, data: Uint8Array): Match<Response> {
  let response: Response;
  try {
    response = decodeResponse(data);
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    // The right answer may follow; if none does, the gateway has shown all the same which protocol it speaks.
    return { discarded: error.message, ...(isPcpResponse(data) ? { lastResort: SPEAKS_PCP } : {}) };
  }
  if (response.kind === "other-version") return { reply: response };

  const opcode = asked.kind === "address" ? ADDRESS_OPCODE : MAP_OPCODES[asked.protocol];
  if (response.kind === "refusal") {
    // A version error does not name the request that it answers (§3.5), and only one is outstanding.
    if (response.resultCode === RESULT.unsupportedVersion) return { reply: response };
    if (response.opcode !== opcode) return { discarded: "for another opcode" };
    // Some gateways do not echo the internal port of a request that they refuse.
    if (asked.kind === "map" && response.internalPort && !matchesPort(asked, response.internalPort)) {
      return { discarded: "for another internal port" };
    }
    return { reply: response };
  }
  if (asked.kind === "address") {
    return response.kind === "address" ? { reply: response } : { discarded: "for another opcode" };
  }
  if (response.kind !== "map" || response.protocol !== asked.protocol) {
    return { discarded: "for another opcode" };
  }
  if (!matchesPort(asked, response.internalPort)) return { discarded: "for another internal port" };
  if (asked.lifetimeSeconds === 0) {
    return response.lifetimeSeconds === 0
      ? { reply: response }
      : { discarded: "a mapping instead of a deletion" };
  }
  if (response.externalPort === 0) return { discarded: "a success with external port 0" };
  if (response.lifetimeSeconds === 0) return { discarded: "a success with lifetime 0" };
  return { reply: response };
}

/** A gateway may name any port for a mapping with internal port 0; for *delete all* (§3.4) it is 0. */
function matchesPort(asked: Extract<AskedRequest, { kind: "map" }>, internalPort: number): boolean {
  const isAnyAccepted = asked.internalPort === 0 && asked.lifetimeSeconds > 0;
  return isAnyAccepted || internalPort === asked.internalPort;
}
