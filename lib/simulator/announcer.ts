/**
 * The simulated gateway's datagrams to the multicast group, and their times, for both protocols (RFC 6886 §3.2.1,
 * RFC 6887 §14.1.3). Pure.
 *
 * @module
 */

import {
  ADDRESS_OPCODE,
  ANNOUNCEMENT_GROUP,
  ANNOUNCEMENT_PORT,
  GATEWAY_PORT,
  NAT_PMP_VERSION,
  RESPONSE_BIT,
} from "../natpmp/constants.ts";
import { type Emission, type EmissionOrigin, junkDatagram } from "./adversity.ts";
import type { Faults } from "./faults.ts";
import type { GatewayState } from "./gateway_state.ts";
import { addressAnswer } from "./nat_pmp_responder.ts";
import { announceAnswer } from "./pcp_responder.ts";

/**
 * When announcements leave after the event they announce, in milliseconds: ten, at doubling intervals (§3.2.1; RFC 6887
 * §14.1.3 allows ten).
 */
const ANNOUNCEMENT_TIMES_MS: readonly number[] = [
  0,
  250,
  750,
  1750,
  3750,
  7750,
  15_750,
  31_750,
  63_750,
  127_750,
];

/** An epoch that has just begun, and an address that no gateway has (RFC 5737). */
const FORGED = Uint8Array.of(NAT_PMP_VERSION, ADDRESS_OPCODE | RESPONSE_BIT, 0, 0, 0, 0, 0, 0, 192, 0, 2, 66);

/**
 * When an event is announced.
 *
 * @param eventAtMs When it happens, in milliseconds.
 * @param faults The faults in force.
 * @returns The times in milliseconds; none when the gateway announces nothing.
 */
export function announcementTimes(eventAtMs: number, faults: Faults): readonly number[] {
  const isSilent = faults.announceNever || faults.silent || faults.silent5351;
  const count = isSilent ? 0 : faults.announceOnce ? 1 : Infinity;
  return ANNOUNCEMENT_TIMES_MS.slice(0, count).map((ms) => eventAtMs + ms);
}

/**
 * The datagrams of one announcement, with what the faults put before it.
 *
 * @param state The gateway's state at the time of sending, since each of the ten has its own epoch (§3.2.1).
 * @returns The datagrams: 12 bytes in the form of an answer to the address request, then 24 of a PCP ANNOUNCE, for
 * each protocol that the gateway speaks.
 */
export function announcementEmissions(state: GatewayState): Emission[] {
  const { faults, speaks } = state;
  const to = {
    hostname: ANNOUNCEMENT_GROUP,
    port: faults.announceTo5351 ? GATEWAY_PORT : ANNOUNCEMENT_PORT,
  };
  const emit = (data: Uint8Array, from: EmissionOrigin): Emission => ({ data, to, delayMs: 0, from });
  const emissions: Emission[] = [];
  if (faults.garbageAnnouncement) emissions.push(emit(junkDatagram(state.epochSeconds), "gateway"));
  const announce = (data: Uint8Array, forged: Uint8Array) => {
    if (faults.spoofedAnnouncement) emissions.push(emit(forged, "other-address"));
    emissions.push(emit(data, "gateway"));
  };
  // The announcement has none of an answer's faults.
  if (speaks !== "pcp" && !faults.pcpAnnounce) announce(addressAnswer({ ...state, faults: {} }), FORGED);
  if (speaks !== "nat-pmp" || faults.pcpAnnounce) {
    announce(announceAnswer(state), announceAnswer({ ...state, epochSeconds: 0 }));
  }
  return emissions;
}
