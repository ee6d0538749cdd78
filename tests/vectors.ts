/**
 * Datagrams of NAT-PMP with what they mean, none of them made by the encoder under test.
 *
 * Each says where it comes from:
 *
 * - *figure*: the layout that RFC 6886 draws in that section, filled in by hand.
 * - *miniupnpd*: what Debian 12's miniupnpd-nftables 2.3.1 sent on the wire, captured in network namespaces with
 *   10.77.0.1 as gateway and 11.22.33.44 as external address.
 * - *natpmpc*: what Debian 12's natpmpc (libnatpmp 20150609-7.1) sent, captured on loopback.
 *
 * @module
 */

import type { Request, Response } from "../lib/natpmp/message.ts";
import { hex } from "./simulator/hex.ts";

/** A request on the wire. */
export interface RequestVector {
  readonly name: string;
  readonly source: string;
  readonly bytes: Uint8Array;
  readonly request: Request;
  /** Whether a client would write it so, byte by byte. */
  readonly isCanonical: boolean;
}

/** A response on the wire. */
export interface ResponseVector {
  readonly name: string;
  readonly source: string;
  readonly bytes: Uint8Array;
  readonly response: Response;
  /** What its beginnings mean, by the length from which they do, longest first; below the last they mean nothing. */
  readonly beginnings: readonly (readonly [fromBytes: number, response: Response])[];
  /** Whether a gateway that follows the RFC would write it so, byte by byte. */
  readonly isCanonical: boolean;
}

function request(name: string, source: string, text: string, meaning: Request): RequestVector {
  const isCanonical = meaning.kind === "address" || meaning.kind === "map";
  return { name, source, bytes: hex(text), request: meaning, isCanonical };
}

interface ResponseOptions {
  readonly isCanonical?: boolean;
}

/** A success means nothing until it is whole. */
function success(
  name: string,
  source: string,
  text: string,
  response: Response,
  { isCanonical = true }: ResponseOptions = {},
): ResponseVector {
  const bytes = hex(text);
  const fullBytes = response.kind === "address" ? 12 : 16;
  return { name, source, bytes, response, beginnings: [[fullBytes, response]], isCanonical };
}

/** A refusal means something from its result on: the epoch follows at 8 bytes, the internal port at 10. */
function refusal(
  name: string,
  source: string,
  text: string,
  response: Extract<Response, { kind: "refusal" }>,
  { isCanonical = true }: ResponseOptions = {},
): ResponseVector {
  const { epochSeconds, internalPort: _, ...header } = response;
  const beginnings: (readonly [number, Response])[] = [];
  if (response.internalPort !== undefined) beginnings.push([10, response]);
  if (epochSeconds !== undefined) beginnings.push([8, { ...header, epochSeconds }]);
  beginnings.push([4, header]);
  return { name, source, bytes: hex(text), response, beginnings, isCanonical };
}

/** Requests in the order of the RFC's sections. */
export const REQUESTS: readonly RequestVector[] = [
  request("address", "RFC 6886 §3.2, figure of the request; natpmpc", "00 00", { kind: "address" }),
  request(
    "map UDP 4000, any external port, 7200 s",
    "RFC 6886 §3.3, figure of the request",
    "00 01 00 00 | 0F A0 00 00 | 00 00 1C 20",
    { kind: "map", protocol: "udp", internalPort: 4000, externalPort: 0, lifetimeSeconds: 7200 },
  ),
  request(
    "map TCP 80, external port 8080, 3600 s",
    "natpmpc -a 8080 80 tcp 3600",
    "00 02 00 00 00 50 1f 90 00 00 0e 10",
    { kind: "map", protocol: "tcp", internalPort: 80, externalPort: 8080, lifetimeSeconds: 3600 },
  ),
  request(
    "map with every field at its largest",
    "RFC 6886 §3.3, figure of the request",
    "00 01 00 00 | FF FF FF FF | FF FF FF FF",
    {
      kind: "map",
      protocol: "udp",
      internalPort: 65_535,
      externalPort: 65_535,
      lifetimeSeconds: 4_294_967_295,
    },
  ),
  request(
    "map internal port 0, as ProtonVPN's users do",
    "natpmpc -a 1 0 udp 60",
    "00 01 00 00 00 00 00 01 00 00 00 3c",
    { kind: "map", protocol: "udp", internalPort: 0, externalPort: 1, lifetimeSeconds: 60 },
  ),
  request(
    "delete UDP 4000",
    "RFC 6886 §3.4 with the figure of §3.3; natpmpc -a 0 4000 udp 0",
    "00 01 00 00 0f a0 00 00 00 00 00 00",
    { kind: "map", protocol: "udp", internalPort: 4000, externalPort: 0, lifetimeSeconds: 0 },
  ),
  request(
    "delete all TCP",
    "RFC 6886 §3.4 with the figure of §3.3",
    "00 02 00 00 | 00 00 00 00 | 00 00 00 00",
    { kind: "map", protocol: "tcp", internalPort: 0, externalPort: 0, lifetimeSeconds: 0 },
  ),
  request("opcode 3", "RFC 6886 §3.5, the first opcode that is none", "00 03", {
    kind: "unsupported-opcode",
    opcode: 3,
  }),
  request(
    "opcode 127",
    "RFC 6886 §3.5, the last opcode of a request",
    "00 7F 00 00 0F A0 1F 90 00 00 1C 20",
    {
      kind: "unsupported-opcode",
      opcode: 127,
    },
  ),
  request(
    "PCP ANNOUNCE",
    "RFC 6887 §7.1 and §14.1, figure of the request header",
    "02 00 00 00 | 00 00 00 00 | 00 00 00 00 00 00 00 00 00 00 FF FF 0A 4D 00 02",
    { kind: "unsupported-version", version: 2, opcode: 0 },
  ),
];

