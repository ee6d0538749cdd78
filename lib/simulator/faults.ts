/**
 * The faults that the simulated gateway can have. How each fault is called and written is in `fault_table.ts`.
 *
 * @module
 */

import type { UpnpFaults } from "./upnp_faults.ts";

/**
 * Which of a row of events a fault strikes, counted from 1: the first N, each Nth, or the Nth alone.
 * Written `N`, `every:N` and `nth:N`.
 */
export type Occurrence =
  | { readonly first: number }
  | { readonly every: number }
  | { readonly nth: number };

/** The faults of a simulated gateway. An absent field is not a fault. Each field is a row of the table `FAULTS`. */
export interface Faults extends UpnpFaults {
  /** Loses requests: the first N (N), each Nth (every:N) or the Nth (nth:N). */
  readonly loseRequests?: Occurrence;
  /** Acts on requests but loses answers, counted like lose-requests. */
  readonly loseReplies?: Occurrence;
  /** Hears everything, answers nothing and announces nothing. */
  readonly silent?: boolean;
  /** Answers nothing of NAT-PMP and PCP, and announces nothing. */
  readonly silent5351?: boolean;
  /** Sends every answer twice. */
  readonly duplicate?: boolean;
  /** Holds every other answer back until the one after it has left. */
  readonly reorder?: boolean;
  /** Answers this many milliseconds late. */
  readonly latencyMs?: number;
  /** Answers requests of version 2 this many milliseconds late, whatever the other ones wait. */
  readonly pcpLatencyMs?: number;
  /** Answers from another address. */
  readonly wrongAddress?: boolean;
  /** Answers from another source port than the one it was asked on. */
  readonly wrongPort?: boolean;
  /** Answers with another opcode than the request's. */
  readonly wrongOpcode?: boolean;
  /** Answers map requests for another internal port. */
  readonly wrongInternalPort?: boolean;
  /** Answers map requests of PCP with another nonce. */
  readonly wrongNonce?: boolean;
  /** Answers map requests of PCP for the other transport protocol. */
  readonly wrongProtocol?: boolean;
  /** Cuts every answer to this many bytes. */
  readonly truncateBytes?: number;
  /** Appends this many bytes to every answer. */
  readonly trailingBytes?: number;
  /** Sends this many junk datagrams before every answer. */
  readonly junkDatagrams?: number;
  /** Sends this many junk datagrams, one a millisecond, after every request, answered or not. */
  readonly floodDatagrams?: number;
  /** Sends these bytes before every answer. */
  readonly bytesBefore?: Uint8Array;
  /** Answers every request with these bytes and does nothing else. */
  readonly answerBytes?: Uint8Array;
  /** Answers every request of NAT-PMP with this result code. */
  readonly resultCode?: number;
  /** Answers every request of PCP with this result code. */
  readonly pcpResultCode?: number;
  /** Refuses to map and to unmap (result 2, in UPnP 606). */
  readonly refuse?: boolean;
  /** Has no external address (result 3, in PCP 7, in UPnP an empty one). */
  readonly noAddress?: boolean;
  /** Has no resources for a mapping (result 4, in PCP 8, in UPnP 728). */
  readonly full?: boolean;
  /** Makes mappings of PCP and does not renew them (result 8), as a router with pf does. */
  readonly noResourcesOnRenewal?: boolean;
  /** Reports success with the external address 0.0.0.0. */
  readonly zeroAddress?: boolean;
  /** Reports success with the external port 0. */
  readonly zeroPort?: boolean;
  /** Reports success with a lifetime of 0. */
  readonly zeroLifetime?: boolean;
  /** Deletes by the external port, or by the internal one where that is 0, and refuses what it does not find. */
  readonly deleteByExternalPort?: boolean;
  /** Leaves the request's port and lifetime, and the address, in errors. */
  readonly unzeroedErrors?: boolean;
  /** Leaves the internal port out of errors. */
  readonly noPortEcho?: boolean;
  /** Refuses to delete a mapping of PCP that it does not have (result 8), as miniupnpd does. */
  readonly refuseAbsent?: boolean;
  /** Renews a mapping of PCP for any nonce, which is then the mapping's, as miniupnpd does. */
  readonly takeOverNonces?: boolean;
  /** Ignores PREFER_FAILURE for the port, as miniupnpd does, or refuses that option (result 5). */
  readonly preferFailure?: "ignore" | "refuse";
  /** Maps for other hosts (THIRD_PARTY; in UPnP as without secure_mode). */
  readonly allowThirdParty?: boolean;
  /** Answers errors of PCP that last with lifetime 0, as miniupnpd does. */
  readonly zeroErrorLifetime?: boolean;
  /** Leaves a mapping that PCP deletes open for this long, and answers so. */
  readonly lingerSeconds?: number;
  /** Grants no mapping of PCP a shorter lifetime than this; miniupnpd has 120. */
  readonly minLifetimeSeconds?: number;
  /** Claims that it granted this lifetime, but the mapping lives only as long as requested. */
  readonly claimedLifetimeSeconds?: number;
  /** Runs the epoch at this rate (0.88 is 12 % slow). */
  readonly clockRate?: number;
  /** Adds this many seconds to every epoch; negative ones subtract. */
  readonly epochOffsetSeconds?: number;
  /** Refuses unknown opcodes with the request echoed, or with a short answer of 8 bytes with the epoch. */
  readonly opcodeError?: "echo" | "short";
  /** Speaks only PCP, and answers version 0 with a version error of PCP. */
  readonly pcpOnly?: boolean;
  /** Speaks only NAT-PMP, with this opcode in version errors (128, 0, or echo: 128 more than the request's). */
  readonly natPmpOnly?: "128" | "0" | "echo";
  /** Drops requests of version 2 silently. */
  readonly dropVersion2?: boolean;
  /** Maps internal port 0 to a port of its own choice, as ProtonVPN does. */
  readonly allowPortZero?: boolean;
  /** Moves a mapping to another external port on every Nth grant of it. */
  readonly rotatePortEvery?: number;
  /** Keeps the mappings over a reboot. */
  readonly keepTable?: boolean;
  /** Keeps the epoch over a reboot, and where PCP is spoken over an address change. */
  readonly keepEpoch?: boolean;
  /** Deletes all mappings as requested, but answers result 2 to delete-all. */
  readonly partialDelete?: boolean;
  /** Announces nothing. */
  readonly announceNever?: boolean;
  /** Sends one announcement instead of ten. */
  readonly announceOnce?: boolean;
  /** Announces to port 5351, as before RFC 6886. */
  readonly announceTo5351?: boolean;
  /** Sends a forged announcement, from another address, with each. */
  readonly spoofedAnnouncement?: boolean;
  /** Announces in PCP's form only. */
  readonly pcpAnnounce?: boolean;
  /** Sends no updates of PCP's mappings after an address change, as miniupnpd does. */
  readonly noMappingUpdate?: boolean;
  /** Sends junk to the group before each announcement. */
  readonly garbageAnnouncement?: boolean;
  /** Reboots after this many seconds. */
  readonly rebootAfterSeconds?: number;
  /** Gets another external address after this many seconds. */
  readonly readdressAfterSeconds?: number;
  /** Restarts the epoch after an address change was announced with the old one. */
  readonly readdressResetsEpoch?: boolean;
  /** Forgets every mapping after this many seconds, silently; the epoch goes on. */
  readonly forgetAfterSeconds?: number;
}

/**
 * Checks whether a fault strikes.
 *
 * @param which Which events it strikes; `undefined` strikes none.
 * @param count The event's number, from 1.
 * @returns Whether it strikes this one.
 */
export function strikes(which: Occurrence | undefined, count: number): boolean {
  if (which === undefined) return false;
  if ("first" in which) return count <= which.first;
  if ("every" in which) return count % which.every === 0;
  return count === which.nth;
}
