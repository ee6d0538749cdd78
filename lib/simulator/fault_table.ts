/**
 * The named faults of the simulated gateway: what they are called, what they do, and how they are written.
 *
 * @module
 */

import {
  AFTER,
  BYTES,
  bytes,
  choice,
  COUNT,
  type FaultDefinition,
  flag,
  MILLISECONDS,
  number,
  occurrence,
  pcpResult,
  type Row,
  SECONDS,
} from "./fault_rows.ts";
import type { Faults } from "./faults.ts";
import { UPNP_ROWS } from "./upnp_fault_table.ts";

export type { FaultDefinition } from "./fault_rows.ts";

const ROWS: readonly Row[] = [
  // ---- delivery ----
  occurrence(
    "lose-requests",
    "loseRequests",
    "Loses requests: the first N (N), each Nth (every:N) or the Nth (nth:N).",
  ),
  occurrence(
    "lose-replies",
    "loseReplies",
    "Acts on requests but loses answers, counted like lose-requests.",
  ),
  flag("silent", "silent", "Hears everything, answers nothing and announces nothing."),
  flag("silent-5351", "silent5351", "Answers nothing of NAT-PMP and PCP, and announces nothing."),
  flag("duplicate", "duplicate", "Sends every answer twice."),
  flag("reorder", "reorder", "Holds every other answer back until the one after it has left."),
  number("latency", "latencyMs", "Answers this many milliseconds late.", MILLISECONDS),
  number(
    "pcp-latency",
    "pcpLatencyMs",
    "Answers requests of version 2 this many milliseconds late, whatever the other ones wait.",
    MILLISECONDS,
  ),
  flag("wrong-address", "wrongAddress", "Answers from another address."),
  flag("wrong-port", "wrongPort", "Answers from another source port than the one it was asked on."),
  flag("wrong-opcode", "wrongOpcode", "Answers with another opcode than the request's."),
  flag("wrong-internal-port", "wrongInternalPort", "Answers map requests for another internal port."),
  flag("wrong-nonce", "wrongNonce", "Answers map requests of PCP with another nonce."),
  flag("wrong-protocol", "wrongProtocol", "Answers map requests of PCP for the other transport protocol."),
  number("truncate", "truncateBytes", "Cuts every answer to this many bytes.", BYTES),
  number("trailing", "trailingBytes", "Appends this many bytes to every answer.", BYTES),
  number("junk", "junkDatagrams", "Sends this many junk datagrams before every answer.", COUNT),
  number(
    "flood",
    "floodDatagrams",
    "Sends this many junk datagrams, one a millisecond, after every request, answered or not.",
    COUNT,
  ),
  bytes("before", "bytesBefore", "Sends these bytes before every answer."),
  // ---- results ----
  bytes("answer", "answerBytes", "Answers every request with these bytes and does nothing else."),
  number("result", "resultCode", "Answers every request of NAT-PMP with this result code.", {
    value: "CODE",
    min: 1,
    max: 65_535,
  }),
  pcpResult(
    "pcp-result",
    "pcpResultCode",
    "Answers every request of PCP with this result, a number or a name such as no-resources.",
  ),
  flag("refuse", "refuse", "Refuses to map and to unmap (result 2, in UPnP 606)."),
  flag("no-address", "noAddress", "Has no external address (result 3, in PCP 7, in UPnP an empty one)."),
  flag("full", "full", "Has no resources for a mapping (result 4, in PCP 8, in UPnP 728)."),
  flag(
    "no-resources-on-renewal",
    "noResourcesOnRenewal",
    "Makes mappings of PCP and does not renew them (result 8), as a router with pf does.",
  ),
  flag("zero-address", "zeroAddress", "Reports success with the external address 0.0.0.0."),
  flag("zero-port", "zeroPort", "Reports success with the external port 0."),
  flag("zero-lifetime", "zeroLifetime", "Reports success with a lifetime of 0."),
  flag(
    "unzeroed-errors",
    "unzeroedErrors",
    "Leaves the request's port and lifetime, and the address, in errors.",
  ),
  flag("no-port-echo", "noPortEcho", "Leaves the internal port out of errors."),
  flag(
    "partial-delete",
    "partialDelete",
    "Deletes all mappings as requested, but answers result 2 to delete-all.",
  ),
  flag(
    "delete-by-external-port",
    "deleteByExternalPort",
    "Deletes by the external port, or by the internal one where that is 0, as old miniupnpd does.",
  ),
  flag(
    "refuse-absent",
    "refuseAbsent",
    "Refuses to delete a mapping of PCP that it does not have (result 8), as miniupnpd does.",
  ),
  flag(
    "take-over-nonces",
    "takeOverNonces",
    "Renews a mapping of PCP for any nonce, which is then the mapping's, as miniupnpd does.",
  ),
  choice(
    "prefer-failure",
    "preferFailure",
    "Ignores PREFER_FAILURE for the port, as miniupnpd does, or refuses that option (result 5).",
    ["ignore", "refuse"],
  ),
  flag(
    "allow-third-party",
    "allowThirdParty",
    "Maps for other hosts (THIRD_PARTY), as miniupnpd does with pcp_allow_thirdparty, and in UPnP without secure_mode.",
  ),
  // ---- numbers ----
  number(
    "lengthen-lifetime",
    "claimedLifetimeSeconds",
    "Claims that it granted this lifetime, while the mapping lives only as long as requested.",
    SECONDS,
  ),
  number(
    "min-lifetime",
    "minLifetimeSeconds",
    "Grants no mapping of PCP a shorter lifetime than this; miniupnpd has 120.",
    SECONDS,
  ),
  number(
    "linger",
    "lingerSeconds",
    "Leaves a mapping that PCP deletes open for this long, and answers so.",
    SECONDS,
  ),
  flag(
    "zero-error-lifetime",
    "zeroErrorLifetime",
    "Answers errors of PCP that last with lifetime 0, as miniupnpd does.",
  ),
  number("clock-rate", "clockRate", "Runs the epoch at this rate (0.88 is 12 % slow).", {
    value: "FACTOR",
    min: 0,
    max: 1000,
    fraction: true,
  }),
  number(
    "epoch-offset",
    "epochOffsetSeconds",
    "Adds this many seconds to every epoch; negative ones subtract.",
    {
      ...SECONDS,
      min: -0xffff_ffff,
    },
  ),
  number(
    "rotate-port",
    "rotatePortEvery",
    "Moves a mapping to another external port on every Nth grant of it.",
    {
      ...COUNT,
      value: "N",
    },
  ),
  flag(
    "allow-port-zero",
    "allowPortZero",
    "Maps internal port 0 to a port of its own choice, as ProtonVPN does.",
  ),
  // ---- versions ----
  choice(
    "opcode-error",
    "opcodeError",
    "Refuses unknown opcodes with the request echoed, or with a short answer of 8 bytes with the epoch.",
    ["echo", "short"],
  ),
  flag("pcp-only", "pcpOnly", "Speaks only PCP, and answers version 0 with a version error of PCP."),
  choice(
    "nat-pmp-only",
    "natPmpOnly",
    "Speaks only NAT-PMP, with this opcode in version errors (echo: 128 more than the request's).",
    ["128", "0", "echo"],
  ),
  flag("drop-version-2", "dropVersion2", "Drops requests of version 2 silently."),
  // ---- reboots and announcements ----
  flag("keep-table", "keepTable", "Keeps the mappings over a reboot."),
  flag(
    "keep-epoch",
    "keepEpoch",
    "Keeps the epoch over a reboot, and where PCP is spoken over an address change.",
  ),
  flag("no-announcement", "announceNever", "Announces nothing."),
  flag("announce-once", "announceOnce", "Sends one announcement instead of ten."),
  flag("announce-to-5351", "announceTo5351", "Announces to port 5351, as before RFC 6886."),
  flag(
    "spoofed-announcement",
    "spoofedAnnouncement",
    "Sends a forged announcement, from another address, with each.",
  ),
  flag("pcp-announce", "pcpAnnounce", "Announces in PCP's form only."),
  flag(
    "no-mapping-update",
    "noMappingUpdate",
    "Sends no updates of PCP's mappings after an address change, as miniupnpd does.",
  ),
  flag("garbage-announcement", "garbageAnnouncement", "Sends junk to the group before each announcement."),
  number("reboot-after", "rebootAfterSeconds", "Reboots after this many seconds.", AFTER),
  number(
    "readdress-after",
    "readdressAfterSeconds",
    "Gets another external address after this many seconds.",
    AFTER,
  ),
  flag(
    "readdress-resets-epoch",
    "readdressResetsEpoch",
    "Restarts the epoch after an address change was announced with the old one.",
  ),
  number(
    "forget-after",
    "forgetAfterSeconds",
    "Forgets every mapping after this many seconds, silently; the epoch goes on.",
    AFTER,
  ),
  ...UPNP_ROWS,
];