/** Responses in the order of the RFC's sections, the refusals in all their shapes. */
export const RESPONSES: readonly ResponseVector[] = [
  success(
    "address 203.0.113.7, epoch 74565",
    "RFC 6886 §3.2, figure of the response; the announcement of §3.2.1 is the same",
    "00 80 00 00 | 00 01 23 45 | CB 00 71 07",
    { kind: "address", epochSeconds: 74_565, externalAddress: "203.0.113.7" },
  ),
  success(
    "address with an epoch above 2^31",
    "RFC 6886 §3.2, figure of the response",
    "00 80 00 00 | FF FF FF FE | 01 02 03 04",
    { kind: "address", epochSeconds: 4_294_967_294, externalAddress: "1.2.3.4" },
  ),
  success("address of a real router", "miniupnpd", "00 80 00 00 00 00 00 00 0b 16 21 2c", {
    kind: "address",
    epochSeconds: 0,
    externalAddress: "11.22.33.44",
  }),
  success(
    "map UDP",
    "RFC 6886 §3.3, figure of the response",
    "00 81 00 00 | 00 01 23 45 | 0F A0 C0 01 | 00 00 0E 10",
    {
      kind: "map",
      protocol: "udp",
      epochSeconds: 74_565,
      internalPort: 4000,
      externalPort: 49_153,
      lifetimeSeconds: 3600,
    },
  ),
  success(
    "map TCP, each field its own bytes",
    "RFC 6886 §3.3, figure of the response",
    "00 82 00 00 | 01 02 03 04 | 05 06 07 08 | 09 0A 0B 0C",
    {
      kind: "map",
      protocol: "tcp",
      epochSeconds: 0x0102_0304,
      internalPort: 0x0506,
      externalPort: 0x0708,
      lifetimeSeconds: 0x090a_0b0c,
    },
  ),
  success("map TCP of a real router", "miniupnpd", "00 82 00 00 00 00 00 00 00 50 00 50 00 00 1c 20", {
    kind: "map",
    protocol: "tcp",
    epochSeconds: 0,
    internalPort: 80,
    externalPort: 80,
    lifetimeSeconds: 7200,
  }),
  success("delete UDP 4000", "miniupnpd", "00 81 00 00 00 00 00 01 0f a0 00 00 00 00 00 00", {
    kind: "map",
    protocol: "udp",
    epochSeconds: 1,
    internalPort: 4000,
    externalPort: 0,
    lifetimeSeconds: 0,
  }),
  success("delete all TCP", "miniupnpd", "00 82 00 00 00 00 00 00 00 00 00 00 00 00 00 00", {
    kind: "map",
    protocol: "tcp",
    epochSeconds: 0,
    internalPort: 0,
    externalPort: 0,
    lifetimeSeconds: 0,
  }),

  refusal(
    "version error with opcode 0",
    "RFC 6886 §3.5, figure of the version error as printed",
    "00 00 00 01 | 00 01 23 45",
    { kind: "refusal", opcode: 0, resultCode: 1, epochSeconds: 74_565 },
    { isCanonical: false },
  ),
  refusal(
    "version error with opcode 128",
    "RFC 6886 §3.5, figure of the version error with erratum 3618",
    "00 80 00 01 | 00 01 23 45",
    { kind: "refusal", opcode: 0, resultCode: 1, epochSeconds: 74_565 },
  ),
  refusal(
    "version error with 128 and the request's opcode",
    "RFC 6886 §3.5, with the opcode as miniupnpd built without PCP answers (protocol.md 1.6)",
    "00 82 00 01 | 00 01 23 45",
    { kind: "refusal", opcode: 2, resultCode: 1, epochSeconds: 74_565 },
  ),
  refusal(
    "unsupported opcode, the request of 12 bytes echoed",
    "RFC 6886 §3.5, by its words: the request of REQUESTS with the top bit set and result 5",
    "00 FF 00 05 0F A0 1F 90 00 00 1C 20",
    { kind: "refusal", opcode: 127, resultCode: 5 },
    { isCanonical: false },
  ),
  refusal(
    "unsupported opcode of a map request, echoed",
    "RFC 6886 §3.5, by its words: bytes 4 to 11 are the request's, no epoch and no echo at 8",
    "00 81 00 05 0F A0 1F 90 00 00 1C 20",
    { kind: "refusal", opcode: 1, resultCode: 5 },
    { isCanonical: false },
  ),
  refusal(
    "unsupported opcode, short",
    "miniupnpd",
    "00 83 00 05 00 00 00 01",
    // The bytes do not tell an epoch from an echoed request: no epoch is safe.
    { kind: "refusal", opcode: 3, resultCode: 5 },
    { isCanonical: false },
  ),
  refusal(
    "map refused (2), zeroed",
    "RFC 6886 §3.5 with the figure of §3.3",
    "00 82 00 02 | 00 01 23 45 | 00 50 00 00 | 00 00 00 00",
    { kind: "refusal", opcode: 2, resultCode: 2, epochSeconds: 74_565, internalPort: 80 },
  ),
  refusal(
    "map refused (2), internal port 0, lifetime not zeroed",
    "miniupnpd",
    "00 81 00 02 00 00 00 00 00 00 00 00 00 00 0e 10",
    { kind: "refusal", opcode: 1, resultCode: 2, epochSeconds: 0, internalPort: 0 },
    { isCanonical: false },
  ),
  refusal(
    "network failure (3) of a map request, not zeroed",
    "miniupnpd with a private external address",
    "00 82 00 03 00 00 00 01 08 ae 56 ce 00 00 00 3c",
    { kind: "refusal", opcode: 2, resultCode: 3, epochSeconds: 1, internalPort: 2222 },
    { isCanonical: false },
  ),
  refusal(
    "network failure (3) of an address request",
    "miniupnpd with a private external address",
    "00 80 00 03 00 00 00 00 00 00 00 00",
    { kind: "refusal", opcode: 0, resultCode: 3, epochSeconds: 0 },
  ),
  refusal(
    "network failure (3) with an address in it",
    "RFC 6886 §3.2: the address must then be ignored",
    "00 80 00 03 | 00 01 23 45 | CB 00 71 07",
    { kind: "refusal", opcode: 0, resultCode: 3, epochSeconds: 74_565 },
    { isCanonical: false },
  ),
  refusal(
    "out of resources (4)",
    "RFC 6886 §3.5 with the figure of §3.3",
    "00 81 00 04 | 00 01 23 45 | 0F A0 00 00 | 00 00 00 00",
    { kind: "refusal", opcode: 1, resultCode: 4, epochSeconds: 74_565, internalPort: 4000 },
  ),
  refusal(
    "undefined result 256, whose low byte says success",
    "RFC 6886 §3.5 with the figure of §3.3",
    "00 81 01 00 | 00 01 23 45 | 0F A0 C0 01 | 00 00 0E 10",
    { kind: "refusal", opcode: 1, resultCode: 256, epochSeconds: 74_565, internalPort: 4000 },
    { isCanonical: false },
  ),
  {
    name: "version error of a gateway that speaks only PCP",
    source: "RFC 6887 §7.2, figure of the response header; result 1, lifetime 1800, epoch 74565 (§8.2, §9)",
    bytes: hex("02 81 00 01 | 00 00 07 08 | 00 01 23 45 | 00 00 00 00 00 00 00 00 00 00 00 00"),
    response: { kind: "other-version", version: 2, opcode: 1 },
    beginnings: [[24, { kind: "other-version", version: 2, opcode: 1 }]],
    isCanonical: false,
  },
];

