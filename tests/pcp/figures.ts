/**
 * Datagrams of PCP with their meaning, in the layouts that RFC 6887 draws, filled in by hand and by no encoder. Each
 * names its section.
 *
 * @module
 */

import type { Request, Response } from "../../lib/pcp/message.ts";
import { hex } from "../simulator/hex.ts";

/** A datagram and its meaning. */
export interface Figure<T> {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly meaning: T;
  /** Whether our encoder writes it so, byte by byte. */
  readonly isCanonical: boolean;
}

function figure<T>(name: string, text: string, meaning: T, { isCanonical = true } = {}): Figure<T> {
  return { name, bytes: hex(text), meaning, isCanonical };
}

const CLIENT = "00 00 00 00 00 00 00 00 00 00 FF FF C0 00 02 07";
const CLIENT_6 = "20 01 0D B8 00 78 00 00 00 00 00 00 00 00 00 07";
const ANY = "00 00 00 00 00 00 00 00 00 00 FF FF 00 00 00 00";
const ANY_6 = "00".repeat(16);
const EXTERNAL = "00 00 00 00 00 00 00 00 00 00 FF FF CB 00 71 09";
const NONCE = "00 11 22 33 44 55 66 77 88 99 AA BB";
const NONCE_TEXT = "00112233445566778899aabb";
const RESERVED_12 = "00".repeat(12);

const HTTP = { nonce: NONCE_TEXT, protocol: "tcp", internalPort: 80 } as const;
const MAP = {
  kind: "map",
  clientAddress: "192.0.2.7",
  ...HTTP,
  lifetimeSeconds: 3600,
  externalPort: 0,
  externalAddress: "0.0.0.0",
} as const;
const MAP_TEXT = `02 01 00 00 | 00 00 0E 10 | ${CLIENT} | ${NONCE} | 06 00 00 00 | 00 50 00 00 | ${ANY}`;

/** Requests in the order of the RFC's sections. */
export const REQUEST_FIGURES: readonly Figure<Request>[] = [
  figure(
    "ANNOUNCE, §7.1 and §14.1",
    `02 00 00 00 | 00 00 00 00 | ${CLIENT}`,
    { kind: "announce", clientAddress: "192.0.2.7" },
  ),
  figure(
    "ANNOUNCE of IPv6, §7.1 and §14.1",
    `02 00 00 00 | 00 00 00 00 | ${CLIENT_6}`,
    { kind: "announce", clientAddress: "2001:db8:78::7" },
  ),
  figure(
    "ANNOUNCE whose lifetime and reserved bytes are not zero, §14.1",
    `02 00 AA AA | 00 00 00 07 | ${CLIENT}`,
    { kind: "announce", clientAddress: "192.0.2.7" },
    { isCanonical: false },
  ),
  figure("MAP TCP 80, any external port, 3600 s, §11.1", MAP_TEXT, MAP),
  figure(
    "MAP UDP 51820 with suggestions, §11.1",
    `02 01 00 00 | 00 00 1C 20 | ${CLIENT} | ${NONCE} | 11 00 00 00 | CA 6C 1F 90 | ${EXTERNAL}`,
    {
      ...MAP,
      lifetimeSeconds: 7200,
      protocol: "udp",
      internalPort: 51_820,
      externalPort: 8080,
      externalAddress: "203.0.113.9",
    },
  ),
  figure(
    "MAP of IPv6, every field at its largest, §11.1",
    `02 01 00 00 | FF FF FF FF | ${CLIENT_6} | ${"FF".repeat(12)} | 11 00 00 00 | FF FF FF FF | ${ANY_6}`,
    {
      kind: "map",
      clientAddress: "2001:db8:78::7",
      nonce: "ffffffffffffffffffffffff",
      protocol: "udp",
      internalPort: 65_535,
      lifetimeSeconds: 4_294_967_295,
      externalPort: 65_535,
      externalAddress: "::",
    },
  ),
  figure(
    "MAP all ports of TCP, §11.1",
    `02 01 00 00 | 00 00 0E 10 | ${CLIENT} | ${NONCE} | 06 00 00 00 | 00 00 00 00 | ${ANY}`,
    { ...MAP, internalPort: 0 },
  ),
  figure(
    "delete TCP 80, §15.1",
    `02 01 00 00 | 00 00 00 00 | ${CLIENT} | ${NONCE} | 06 00 00 00 | 00 50 00 00 | ${ANY}`,
    { ...MAP, lifetimeSeconds: 0 },
  ),
  figure(
    "MAP with reserved bytes that are not zero, §7.1 and §11.1",
    `02 01 AA AA | 00 00 0E 10 | ${CLIENT} | ${NONCE} | 06 AA AA AA | 00 50 00 00 | ${ANY}`,
    MAP,
    { isCanonical: false },
  ),
  figure(
    "MAP for a third party, §13.1",
    `${MAP_TEXT} | 01 00 00 10 | 00 00 00 00 00 00 00 00 00 00 FF FF C0 00 02 09`,
    { ...MAP, thirdParty: "192.0.2.9" },
  ),
  figure(
    "MAP with THIRD_PARTY and PREFER_FAILURE, §13.1 and §13.2",
    `02 01 00 00 | 00 00 0E 10 | ${CLIENT_6} | ${NONCE} | 06 00 00 00 | 00 50 00 50 | ${ANY_6} | ` +
      "01 00 00 10 | 20 01 0D B8 00 78 00 00 00 00 00 00 00 00 00 09 | 02 00 00 00",
    {
      ...MAP,
      clientAddress: "2001:db8:78::7",
      externalPort: 80,
      externalAddress: "::",
      preferFailure: true,
      thirdParty: "2001:db8:78::9",
    },
  ),
  figure(
    "MAP with an optional option of 5 bytes and its padding before one that is known, §7.3",
    `02 01 00 00 | 00 00 0E 10 | ${CLIENT} | ${NONCE} | 06 00 00 00 | 00 50 00 50 | ${ANY} | ` +
      "80 00 00 05 | 01 02 03 04 05 00 00 00 | 02 00 00 00",
    { ...MAP, externalPort: 80, preferFailure: true },
    { isCanonical: false },
  ),
];

