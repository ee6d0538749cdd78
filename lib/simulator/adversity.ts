/**
 * The mishaps of an answer after the gateway has made it: bytes, order, number and origin. Pure.
 *
 * @module
 */

import { MAP_OPCODES, NAT_PMP_VERSION, RESPONSE_BIT } from "../natpmp/constants.ts";
import type { Endpoint } from "../net/datagram.ts";
import { formatIpv4, parseIpv4 } from "../net/ipv4.ts";
import { MAP_BYTES, OPCODE, PCP_VERSION, PROTOCOL_NUMBERS } from "../pcp/constants.ts";
import { type Faults, strikes } from "./faults.ts";

/** Where a datagram of the gateway seems to come from. */
export type EmissionOrigin =
  /** Its address and port 5351, as §3.1 has it. */
  | "gateway"
  /** Its address and some other port. */
  | "other-port"
  /** An address that is not the gateway's; {@linkcode otherAddress} has it. */
  | "other-address";

/** A datagram that the gateway sends. */
export interface Emission {
  /** The payload. */
  readonly data: Uint8Array;
  /** Where it goes. */
  readonly to: Endpoint;
  /** How long it waits before it leaves, in milliseconds. */
  readonly delayMs: number;
  /** Where it comes from. */
  readonly from: EmissionOrigin;
}

/** Datagrams that answer no request: every way in which a receiver's checks can fail. */
const JUNK: readonly Uint8Array[] = [
  // A single byte.
  Uint8Array.of(0xff),
  // Text.
  Uint8Array.of(0x6a, 0x75, 0x6e, 0x6b),
  // A map request of §3.3 where a response is due.
  Uint8Array.of(0, 1, 0, 0, 0x0f, 0xa0, 0, 0, 0, 0, 0x1c, 0x20),
  // A response of version 1.
  Uint8Array.of(1, 0x80, 0, 0, 0, 0, 0, 0, 203, 0, 113, 66),
  // A success of an opcode that does not exist.
  Uint8Array.of(0, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  // A map response that ends within the internal port.
  Uint8Array.of(0, 0x81, 0, 0, 0, 0, 0, 0, 0x0f),
  // A MAP response of PCP that ends within its header, and an ANNOUNCE where a response is due.
  Uint8Array.of(2, 0x81, 0, 0, 0, 0, 0x1c, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 66),
];

/**
 * A datagram that is not a message of either protocol.
 *
 * @param index Which one; they repeat.
 * @returns The payload.
 */
export function junkDatagram(index: number): Uint8Array {
  return JUNK[index % JUNK.length] ?? Uint8Array.of(0xff);
}

/**
 * An address beside another one: what a forger answers from, or what a gateway gets when its address changes.
 *
 * @param address The address in dotted decimal.
 * @returns An address that differs in its last byte, which is from 1 to 254.
 * @throws {SyntaxError} If the text is not an IPv4 address.
 */
export function otherAddress(address: string): string {
  const bytes = parseIpv4(address);
  if (bytes === undefined) throw new SyntaxError(`Cannot move "${address}": it is not an IPv4 address`);
  // A hundred up, because the very next one is likely to be a client's.
  bytes[3] = ((bytes[3] ?? 0) + 99) % 254 + 1;
  return formatIpv4(bytes);
}

/** Applies the faults of delivery to one gateway's requests and answers, in the order in which they come. */
export class Adversity {
  #requests = 0;
  #answers = 0;
  #held: readonly Emission[] | undefined;

  /**
   * Counts a request.
   *
   * @param faults The faults in force.
   * @returns Whether it is lost before the gateway hears it.
   */
  losesRequest(faults: Faults): boolean {
    return strikes(faults.loseRequests, ++this.#requests);
  }

  /**
   * Counts an answer.
   *
   * @param faults The faults in force.
   * @returns Whether it is lost before anybody hears it.
   */
  losesReply(faults: Faults): boolean {
    return strikes(faults.loseReplies, ++this.#answers);
  }

  /** Loses an answer that is being held back, as a reboot does. */
  reset(): void {
    this.#held = undefined;
  }

  /**
   * The datagrams that reach the wire after a request.
   *
   * @param answer The gateway's answer, or `undefined` when it gives none.
   * @param to The sender of the request.
   * @param faults The faults in force.
   * @returns The datagrams, junk and copies among them.
   */
  send(answer: Uint8Array | undefined, to: Endpoint, faults: Faults): Emission[] {
    const flood = Array.from({ length: faults.floodDatagrams ?? 0 }, (_, i): Emission => {
      return { data: junkDatagram(i), to, delayMs: i, from: "gateway" };
    });
    if (answer === undefined) return flood;
    const delayMs = faults.latencyMs ?? 0;
    const junk = Array.from({ length: faults.junkDatagrams ?? 0 }, (_, i): Emission => {
      return { data: junkDatagram(i), to, delayMs, from: "gateway" };
    });
    const { bytesBefore } = faults;
    const before: Emission[] = bytesBefore === undefined
      ? []
      : [{ data: bytesBefore, to, delayMs, from: "gateway" }];
    const from = faults.wrongAddress ? "other-address" : faults.wrongPort ? "other-port" : "gateway";
    const emission: Emission = { data: damage(answer, faults), to, delayMs, from };
    const copies = faults.duplicate ? [emission, emission] : [emission];
    return [...flood, ...this.#reorder([...junk, ...before, ...copies], faults)];
  }

  #reorder(emissions: readonly Emission[], faults: Faults): readonly Emission[] {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) return [...emissions, ...held];
    if (!faults.reorder) return emissions;
    this.#held = emissions;
    return [];
  }
}

/** The bytes of an answer with the faults that change them. */
function damage(answer: Uint8Array, faults: Faults): Uint8Array {
  const { truncateBytes = Infinity, trailingBytes = 0 } = faults;
  const data = new Uint8Array(answer.length + trailingBytes).fill(0xaa);
  data.set(answer);
  const opcode = answer[1] ?? 0;
  const isMap = answer[0] === NAT_PMP_VERSION && answer.length >= 16 &&
    Object.values(MAP_OPCODES).some((map) => opcode === (map | RESPONSE_BIT));
  const isPcpMap = answer[0] === PCP_VERSION && answer.length >= MAP_BYTES &&
    opcode === (OPCODE.map | RESPONSE_BIT);
  const change = (offset: number, bits: number) => data[offset] = (data[offset] ?? 0) ^ bits;
  // 129 becomes 130 and the other way round, so that the answer stays well formed.
  if (faults.wrongOpcode) change(1, 3);
  if (faults.wrongInternalPort && (isMap || isPcpMap)) change(isMap ? 9 : 41, 1);
  if (faults.wrongNonce && isPcpMap) change(35, 1);
  if (faults.wrongProtocol && isPcpMap) change(36, PROTOCOL_NUMBERS.tcp ^ PROTOCOL_NUMBERS.udp);
  return data.subarray(0, Math.min(data.length, truncateBytes));
}
