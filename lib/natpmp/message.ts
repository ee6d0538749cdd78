/**
 * The messages of NAT-PMP, both directions, from bytes and to bytes (RFC 6886 §3.2 to §3.5). Pure.
 *
 * All integers are unsigned and big-endian; offsets are bytes from the start of the UDP payload.
 *
 * @module
 */

import { MalformedMessageError } from "../errors.ts";
import { formatIpv4, parseIpv4 } from "../net/ipv4.ts";
import {
  ADDRESS_OPCODE,
  MAP_OPCODES,
  NAT_PMP_VERSION,
  PCP_HEADER_BYTES,
  PCP_MAX_BYTES,
  PCP_VERSION,
  RESPONSE_BIT,
  RESULT,
  VENDOR_VERSION,
  VERSION_ERROR_BYTES,
} from "./constants.ts";

/** The transport protocols that NAT-PMP maps, one opcode each (§3.3). */
export type MapProtocol = keyof typeof MAP_OPCODES;

/** A client's message, as a gateway reads it. */
export type Request =
  /** Byte 0 version, 1 opcode 0 (§3.2). */
  | { readonly kind: "address" }
  /** Byte 0 version, 1 opcode, 2-3 reserved, 4-5 internal port, 6-7 suggested external port, 8-11 lifetime (§3.3). */
  | {
    readonly kind: "map";
    readonly protocol: MapProtocol;
    readonly internalPort: number;
    /** 0 leaves the choice to the gateway; a deletion sends 0 (§3.4). */
    readonly externalPort: number;
    /** Seconds; 0 deletes (§3.4). */
    readonly lifetimeSeconds: number;
  }
  | { readonly kind: "unsupported-opcode"; readonly opcode: number }
  | { readonly kind: "unsupported-version"; readonly version: number; readonly opcode: number };

/** The requests that a client makes. */
export type AskedRequest = Extract<Request, { kind: "address" | "map" }>;

/** A gateway's message, as a client reads it. */
export type Response =
  /** Byte 0 version, 1 opcode 128, 2-3 result, 4-7 epoch, 8-11 address (§3.2). Announcements are the same (§3.2.1). */
  | { readonly kind: "address"; readonly epochSeconds: number; readonly externalAddress: string }
  /** Byte 2-3 result, 4-7 epoch, 8-9 internal port, 10-11 external port, 12-15 lifetime (§3.3). */
  | {
    readonly kind: "map";
    readonly protocol: MapProtocol;
    readonly epochSeconds: number;
    readonly internalPort: number;
    /** 0 in the answer to a deletion (§3.4). */
    readonly externalPort: number;
    /** Seconds; 0 in the answer to a deletion (§3.4). */
    readonly lifetimeSeconds: number;
  }
  /** A result code other than 0 (§3.5). Only the fields that can be trusted in that shape are there. */
  | {
    readonly kind: "refusal";
    /** The request's opcode; a version error need not name the request that it answers. */
    readonly opcode: number;
    readonly resultCode: number;
    /** Absent where the shape carries none (§3.5: an echoed request with result 5). */
    readonly epochSeconds?: number;
    /** Echoed by a failed map request (§3.5). */
    readonly internalPort?: number;
  }
  /** The gateway speaks only another version, such as a PCP-only gateway (RFC 6887 §9). No epoch at 4-7 there. */
  | { readonly kind: "other-version"; readonly version: number; readonly opcode: number };

function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

function malformed(what: string, data: Uint8Array): MalformedMessageError {
  return new MalformedMessageError(what, data.length);
}

function requireLength(data: Uint8Array, byteLength: number, what: string): void {
  if (data.length < byteLength) throw malformed(`too short for ${what}`, data);
}

/** The protocol whose mapping an opcode asks for, or `undefined` when it asks for something else. */
function mapProtocolOf(opcode: number): MapProtocol | undefined {
  if (opcode === MAP_OPCODES.udp) return "udp";
  if (opcode === MAP_OPCODES.tcp) return "tcp";
  return undefined;
}

// ---- requests ----

/**
 * Writes a request.
 *
 * @param request The request. Ports are 0 to 65535, the lifetime 0 to 2^32-1.
 * @returns 2 bytes for the address (§3.2), 12 for a mapping (§3.3).
 * @throws {RangeError} If a field does not fit its place.
 * @throws {TypeError} If NAT-PMP has no opcode for the protocol.
 *
 * @example The address request of §3.2
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { encodeRequest } from "./message.ts";
 *
 * assertEquals(encodeRequest({ kind: "address" }), Uint8Array.of(0, 0));
 * ```
 */
export function encodeRequest(request: AskedRequest): Uint8Array {
  if (request.kind === "address") return Uint8Array.of(NAT_PMP_VERSION, ADDRESS_OPCODE);
  if (!Object.hasOwn(MAP_OPCODES, request.protocol)) {
    throw new TypeError(`Cannot map ${request.protocol}: NAT-PMP maps tcp and udp`);
  }
  const data = new Uint8Array(12);
  const view = viewOf(data);
  view.setUint8(0, NAT_PMP_VERSION);
  view.setUint8(1, MAP_OPCODES[request.protocol]);
  setUint16(view, 4, request.internalPort, "an internal port");
  setUint16(view, 6, request.externalPort, "an external port");
  setUint32(view, 8, request.lifetimeSeconds, "a lifetime in seconds");
  return data;
}