const MAPPED = {
  kind: "map",
  epochSeconds: 74_565,
  ...HTTP,
  lifetimeSeconds: 3600,
  externalPort: 8080,
  externalAddress: "203.0.113.9",
} as const;
const MAPPED_TEXT = `02 81 00 00 | 00 00 0E 10 | 00 01 23 45 | ${RESERVED_12} | ${NONCE} | 06 00 00 00 | ` +
  `00 50 1F 90 | ${EXTERNAL}`;

/** Responses in the order of the RFC's sections. */
export const RESPONSE_FIGURES: readonly Figure<Response>[] = [
  figure(
    "ANNOUNCE, §7.2 and §14.1",
    `02 80 00 00 | 00 00 00 00 | 00 01 23 45 | ${RESERVED_12}`,
    { kind: "announce", epochSeconds: 74_565 },
  ),
  figure(
    "ANNOUNCE with an epoch above 2^31, a lifetime and reserved bytes that are not zero, §7.2",
    `02 80 AA 00 | 00 00 00 78 | FF FF FF FE | ${"AA".repeat(12)}`,
    { kind: "announce", epochSeconds: 4_294_967_294 },
    { isCanonical: false },
  ),
  figure("MAP TCP 80, §7.2 and §11.1", MAPPED_TEXT, MAPPED),
  figure(
    "MAP, each field its own bytes, §7.2 and §11.1",
    "02 81 00 00 | 01 02 03 04 | 05 06 07 08 | " + RESERVED_12 +
      " | 11 12 13 14 15 16 17 18 19 1A 1B 1C | 11 00 00 00 | 21 22 23 24 | " +
      "31 32 33 34 35 36 37 38 39 3A 3B 3C 3D 3E 3F 40",
    {
      kind: "map",
      epochSeconds: 0x0506_0708,
      nonce: "1112131415161718191a1b1c",
      protocol: "udp",
      internalPort: 0x2122,
      lifetimeSeconds: 0x0102_0304,
      externalPort: 0x2324,
      externalAddress: "3132:3334:3536:3738:393a:3b3c:3d3e:3f40",
    },
  ),
  figure(
    "deletion of a mapping that lives on for 90 s, §15",
    `02 81 00 00 | 00 00 00 5A | 00 01 23 45 | ${RESERVED_12} | ${NONCE} | 06 00 00 00 | 00 50 00 00 | ${ANY}`,
    { ...MAPPED, lifetimeSeconds: 90, externalPort: 0, externalAddress: "0.0.0.0" },
  ),
  figure(
    "MAP with both options, §13.1 and §13.2",
    `${MAPPED_TEXT} | 01 00 00 10 | 00 00 00 00 00 00 00 00 00 00 FF FF C0 00 02 09 | 02 00 00 00`,
    { ...MAPPED, thirdParty: "192.0.2.9", preferFailure: true },
  ),
  figure(
    "MAP with an unknown option of the mandatory kind before one that is known, §7.3",
    `${MAPPED_TEXT} | 7F 00 00 04 | 01 02 03 04 | 02 00 00 00`,
    { ...MAPPED, preferFailure: true },
    { isCanonical: false },
  ),
  figure(
    "MAP whose last option is longer than the message, §7.3",
    `${MAPPED_TEXT} | 02 00 00 00 | 80 00 00 08`,
    { ...MAPPED, preferFailure: true },
    { isCanonical: false },
  ),
  figure(
    "MAP with THIRD_PARTY of 4 bytes, §7.3",
    `${MAPPED_TEXT} | 01 00 00 04 | C0 00 02 09`,
    MAPPED,
    { isCanonical: false },
  ),
  figure(
    "MAP refused as not authorized, for 100 s, §7.4 and §11.1",
    `02 81 00 02 | 00 00 00 64 | 00 01 23 45 | ${RESERVED_12} | ${NONCE} | 06 00 00 00 | 00 50 1F 90 | ${ANY}`,
    {
      kind: "refusal",
      opcode: 1,
      resultCode: 2,
      lifetimeSeconds: 100,
      epochSeconds: 74_565,
      mapping: HTTP,
    },
    { isCanonical: false },
  ),
  figure(
    "a request of 24 bytes refused with its address copied along, §7.2",
    "02 81 00 03 | 00 00 07 08 | 00 01 23 45 | 00 00 FF FF 00 00 FF FF C0 00 02 07",
    { kind: "refusal", opcode: 1, resultCode: 3, lifetimeSeconds: 1800, epochSeconds: 74_565 },
    { isCanonical: false },
  ),
  figure(
    "PEER refused, §7.4",
    `02 82 00 04 | 00 00 07 08 | 00 01 23 45 | ${RESERVED_12} | ${"00".repeat(56)}`,
    { kind: "refusal", opcode: 2, resultCode: 4, lifetimeSeconds: 1800, epochSeconds: 74_565 },
    { isCanonical: false },
  ),
  figure(
    "an undefined result, §7.4",
    `02 80 00 FF | 00 00 00 1E | 00 01 23 45 | ${RESERVED_12}`,
    { kind: "refusal", opcode: 0, resultCode: 255, lifetimeSeconds: 30, epochSeconds: 74_565 },
    { isCanonical: false },
  ),
  figure(
    "its own version refused, §9",
    `02 81 00 01 | 00 00 07 08 | 00 01 23 45 | ${RESERVED_12}`,
    { kind: "refusal", opcode: 1, resultCode: 1, lifetimeSeconds: 1800, epochSeconds: 74_565 },
    { isCanonical: false },
  ),
  ...["00", "80", "81", "82", "01"].map((opcode) =>
    figure<Response>(
      `version error of NAT-PMP with opcode ${opcode}, RFC 6886 §3.5, erratum 3618`,
      `00 ${opcode} 00 01 | 00 01 23 45`,
      { kind: "version-error", version: 0 },
      { isCanonical: false },
    )
  ),
  figure(
    "version error of NAT-PMP with bytes behind it, RFC 6886 §3.5",
    "00 81 00 01 | 00 01 23 45 | C0 00 02 07",
    { kind: "version-error", version: 0 },
    { isCanonical: false },
  ),
  figure(
    "version error of version 1, §9",
    `01 81 00 01 | 00 00 07 08 | 00 01 23 45 | ${RESERVED_12}`,
    { kind: "version-error", version: 1 },
    { isCanonical: false },
  ),
  figure(
    "version error of version 1, 8 bytes, §9",
    "01 80 00 01 | 00 01 23 45",
    { kind: "version-error", version: 1 },
    { isCanonical: false },
  ),
];

