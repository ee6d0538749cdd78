/**
 * The numbers of NAT-PMP.
 *
 * @module
 */

// ---- RFC 6886 ----

/** The protocol version, byte 0 of every message (§3). */
export const NAT_PMP_VERSION = 0;

/** The UDP port on which a gateway listens (§3.1). */
export const GATEWAY_PORT = 5351;

/** The UDP port on which clients hear announcements (§3.2.1). */
export const ANNOUNCEMENT_PORT = 5350;

/** The multicast group of announcements (§3.2.1). */
export const ANNOUNCEMENT_GROUP = "224.0.0.1";

/** The opcode that asks for the external address (§3.2). */
export const ADDRESS_OPCODE = 0;

/** The opcodes that map, by transport protocol (§3.3). */
export const MAP_OPCODES = { udp: 1, tcp: 2 } as const;

/** A response adds this to the opcode of its request (§3.5). */
export const RESPONSE_BIT = 0x80;

/** Result codes (§3.5). Every other number is undefined and a fatal error of its request. */
export const RESULT = {
  success: 0,
  unsupportedVersion: 1,
  notAuthorized: 2,
  networkFailure: 3,
  outOfResources: 4,
  unsupportedOpcode: 5,
} as const;

const RESULT_NAMES: readonly string[] = [
  "success",
  "unsupported version",
  "not authorized or refused",
  "network failure",
  "out of resources",
  "unsupported opcode",
];

/**
 * The name of a result code (§3.5).
 *
 * @param resultCode 0 to 65535.
 * @returns Its name; for a number that the RFC does not define, `undefined result`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { resultName } from "./constants.ts";
 *
 * assertEquals(resultName(4), "out of resources");
 * ```
 */
export function resultName(resultCode: number): string {
  return RESULT_NAMES[resultCode] ?? "undefined result";
}

/** The recommended lifetime of a mapping (§3.3). */
export const RECOMMENDED_LIFETIME_SECONDS = 7200;

/** The longest lifetime that fits its field of 32 bits (§3.3). */
export const MAX_LIFETIME_SECONDS = 2 ** 32 - 1;

// ---- ours ----

/** The version of PCP (RFC 6887), whose messages share both ports. */
export const PCP_VERSION = 2;

/** The shortest PCP response (RFC 6887 §7.2). */
export const PCP_HEADER_BYTES = 24;

/** The longest PCP message (RFC 6887 §7). */
export const PCP_MAX_BYTES = 1100;

/** The version that a vendor used once; PCP skipped it (RFC 6886 §1.1). */
export const VENDOR_VERSION = 1;

/** The length of a version error in the shape of RFC 6886 §3.5. */
export const VERSION_ERROR_BYTES = 8;

/** The opcode with which a PCP server announces itself (RFC 6887 §14.1). */
export const PCP_ANNOUNCE_OPCODE = 0;

/**
 * The random share of its base lifetime that a renewal begins after half of it. RFC 6886 has none; without it a reboot
 * of the gateway keeps its clients in step for ever.
 */
export const RENEWAL_JITTER = 1 / 16;

/** The shortest pause between two tries to renew a lease; §3.3 names none. */
export const MIN_RETRY_GAP_MS = 2000;
