/**
 * The messages of PCP, both directions, from bytes and to bytes (RFC 6887 §7, §11.1, §13, §14.1). Pure.
 *
 * All integers are unsigned and big-endian; offsets are bytes from the start of the UDP payload. An address has 16
 * bytes: IPv4 is `::ffff:a.b.c.d` (§5) and dotted decimal here. *No preference* is `0.0.0.0` for IPv4, `::` for IPv6.
 *
 * @module
 */

import { MalformedMessageError } from "../errors.ts";
import { requireUnsigned, setUint16, setUint32, viewOf } from "../net/wire_fields.ts";
import {
  ALL_PROTOCOLS,
  HEADER_BYTES,
  MAP_BYTES,
  MAX_BYTES,
  NONCE_BYTES,
  OLDER_VERSIONS,
  OPCODE,
  PCP_VERSION,
  PROTOCOL_NUMBERS,
  RESPONSE_BIT,
  RESULT,
  UNIT_BYTES,
  VERSION_ERROR_BYTES,
} from "./constants.ts";
import {
  addressAt,
  encodeOptions,
  type MapOptions,
  paddedLength,
  readOptions,
  setAddress,
} from "./options.ts";

/** The name of a mapping, copied into every answer (§11.4). */
export interface MapFields {
  /** Offset 24: 96 random bits as 24 lower-case hexadecimal digits (§11.2). */
  readonly nonce: string;
  /** Offset 36. */
  readonly protocol: keyof typeof PROTOCOL_NUMBERS;
  /** Offset 40; 0 means all ports. */
  readonly internalPort: number;
}

/** The requests that a client makes. */
export type AskedRequest =
  /** A question that changes nothing (§14.1.2). Offset 8: the address that it is sent from (§7.1). */
  | { readonly kind: "announce"; readonly clientAddress: string }
  /** Creates, renews or deletes a mapping (§11.1). */
  | MapFields & MapOptions & {
    readonly kind: "map";
    readonly clientAddress: string;
    /** Offset 4, in seconds; 0 deletes (§15.1). */
    readonly lifetimeSeconds: number;
    /** Offset 42: a suggestion; 0 leaves the choice to the server. */
    readonly externalPort: number;
    /** Offset 44: a suggestion, or no preference within its family. */
    readonly externalAddress: string;
  };

/** A client's message, as a server reads it. */
export type Request =
  | AskedRequest
  /** To be refused with result 1 (§9). */
  | { readonly kind: "unsupported-version"; readonly version: number; readonly opcode: number }
  /** To be refused with this result. An address that is not the sender's is refused before an option is (§8.2). */
  | {
    readonly kind: "invalid";
    readonly opcode: number;
    readonly clientAddress: string;
    readonly resultCode: number;
    readonly problem: string;
  };

/** A success. */
export type Success =
  /** Also sent without a request (§14.1.3). Offset 8: the epoch (§8.5). */
  | { readonly kind: "announce"; readonly epochSeconds: number }
  /** Also sent without a request (§14.2). */
  | MapFields & MapOptions & {
    readonly kind: "map";
    readonly epochSeconds: number;
    /** Offset 4; a server may grant more than was asked for (§15), and have some left after a deletion (§15). */
    readonly lifetimeSeconds: number;
    /** Offset 42. */
    readonly externalPort: number;
    /** Offset 44. */
    readonly externalAddress: string;
  };

/** A server's message, as a client reads it. */
export type Response =
  | Success
  /** A result code other than 0, offset 3 (§7.4). */
  | {
    readonly kind: "refusal";
    readonly opcode: number;
    readonly resultCode: number;
    /** Offset 4: how long the error holds. */
    readonly lifetimeSeconds: number;
    readonly epochSeconds: number;
    /** The refused mapping, where the message is long enough to name one. */
    readonly mapping?: MapFields;
  }
  /** The server speaks an older version: 0 is NAT-PMP, whose epoch is not this one (§9). */
  | { readonly kind: "version-error"; readonly version: number };

function malformed(what: string, data: Uint8Array): MalformedMessageError {
  return new MalformedMessageError(what, data.length);
}

// ---- requests ----

/**
 * Writes a request: 24 bytes for ANNOUNCE, 60 and the options for MAP. Throws a `RangeError` for what does not fit its
 * field, and a `TypeError` for a protocol that has no number here.
 *
 * @example The ANNOUNCE of a client at 192.0.2.7
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { encodeRequest } from "./message.ts";
 *
 * const data = encodeRequest({ kind: "announce", clientAddress: "192.0.2.7" });
 * assertEquals(data.toHex(), "020000000000000000000000000000000000ffffc0000207");
 * ```
 */
export function encodeRequest(request: AskedRequest): Uint8Array {
  const data = encodeMessage(request, OPCODE[request.kind]);
  setAddress(data, 8, request.clientAddress);
  return data;
}

