/**
 * Announcements of the gateway (RFC 6886 §3.2.1): datagrams in, those out that lead to a question. Opens nothing.
 *
 * @module
 */

import { MalformedMessageError } from "../errors.ts";
import type { Datagram } from "../net/datagram.ts";
import { ADDRESS_OPCODE, PCP_ANNOUNCE_OPCODE, PCP_HEADER_BYTES, RESPONSE_BIT } from "./constants.ts";
import { decodeResponse, isPcpResponse } from "./message.ts";

/** The content of an announcement in NAT-PMP's form (§3.2.1). Anybody on the network can send one. */
export interface AnnouncedState {
  /** Seconds since the gateway's table was made (§3.6); absent in what is too short for it. */
  readonly epochSeconds?: number;
  /** The external address; absent when the gateway reports none. */
  readonly externalAddress?: string;
}

/** An announcement that a question by unicast should follow. */
export type Announcement =
  /** The gateway's replies do not let expect it. */
  | ({ readonly kind: "nat-pmp" } & AnnouncedState)
  /** A PCP server has (re)started there, which may concern this protocol too. */
  | { readonly kind: "pcp" };

/** Options of {@linkcode questionableAnnouncements}. */
export interface QuestionableAnnouncementsOptions {
  /** The gateway's address. A datagram from elsewhere is dropped silently (§3.2.1). */
  readonly gateway: string;
  /** Checks whether a state is news, compared with the gateway's replies. It must change nothing. */
  readonly isNews: (state: AnnouncedState) => boolean;
}

/**
 * Picks the announcements that lead to a question: an epoch that is implausible, an address that is new, a version-2
 * ANNOUNCE of the gateway (miniupnpd sends that alone when it starts). An announcement can be forged, so none is
 * believed: the reply to the question decides.
 *
 * @param datagrams The datagrams for 224.0.0.1:5350.
 * @param options The gateway, and what it said before.
 * @returns The announcements, for as long as there are datagrams.
 */
export async function* questionableAnnouncements(
  datagrams: AsyncIterable<Datagram>,
  options: QuestionableAnnouncementsOptions,
): AsyncGenerator<Announcement> {
  for await (const { data, source } of datagrams) {
    // The source port is not fixed by the RFC.
    if (source.hostname !== options.gateway) continue;
    if (isPcpAnnounce(data)) yield { kind: "pcp" };
    const state = announcedState(data);
    if (state !== undefined && options.isNews(state)) yield { kind: "nat-pmp", ...state };
  }
}

/** Version 2, opcode 0 of a response, any length from the header's on (RFC 6887 §7.2, §14.1). */
function isPcpAnnounce(data: Uint8Array): boolean {
  return isPcpResponse(data) && data.length >= PCP_HEADER_BYTES &&
    data[1] === (PCP_ANNOUNCE_OPCODE | RESPONSE_BIT);
}

function announcedState(data: Uint8Array): AnnouncedState | undefined {
  try {
    const response = decodeResponse(data);
    if (response.kind === "address") {
      const { epochSeconds, externalAddress } = response;
      return { epochSeconds, externalAddress };
    }
    if (response.kind !== "refusal" || response.opcode !== ADDRESS_OPCODE) return undefined;
    return response.epochSeconds === undefined ? {} : { epochSeconds: response.epochSeconds };
  } catch (error) {
    if (error instanceof MalformedMessageError) return undefined;
    throw error;
  }
}
