/**
 * The numbers of PCP.
 *
 * @module
 */

// ---- RFC 6887 ----

/** The protocol version, byte 0 of every message (§7.1). */
export const PCP_VERSION = 2;

/** The UDP port on which a server listens (§19.1); NAT-PMP has the same (Appendix A). */
export const SERVER_PORT = 5351;

/** The UDP port on which clients hear announcements (§14.1.3). */
export const ANNOUNCEMENT_PORT = 5350;

/** The multicast groups of announcements (§14.1.3). */
export const ANNOUNCEMENT_GROUPS = { ipv4: "224.0.0.1", ipv6: "ff02::1" } as const;

/** The opcodes (§19.2). PEER is not spoken here. */
export const OPCODE = { announce: 0, map: 1 } as const;

/** A response has this bit beside the opcode of its request (§7.2). */
export const RESPONSE_BIT = 0x80;

/** The numbers of the transport protocols (§11.1). */
export const PROTOCOL_NUMBERS = { tcp: 6, udp: 17 } as const;

/** The number that means all transport protocols (§11.1). */
export const ALL_PROTOCOLS = 0;

/** The header of both directions; also a whole ANNOUNCE (§7.1, §7.2, §14.1). */
export const HEADER_BYTES = 24;

/** A MAP message of either direction without options (§11.1). */
export const MAP_BYTES = 60;

/** The longest message (§7). */
export const MAX_BYTES = 1100;

/** The length of every message is a multiple of this (§7), and so is that of an option with its padding (§7.3). */
export const UNIT_BYTES = 4;

/** A mapping nonce (§11.1). */
export const NONCE_BYTES = 12;

/** The options that are spoken here (§13.1, §13.2), and the length of their data. */
export const OPTION = {
  thirdParty: { code: 1, dataBytes: 16 },
  preferFailure: { code: 2, dataBytes: 0 },
} as const;

/** An option with this bit may be left unprocessed; a server has to refuse any other that it does not know (§7.3). */
export const OPTIONAL_BIT = 0x80;

/** Result codes (§7.4). They are not those of NAT-PMP: 3, 4 and 5 mean other things there. */
export const RESULT = {
  success: 0,
  unsupportedVersion: 1,
  notAuthorized: 2,
  malformedRequest: 3,
  unsupportedOpcode: 4,
  unsupportedOption: 5,
  malformedOption: 6,
  networkFailure: 7,
  noResources: 8,
  unsupportedProtocol: 9,
  quotaExceeded: 10,
  cannotProvideExternal: 11,
  addressMismatch: 12,
  excessiveRemotePeers: 13,
} as const;

/** How long an error with a long lifetime is suggested to hold (§7.4). */
export const LONG_ERROR_SECONDS = 1800;

/** How long an error with a short lifetime is suggested to hold (§7.4). */
export const SHORT_ERROR_SECONDS = 30;

/** Names, and how long the error holds; absent where that depends on the reason (§7.4). */
const RESULTS: readonly (readonly [name: string, errorSeconds?: number])[] = [
  ["success"],
  ["unsupported version", LONG_ERROR_SECONDS],
  ["not authorized", LONG_ERROR_SECONDS],
  ["malformed request", LONG_ERROR_SECONDS],
  ["unsupported opcode", LONG_ERROR_SECONDS],
  ["unsupported option", LONG_ERROR_SECONDS],
  ["malformed option", LONG_ERROR_SECONDS],
  ["network failure", SHORT_ERROR_SECONDS],
  ["no resources", SHORT_ERROR_SECONDS],
  ["unsupported protocol", LONG_ERROR_SECONDS],
  ["quota exceeded", SHORT_ERROR_SECONDS],
  ["cannot provide that external port or address"],
  ["address mismatch", LONG_ERROR_SECONDS],
  ["too many remote peers", LONG_ERROR_SECONDS],
];

/** The name of a result code (§7.4); for a number that the RFC does not define, words that say so. */
export function resultName(resultCode: number): string {
  return RESULTS[resultCode]?.[0] ?? "undefined result";
}

/** How long §7.4 suggests that an error holds; `undefined` where it depends, or the RFC does not define the number. */
export function suggestedErrorSeconds(resultCode: number): number | undefined {
  return RESULTS[resultCode]?.[1];
}

/** The longest lifetime that fits its field of 32 bits; also the lifetime of a static mapping (§11.3). */
export const MAX_LIFETIME_SECONDS = 2 ** 32 - 1;

/** A request is sent again after this at first, IRT (§8.1.1). */
export const FIRST_WAIT_MS = 3000;

/** The waits double up to this, MRT (§8.1.1). */
export const MAX_WAIT_MS = 1_024_000;

/** Each wait is longer or shorter by up to this share, RAND (§8.1.1). */
export const WAIT_JITTER = 0.1;

/**
 * A try to renew begins when this share of the rest of a lifetime has passed, the first time of the whole lifetime:
 * at 1/2, 3/4, 7/8 and so on (§11.2.1).
 */
export const RENEWAL_SHARE = 1 / 2;

/** It may begin later by a random part of this share of the same rest: of 1/8, 1/16, 1/32 and so on (§11.2.1). */
export const RENEWAL_SPREAD = 1 / 8;

/** The shortest pause between two tries to renew a mapping (§11.2.1). */
export const MIN_RENEWAL_GAP_MS = 4000;

// ---- ours ----

/** The lifetime of a mapping whose caller names none: that of NAT-PMP (RFC 6886 §3.3), as RFC 6887 recommends none. */
export const DEFAULT_LIFETIME_SECONDS = 7200;

/** The lifetime of the mapping that finds the external address: what servers grant at least, typically (§15). */
export const ADDRESS_LIFETIME_SECONDS = 120;

/** A mapping that lives for this long is asked for again, as it is, where its gateway has a question to answer. */
export const MIN_STANDING_MS = 10_000;

/** How often the deletion of that mapping is sent: it ends soon anyway. */
export const ADDRESS_DELETION_ATTEMPTS = 2;

/** The longest lifetime that is believed; §8.3 and §15 ask for a cap and leave it to the client. */
export const MAX_GRANTED_SECONDS = 86_400;

/** An error holds for this long at least. miniupnpd sends lifetime 0 with errors that last. */
export const MIN_ERROR_SECONDS = 30;

/** An error holds for this long at most, which is what §7.4 suggests for the long ones. */
export const MAX_ERROR_SECONDS = LONG_ERROR_SECONDS;

/** The first wait of a command that somebody sits in front of, a deviation from the 3 s of §8.1.1. */
export const ONE_SHOT_FIRST_WAIT_MS = 250;

/**
 * Ours: an announcement leads to a question when none did for this long, whatever it says. A server that restarts sends
 * ten, the last one after this long (RFC 6886 §3.2.1); one that got another external address may let its epoch run on.
 */
export const ANNOUNCEMENT_SERIES_MS = 128_000;

/** How many sockets are kept open for updates of mappings (§14.2): a server sends one for each, and one is enough. */
export const MAX_UPDATE_SOCKETS = 8;

/** The versions whose version errors are understood: NAT-PMP's (Appendix A), and that of PCP's drafts. */
export const OLDER_VERSIONS = { natPmp: 0, draft: 1 } as const;

/** The shortest version error of NAT-PMP (RFC 6886 §3.5). */
export const VERSION_ERROR_BYTES = 8;