/**
 * Reads a request as a server does (§8.2): what it has to answer is data, also where the answer is a refusal. Throws a
 * {@linkcode MalformedMessageError} for what a server has to drop: too short for its version, or a response.
 */
export function decodeRequest(data: Uint8Array): Request {
  if (data.length < 2) throw malformed("too short for a request", data);
  const view = viewOf(data);
  const version = view.getUint8(0);
  const opcode = view.getUint8(1);
  if (opcode & RESPONSE_BIT) throw malformed("a response, not a request", data);
  if (version !== PCP_VERSION) return { kind: "unsupported-version", version, opcode };
  if (data.length < HEADER_BYTES) throw malformed("too short for a request", data);

  const clientAddress = addressAt(data, 8);
  const invalid = (resultCode: number, problem: string): Request => ({
    kind: "invalid",
    opcode,
    clientAddress,
    resultCode,
    problem,
  });
  const misfit = lengthProblem(data);
  if (misfit !== undefined) return invalid(RESULT.malformedRequest, misfit);
  if (opcode !== OPCODE.announce && opcode !== OPCODE.map) {
    return invalid(RESULT.unsupportedOpcode, "of an unsupported opcode");
  }
  if (opcode === OPCODE.announce) {
    const { fault } = readOptions(data, HEADER_BYTES, []);
    return fault === undefined ? { kind: "announce", clientAddress } : invalid(...fault);
  }
  if (data.length < MAP_BYTES) return invalid(RESULT.malformedRequest, "too short for a mapping");

  const fields = mapFieldsOf(data);
  if (fields === undefined) {
    return view.getUint8(36) === ALL_PROTOCOLS && view.getUint16(40) !== 0
      ? invalid(RESULT.malformedRequest, "all protocols of one port")
      : invalid(RESULT.unsupportedProtocol, "of an unsupported protocol");
  }
  const lifetimeSeconds = view.getUint32(4);
  const externalPort = view.getUint16(42);
  const { options, fault } = readOptions(data, MAP_BYTES, ["thirdParty", "preferFailure"]);
  if (fault !== undefined) return invalid(...fault);
  if (options.preferFailure && (externalPort === 0 || lifetimeSeconds === 0)) {
    return invalid(RESULT.malformedOption, "PREFER_FAILURE without a port or with lifetime 0");
  }
  if (options.thirdParty === clientAddress) {
    return invalid(RESULT.malformedRequest, "THIRD_PARTY with the client's own address");
  }
  const externalAddress = addressAt(data, 44);
  return {
    kind: "map",
    clientAddress,
    ...fields,
    lifetimeSeconds,
    externalPort,
    externalAddress,
    ...options,
  };
}

// ---- responses ----

/**
 * Writes a success: 24 bytes for ANNOUNCE, 60 and the options for MAP. Throws a `RangeError` for what does not fit its
 * field. A refusal is written by {@linkcode encodeRefusal}.
 */
export function encodeResponse(response: Success): Uint8Array {
  const data = encodeMessage(response, OPCODE[response.kind] | RESPONSE_BIT);
  setUint32(viewOf(data), 8, response.epochSeconds, "an epoch in seconds");
  return data;
}

/** The results of a request that was not parsed, whose client address is copied along (§7.2). */
const UNPARSED: readonly number[] = [
  RESULT.unsupportedVersion,
  RESULT.malformedRequest,
  RESULT.malformedOption,
];

/**
 * Refuses a request as §8.2 has it: the request comes back, cut to 1100 bytes or padded to a header and to a multiple
 * of 4, with the fields of a response in its header. The request has 2 bytes at least, of any version.
 */
export function encodeRefusal(
  request: Uint8Array,
  { resultCode, lifetimeSeconds, epochSeconds }: {
    readonly resultCode: number;
    readonly lifetimeSeconds: number;
    readonly epochSeconds: number;
  },
): Uint8Array {
  const copied = request.subarray(0, MAX_BYTES);
  const data = new Uint8Array(Math.max(HEADER_BYTES, paddedLength(copied.length)));
  data.set(copied);
  const view = viewOf(data);
  requireUnsigned(resultCode, 0xff, "a result code");
  data.set([PCP_VERSION, view.getUint8(1) | RESPONSE_BIT, 0, resultCode]);
  setUint32(view, 4, lifetimeSeconds, "a lifetime in seconds");
  setUint32(view, 8, epochSeconds, "an epoch in seconds");
  if (!UNPARSED.includes(resultCode)) data.fill(0, 12, HEADER_BYTES);
  return data;
}

/**
 * Reads a response or an announcement in the order of §8.3. A refusal is data here. Unknown and faulty options are
 * ignored (§7.3). Throws a {@linkcode MalformedMessageError} for what a client has to drop.
 */
