/**
 * Announcements of the gateway (RFC 6887 §14.1.3, RFC 6886 §3.2.1): datagrams in, what they state out. Opens nothing.
 *
 * @module
 */

import { MalformedMessageError } from "../errors.ts";
import type { Datagram } from "../net/datagram.ts";
import { formatIpv4 } from "../net/ipv4.ts";
import { viewOf } from "../net/wire_fields.ts";
import { RESULT } from "./constants.ts";
import { decodeResponse, isNatPmpResponse } from "./message.ts";

/** The content of an announcement of either protocol. Anybody on the network can send one. */
export interface AnnouncedState {
  /** Seconds since the gateway's table was made. */
  readonly epochSeconds: number;
  /** The external address, which only NAT-PMP's form has. */
  readonly externalAddress?: string;
}

/** NAT-PMP's form: 80 hexadecimal as opcode, 12 bytes (RFC 6886 §3.2.1). */
const NAT_PMP_FORM = { opcode: 0x80, bytes: 12 } as const;

/**
 * Reads what a gateway announces. A gateway that speaks both protocols has one table for both, and may announce it in
 * NAT-PMP's form alone.
 */
export async function* announcedStates(
  datagrams: AsyncIterable<Datagram>,
  gateway: string,
): AsyncGenerator<AnnouncedState> {
  for await (const { data, source } of datagrams) {
    // Its port is not looked at: whoever can forge the address can forge that too, and nothing here is believed.
    if (source.hostname !== gateway) continue;
    const state = isNatPmpResponse(data) ? natPmpState(data) : pcpState(data);
    if (state !== undefined) yield state;
  }
}

function pcpState(data: Uint8Array): AnnouncedState | undefined {
  try {
    const response = decodeResponse(data);
    return response.kind === "announce" ? { epochSeconds: response.epochSeconds } : undefined;
  } catch (error) {
    if (error instanceof MalformedMessageError) return undefined;
    throw error;
  }
}

function natPmpState(data: Uint8Array): AnnouncedState | undefined {
  if (data[1] !== NAT_PMP_FORM.opcode || data.length < NAT_PMP_FORM.bytes) return undefined;
  const view = viewOf(data);
  const epochSeconds = view.getUint32(4);
  if (view.getUint16(2) !== RESULT.success) return { epochSeconds };
  return { epochSeconds, externalAddress: formatIpv4(data.subarray(8)) };
}