/** Datagrams that are not a response, and the reason. */
export const NOT_RESPONSES: readonly (readonly [name: string, bytes: Uint8Array, reason: string])[] = [
  ["nothing", hex(""), "too short"],
  ["a request", hex(MAP_TEXT), "a request"],
  ["a header that is cut short", hex("02 80 00 00"), "too short"],
  ["61 bytes", hex(`${MAPPED_TEXT} 00`), "not a multiple of 4"],
  ["1104 bytes", hex(MAPPED_TEXT + "80 00 04 10" + "00".repeat(1040)), "longer than 1100"],
  ["MAP of 56 bytes", hex(MAPPED_TEXT).subarray(0, 56), "too short for a mapping"],
  ["PEER", hex(`02 82 00 00 | ${"00".repeat(76)}`), "unknown opcode"],
  [
    "MAP of SCTP",
    hex(`02 81 00 00 | ${"00".repeat(32)} | 84 00 00 00 | ${"00".repeat(20)}`),
    "unknown protocol",
  ],
  ["a success of version 1", hex(`01 81 00 00 | ${"00".repeat(56)}`), "version 1"],
  ["a request of version 1", hex(`01 01 00 01 | ${"00".repeat(56)}`), "version 1"],
  ["an address of NAT-PMP", hex("00 80 00 00 00 00 00 01 CB 00 71 09"), "version 0"],
  ["a version error of NAT-PMP that is cut short", hex("00 80 00 01 00 00 00"), "version 0"],
  ["result 257 of NAT-PMP", hex("00 80 01 01 00 00 00 01"), "version 0"],
  ["a version error of version 3", hex(`03 81 00 01 | ${"00".repeat(20)}`), "a version that does not exist"],
  ["text", new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"), "a version that does not exist"],
];