/** Datagrams that are no response, and why. */
export const NO_RESPONSES: readonly { readonly name: string; readonly bytes: Uint8Array }[] = [
  { name: "nothing", bytes: hex("") },
  { name: "one byte", bytes: hex("00") },
  // What the C client of Debian 12 took for an answer (users.md).
  { name: "two bytes of a response", bytes: hex("00 80") },
  { name: "an address request", bytes: hex("00 00") },
  { name: "a map request", bytes: hex("00 01 00 00 0F A0 00 00 00 00 1C 20") },
  {
    name: "a request with a result code in its reserved bytes",
    bytes: hex("00 01 00 02 0F A0 00 00 00 00 1C 20"),
  },
  { name: "a request echoed without the top bit", bytes: hex("00 03 00 05 0F A0 00 00 00 00 1C 20") },
  { name: "a success of opcode 3", bytes: hex("00 83 00 00 00 00 00 01 00 00 00 00 00 00 00 00") },
  { name: "a success of opcode 127", bytes: hex("00 FF 00 00 00 00 00 01 00 00 00 00 00 00 00 00") },
  // miniupnpd 2.3.1 multicasts this when it starts.
  { name: "a PCP ANNOUNCE", bytes: hex("02 80 00 00" + "00".repeat(20)) },
  { name: "a PCP request", bytes: hex("02 01 00 01" + "00".repeat(56)) },
  { name: "a version-2 response with another result", bytes: hex("02 81 00 02" + "00".repeat(20)) },
  { name: "text", bytes: new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n") },
];