export function decodeResponse(data: Uint8Array): Response {
  if (data.length < 4) throw malformed("too short for a response", data);
  const view = viewOf(data);
  const version = view.getUint8(0);
  if (version !== PCP_VERSION) return decodeVersionError(data, version);
  if (!hasResponseBit(data)) throw malformed("a request, not a response", data);
  if (data.length < HEADER_BYTES) throw malformed("too short for a response", data);
  const misfit = lengthProblem(data);
  if (misfit !== undefined) throw malformed(misfit, data);

  const opcode = view.getUint8(1) & ~RESPONSE_BIT;
  const resultCode = view.getUint8(3);
  const lifetimeSeconds = view.getUint32(4);
  const epochSeconds = view.getUint32(8);
  const fields = opcode === OPCODE.map && data.length >= MAP_BYTES ? mapFieldsOf(data) : undefined;
  if (resultCode !== RESULT.success) {
    const mapping = fields === undefined ? {} : { mapping: fields };
    return { kind: "refusal", opcode, resultCode, lifetimeSeconds, epochSeconds, ...mapping };
  }
  if (opcode === OPCODE.announce) return { kind: "announce", epochSeconds };
  if (opcode !== OPCODE.map) throw malformed("a success of an unknown opcode", data);
  if (data.length < MAP_BYTES) throw malformed("too short for a mapping", data);
  if (fields === undefined) throw malformed("a mapping of an unknown protocol", data);
  const { options } = readOptions(data, MAP_BYTES, ["thirdParty", "preferFailure"]);
  const externalPort = view.getUint16(42);
  const externalAddress = addressAt(data, 44);
  return { kind: "map", epochSeconds, ...fields, lifetimeSeconds, externalPort, externalAddress, ...options };
}

/** Only a version error shows that the server speaks that version; NAT-PMP's may lack the top bit (erratum 3618). */
function decodeVersionError(data: Uint8Array, version: number): Response {
  if (version !== OLDER_VERSIONS.natPmp && version !== OLDER_VERSIONS.draft) {
    throw malformed("of a version that does not exist", data);
  }
  const isResponse = version === OLDER_VERSIONS.natPmp || hasResponseBit(data);
  const isError = data.length >= VERSION_ERROR_BYTES &&
    viewOf(data).getUint16(2) === RESULT.unsupportedVersion;
  if (!isResponse || !isError) {
    throw malformed(`a message of version ${version} other than its version error`, data);
  }
  return { kind: "version-error", version };
}

/** Checks whether a datagram begins like a response of NAT-PMP (RFC 6886 §3.5), however short and whatever its result. */
export function isNatPmpResponse(data: Uint8Array): boolean {
  return data[0] === OLDER_VERSIONS.natPmp && hasResponseBit(data);
}

function hasResponseBit(data: Uint8Array): boolean {
  return ((data[1] ?? 0) & RESPONSE_BIT) !== 0;
}

/** The rule for the length of every message (§7). */
function lengthProblem({ length }: Uint8Array): string | undefined {
  if (length > MAX_BYTES) return `longer than ${MAX_BYTES} bytes`;
  return length % UNIT_BYTES === 0 ? undefined : `a length that is not a multiple of ${UNIT_BYTES}`;
}

// ---- MAP ----

/** Checks whether a text is a mapping nonce as this file writes it. */
export function isNonce(text: string): boolean {
  return /^[0-9a-f]{24}$/.test(text);
}

/** Everything but bytes 8 to 23. */
function encodeMessage(message: AskedRequest | Success, opcode: number): Uint8Array {
  if (message.kind === "announce") {
    const data = new Uint8Array(HEADER_BYTES);
    data.set([PCP_VERSION, opcode]);
    return data;
  }
  const { nonce, protocol, internalPort, externalPort, externalAddress, lifetimeSeconds } = message;
  if (!Object.hasOwn(PROTOCOL_NUMBERS, protocol)) {
    throw new TypeError(`Cannot map ${protocol}, only tcp and udp`);
  }
  if (!isNonce(nonce)) {
    throw new RangeError("Cannot encode a mapping nonce that is not 24 lower-case hexadecimal digits");
  }
  const options = encodeOptions(message);
  const data = new Uint8Array(MAP_BYTES + options.length);
  data.set([PCP_VERSION, opcode]);
  const view = viewOf(data);
  setUint32(view, 4, lifetimeSeconds, "a lifetime in seconds");
  data.set(Uint8Array.fromHex(nonce), 24);
  view.setUint8(36, PROTOCOL_NUMBERS[protocol]);
  setUint16(view, 40, internalPort, "an internal port");
  setUint16(view, 42, externalPort, "an external port");
  setAddress(data, 44, externalAddress);
  data.set(options, MAP_BYTES);
  return data;
}

/** `undefined` for a protocol that nobody here asks for. */
function mapFieldsOf(data: Uint8Array): MapFields | undefined {
  const number = data[36];
  const protocol = (["tcp", "udp"] as const).find((name) => PROTOCOL_NUMBERS[name] === number);
  if (protocol === undefined) return undefined;
  const nonce = data.subarray(24, 24 + NONCE_BYTES).toHex();
  return { nonce, protocol, internalPort: viewOf(data).getUint16(40) };
}