/**
 * Reads a request as a gateway does. Reserved bytes are ignored (§3.3), and so is what follows the message.
 *
 * @param data The datagram.
 * @returns The request, or what kind of request it is that this version does not have.
 * @throws {MalformedMessageError} If the bytes are not a request: too short, or a response.
 */
export function decodeRequest(data: Uint8Array): Request {
  requireLength(data, 2, "a request");
  const view = viewOf(data);
  const version = view.getUint8(0);
  const opcode = view.getUint8(1);
  if (opcode & RESPONSE_BIT) throw malformed("a response, not a request", data);
  if (version !== NAT_PMP_VERSION) return { kind: "unsupported-version", version, opcode };
  if (opcode === ADDRESS_OPCODE) return { kind: "address" };
  const protocol = mapProtocolOf(opcode);
  if (protocol === undefined) return { kind: "unsupported-opcode", opcode };
  requireLength(data, 12, "a map request");
  return {
    kind: "map",
    protocol,
    internalPort: view.getUint16(4),
    externalPort: view.getUint16(6),
    lifetimeSeconds: view.getUint32(8),
  };
}

// ---- responses ----

/**
 * Writes a response in the shape that the RFC gives it: 12 bytes for an address (§3.2), 16 for a mapping (§3.3) and
 * for refusals the full length of the answer to that opcode with every field but the echoed internal port zero
 * (§3.5), 8 bytes for a version error (§3.5 with erratum 3618), 24 bytes for a PCP server's version error.
 * The echo with which an unsupported opcode is refused is {@linkcode encodeUnsupportedOpcode}.
 *
 * @param response The response.
 * @returns The datagram.
 * @throws {RangeError} If a field does not fit its place.
 */
export function encodeResponse(response: Response): Uint8Array {
  if (response.kind === "other-version") {
    const data = new Uint8Array(PCP_HEADER_BYTES);
    requireUnsigned(response.version, 0xff, "a version");
    data.set([response.version, responseOpcode(response.opcode), 0, RESULT.unsupportedVersion]);
    return data;
  }
  const data = new Uint8Array(responseLength(response));
  const view = viewOf(data);
  view.setUint8(0, NAT_PMP_VERSION);
  setUint32(view, 4, response.epochSeconds ?? 0, "an epoch in seconds");
  if (response.kind === "address") {
    const address = parseIpv4(response.externalAddress);
    if (address === undefined) {
      throw new RangeError(`Cannot encode "${response.externalAddress}": it is not an IPv4 address`);
    }
    view.setUint8(1, ADDRESS_OPCODE | RESPONSE_BIT);
    data.set(address, 8);
  } else if (response.kind === "map") {
    view.setUint8(1, MAP_OPCODES[response.protocol] | RESPONSE_BIT);
    setUint16(view, 8, response.internalPort, "an internal port");
    setUint16(view, 10, response.externalPort, "an external port");
    setUint32(view, 12, response.lifetimeSeconds, "a lifetime in seconds");
  } else {
    view.setUint8(1, responseOpcode(response.opcode));
    setUint16(view, 2, response.resultCode, "a result code");
    if (data.length >= 16) setUint16(view, 8, response.internalPort ?? 0, "an internal port");
  }
  return data;
}

function responseOpcode(opcode: number): number {
  requireUnsigned(opcode, RESPONSE_BIT - 1, "an opcode");
  return opcode | RESPONSE_BIT;
}

function responseLength(response: Exclude<Response, { kind: "other-version" }>): number {
  if (response.kind === "address") return 12;
  if (response.kind === "map") return 16;
  if (response.resultCode === RESULT.unsupportedVersion || response.resultCode === RESULT.unsupportedOpcode) {
    return 8;
  }
  return mapProtocolOf(response.opcode) === undefined ? 12 : 16;
}

/**
 * Refuses an unsupported opcode as §3.5 has it: the whole request comes back with the top bit of its opcode set and
 * result 5 in bytes 2 and 3. Bytes 4 to 7 are then the request's, not an epoch.
 *
 * @param request The datagram of the request, 2 bytes at least.
 * @returns The datagram of the answer, 4 bytes at least.
 */
export function encodeUnsupportedOpcode(request: Uint8Array): Uint8Array {
  const data = new Uint8Array(Math.max(4, request.length));
  data.set(request);
  const view = viewOf(data);
  view.setUint8(1, view.getUint8(1) | RESPONSE_BIT);
  view.setUint16(2, RESULT.unsupportedOpcode);
  return data;
}

