/**
 * Announcements of the gateway (RFC 6887 §14.1.3, RFC 6886 §3.2.1): datagrams in, hints out. Opens nothing.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { EpochTracker } from "../epoch_tracker.ts";
import { MalformedMessageError } from "../errors.ts";
import type { Datagram } from "../net/datagram.ts";
import { formatIpv4 } from "../net/ipv4.ts";
import { viewOf } from "../net/wire_fields.ts";
import { ANNOUNCEMENT_SERIES_MS, RESULT } from "./constants.ts";
import { decodeResponse, isNatPmpResponse } from "./message.ts";

/** The announcements of one gateway, as its client judges them. */
export class Announcements {
  readonly #gateway: string;
  readonly #clock: Clock;
  readonly #epochs: EpochTracker;
  /** When one led to a question. */
  #hintAtMs = -Infinity;

  constructor(gateway: string, { clock, epochs }: { readonly clock: Clock; readonly epochs: EpochTracker }) {
    this.#gateway = gateway;
    this.#clock = clock;
    this.#epochs = epochs;
  }

  /** One item for each announcement that should be followed by a question. */
  async *hints(
    datagrams: AsyncIterable<Datagram>,
    knownAddress: () => string | undefined,
  ): AsyncGenerator<void> {
    for await (const state of announcedStates(datagrams, this.#gateway)) {
      if (!this.#isNews(state, knownAddress())) continue;
      this.#hintAtMs = this.#clock.now();
      yield;
    }
  }

  #isNews({ epochSeconds, externalAddress }: AnnouncedState, knownAddress: string | undefined): boolean {
    if (this.#epochs.wouldShowLoss(epochSeconds)) return true;
    if (externalAddress !== undefined) return knownAddress !== undefined && externalAddress !== knownAddress;
    const isFirst = this.#clock.now() - this.#hintAtMs >= ANNOUNCEMENT_SERIES_MS;
    return isFirst && this.#epochs.memory !== undefined;
  }
}

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