/** Every fault, in the order in which a list shows them. */
export const FAULTS: readonly FaultDefinition[] = ROWS;

/**
 * Reads a fault as `--fault` takes it. Several are merged by spreading one result over the other.
 *
 * @param text `NAME`, or `NAME=VALUE` for a fault that takes a value.
 * @returns The fault alone.
 * @throws {SyntaxError} If no fault has that name, its value is missing or unparsable, or it takes none.
 * @throws {RangeError} If its number is out of range.
 *
 * @example Two faults at once
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseFault } from "./fault_table.ts";
 *
 * const faults = { ...parseFault("latency=500"), ...parseFault("lose-replies=every:3") };
 * assertEquals(faults, { latencyMs: 500, loseReplies: { every: 3 } });
 * ```
 */
export function parseFault(text: string): Faults {
  const equals = text.indexOf("=");
  const name = equals < 0 ? text : text.slice(0, equals);
  const row = ROWS.find((candidate) => candidate.name === name);
  if (row === undefined) {
    throw new SyntaxError(
      `Cannot use fault "${name}": there is no such fault; "help" lists the faults`,
    );
  }
  if (row.value === undefined && equals >= 0) {
    throw new SyntaxError(`Cannot use fault ${text}: it takes no value`);
  }
  if (row.value !== undefined && equals < 0) {
    throw new SyntaxError(`Cannot use fault ${name} without a value: write ${name}=${row.value}`);
  }
  return row.parse(text.slice(equals + 1), text);
}