/**
 * Reads a response or an announcement: first the header, then the result, then what that result leaves to read.
 * Bytes after the message are ignored.
 *
 * @param data The datagram.
 * @returns The response. A refusal is data here; making it an error is the client's.
 * @throws {MalformedMessageError} If the bytes are not a response: too short, a request, or of an unknown shape.
 *
 * @example The address 203.0.113.7, 74565 s after the gateway's table was made
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { decodeResponse } from "./message.ts";
 *
 * assertEquals(decodeResponse(Uint8Array.of(0, 128, 0, 0, 0, 1, 0x23, 0x45, 203, 0, 113, 7)), {
 *   kind: "address",
 *   epochSeconds: 74565,
 *   externalAddress: "203.0.113.7",
 * });
 * ```
 */
export function decodeResponse(data: Uint8Array): Response {
  requireLength(data, 4, "a response");
  const view = viewOf(data);
  const version = view.getUint8(0);
  const responseOpcode = view.getUint8(1);
  const opcode = responseOpcode & ~RESPONSE_BIT;
  const isResponse = (responseOpcode & RESPONSE_BIT) !== 0;
  const resultCode = view.getUint16(2);
  if (version !== NAT_PMP_VERSION) return decodeOtherVersion(data, version, opcode, isResponse);

  // Some gateways follow the figure of §3.5, whose version error has opcode 0 (erratum 3618).
  if (resultCode === RESULT.unsupportedVersion) {
    return { kind: "refusal", opcode, resultCode, ...epochOf(view) };
  }
  if (!isResponse) throw malformed("a request, not a response", data);
  // Bytes 4 to 7 are those of the echoed request (§3.5), though some gateways put an epoch there.
  if (resultCode === RESULT.unsupportedOpcode) return { kind: "refusal", opcode, resultCode };

  const protocol = mapProtocolOf(opcode);
  if (resultCode !== RESULT.success) {
    const echoed = protocol !== undefined && data.length >= 10 ? { internalPort: view.getUint16(8) } : {};
    return { kind: "refusal", opcode, resultCode, ...epochOf(view), ...echoed };
  }
  if (opcode === ADDRESS_OPCODE) {
    requireLength(data, 12, "an external address");
    return {
      kind: "address",
      epochSeconds: view.getUint32(4),
      externalAddress: formatIpv4(data.subarray(8, 12)),
    };
  }
  if (protocol === undefined) throw malformed("a success of an unknown opcode", data);
  requireLength(data, 16, "a mapping");
  return {
    kind: "map",
    protocol,
    epochSeconds: view.getUint32(4),
    internalPort: view.getUint16(8),
    externalPort: view.getUint16(10),
    lifetimeSeconds: view.getUint32(12),
  };
}

function epochOf(view: DataView): { epochSeconds?: number } {
  return view.byteLength >= 8 ? { epochSeconds: view.getUint32(4) } : {};
}

/** Only a plausible version error proves that the gateway speaks another version. */
function decodeOtherVersion(
  data: Uint8Array,
  version: number,
  opcode: number,
  isResponse: boolean,
): Response {
  // A gateway can make up 253 of them, and each reason for which a datagram is discarded is counted by itself.
  if (version !== PCP_VERSION && version !== VENDOR_VERSION) {
    throw malformed("a message of an unknown version", data);
  }
  if (!isResponse) throw malformed(`a request of version ${version}`, data);
  const isError = version === PCP_VERSION ? isPcpVersionError(data) : isVendorVersionError(data);
  if (!isError) throw malformed(`a message of version ${version} other than its version error`, data);
  return { kind: "other-version", version, opcode };
}

/** The result is byte 3 alone; the length is 24 to 1100 and a multiple of 4 (RFC 6887 §7.2, §8.3). */
function isPcpVersionError({ length, 3: result }: Uint8Array): boolean {
  return result === RESULT.unsupportedVersion && length >= PCP_HEADER_BYTES && length <= PCP_MAX_BYTES &&
    length % 4 === 0;
}

/** No document describes that version; NAT-PMP is like it, so its version error should be like that of §3.5. */
function isVendorVersionError(data: Uint8Array): boolean {
  return data.length >= VERSION_ERROR_BYTES && viewOf(data).getUint16(2) === RESULT.unsupportedVersion;
}

/**
 * Checks whether a datagram is a response of PCP, however short and whatever its result: a gateway that speaks only PCP
 * need not answer with a version error.
 *
 * @param data The datagram.
 * @returns Whether it begins like one (RFC 6887 §7.2).
 */
export function isPcpResponse(data: Uint8Array): boolean {
  return data[0] === PCP_VERSION && ((data[1] ?? 0) & RESPONSE_BIT) !== 0;
}

// ---- fields ----

function setUint16(view: DataView, offset: number, value: number, what: string): void {
  requireUnsigned(value, 0xffff, what);
  view.setUint16(offset, value);
}

function setUint32(view: DataView, offset: number, value: number, what: string): void {
  requireUnsigned(value, 0xffff_ffff, what);
  view.setUint32(offset, value);
}

/** `DataView` would take the value modulo the field's size: port 70000 would become 4464. */
function requireUnsigned(value: number, max: number, what: string): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new RangeError(`Cannot encode ${value}: ${what} is a whole number from 0 to ${max}`);
  }
}
