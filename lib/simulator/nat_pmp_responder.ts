/**
 * The content of the simulated gateway's answers in NAT-PMP (RFC 6886), faults of content included. Pure.
 *
 * @module
 */

import { ADDRESS_OPCODE, MAP_OPCODES, RESULT } from "../natpmp/constants.ts";
import { encodeResponse, encodeUnsupportedOpcode, type Request } from "../natpmp/message.ts";
import { parseIpv4 } from "../net/ipv4.ts";
import type { GatewayState } from "./gateway_state.ts";

/** A request to map or to delete (§3.3, §3.4). */
export type MapRequestMessage = Extract<Request, { kind: "map" }>;

const ZERO_ADDRESS = "0.0.0.0";

/**
 * Answers a request for the external address (§3.2).
 *
 * @param state The gateway's state.
 * @returns 12 bytes: the address, or result 3 when there is none (§3.5).
 */
export function addressAnswer(state: GatewayState): Uint8Array {
  const { epochSeconds, externalAddress, faults } = state;
  if (externalAddress === undefined) return refusalAnswer(RESULT.networkFailure, undefined, state);
  return encodeResponse({
    kind: "address",
    epochSeconds,
    externalAddress: faults.zeroAddress ? ZERO_ADDRESS : externalAddress,
  });
}

/**
 * Answers a map request (§3.3) or a deletion (§3.4) with success.
 *
 * @param request The request.
 * @param granted The mapping; `undefined` for a deletion, which is answered with external port 0 and lifetime 0.
 * @param state The gateway's state.
 * @returns 16 bytes.
 */
export function mapAnswer(
  request: MapRequestMessage,
  granted: { readonly externalPort: number; readonly lifetimeSeconds: number } | undefined,
  state: GatewayState,
): Uint8Array {
  const { epochSeconds, faults } = state;
  return encodeResponse({
    kind: "map",
    protocol: request.protocol,
    epochSeconds,
    internalPort: request.internalPort,
    externalPort: granted === undefined || faults.zeroPort ? 0 : granted.externalPort,
    lifetimeSeconds: granted === undefined || faults.zeroLifetime
      ? 0
      : faults.claimedLifetimeSeconds ?? granted.lifetimeSeconds,
  });
}

/**
 * Refuses with the whole length of the answer to that request, the internal port echoed, the rest zero (§3.5).
 *
 * @param resultCode Why.
 * @param request The map request; `undefined` for the request of the address.
 * @param state The gateway's state.
 * @returns 16 bytes for a map request, 12 for the address; 8 for results 1 and 5.
 */
export function refusalAnswer(
  resultCode: number,
  request: MapRequestMessage | undefined,
  state: GatewayState,
): Uint8Array {
  const { epochSeconds, externalAddress, faults } = state;
  const opcode = request === undefined ? ADDRESS_OPCODE : MAP_OPCODES[request.protocol];
  const internalPort = request === undefined || faults.noPortEcho ? 0 : request.internalPort;
  const data = encodeResponse({ kind: "refusal", opcode, resultCode, epochSeconds, internalPort });
  if (!faults.unzeroedErrors) return data;
  const view = new DataView(data.buffer);
  if (request === undefined && data.length >= 12) {
    data.set(parseIpv4(externalAddress ?? ZERO_ADDRESS) ?? [], 8);
  } else if (request !== undefined && data.length >= 16) {
    view.setUint16(10, request.externalPort);
    view.setUint32(12, request.lifetimeSeconds);
  }
  return data;
}

/**
 * Refuses an opcode that does not exist (§3.5).
 *
 * @param request The datagram of the request.
 * @param state The gateway's state.
 * @returns The request echoed with result 5, or 8 bytes with the epoch as miniupnpd answers.
 */
export function opcodeErrorAnswer(request: Uint8Array, state: GatewayState): Uint8Array {
  if (state.faults.opcodeError !== "short") return encodeUnsupportedOpcode(request);
  const { epochSeconds } = state;
  const resultCode = RESULT.unsupportedOpcode;
  return encodeResponse({ kind: "refusal", opcode: request[1] ?? 0, resultCode, epochSeconds });
}

/**
 * Refuses another version (§3.5 with erratum 3618).
 *
 * @param opcode The opcode of the request.
 * @param state The gateway's state.
 * @returns 8 bytes with opcode 128, or with the one that the faults ask for.
 */
export function versionErrorAnswer(opcode: number, state: GatewayState): Uint8Array {
  const { epochSeconds, faults } = state;
  const resultCode = RESULT.unsupportedVersion;
  const echoed = faults.natPmpOnly === "echo" ? opcode : 0;
  const data = encodeResponse({ kind: "refusal", opcode: echoed, resultCode, epochSeconds });
  if (faults.natPmpOnly === "0") data[1] = 0;
  return data;
}
