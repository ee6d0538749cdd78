/**
 * A PCP client and a server made by hand, on a network in memory. The server's replies are copies of the request with a
 * few fields set, byte by byte: no encoder of ours is in them.
 *
 * @module
 */

import type { Datagram } from "../../lib/net/datagram.ts";
import { PcpClient, type PcpClientOptions } from "../../lib/pcp/client.ts";
import { ManualClock, type MemoryHost, MemoryNetwork } from "../../lib/simulator/mod.ts";

export const GATEWAY = "10.0.0.1";
export const HOST = "10.0.0.2";
export const EXTERNAL = "203.0.113.9";
export const SERVER = { hostname: GATEWAY, port: 5351 } as const;

/** Bytes 24 to 35 of a MAP message (RFC 6887 §11.1). */
export const NONCE_1 = "0101010101010101010101aa";
export const NONCE_2 = "0202020202020202020202aa";

/** The fields that a reply sets. */
export interface ReplyFields {
  readonly result?: number;
  readonly lifetime?: number;
  readonly epoch?: number;
  readonly externalPort?: number;
  readonly externalAddress?: string;
}

function withHeader(request: Uint8Array, { result = 0, lifetime, epoch = 74_565 }: ReplyFields): Uint8Array {
  const data = request.slice();
  const view = new DataView(data.buffer);
  view.setUint8(1, data[1]! | 0x80);
  view.setUint16(2, result);
  if (lifetime !== undefined) view.setUint32(4, lifetime);
  view.setUint32(8, epoch);
  data.fill(0, 12, 24);
  return data;
}

/** A success (§7.2, §11.1): what was asked for, unless other fields are named. Any port is 40000. */
export function granted(request: Uint8Array, fields: ReplyFields = {}): Uint8Array {
  const data = withHeader(request, fields);
  if (data.length < 60) return data;
  const view = new DataView(data.buffer);
  const asked = view.getUint16(42);
  const isDeletion = new DataView(request.buffer).getUint32(4) === 0;
  view.setUint16(42, fields.externalPort ?? (asked || (isDeletion ? 0 : 40_000)));
  data.set((fields.externalAddress ?? EXTERNAL).split(".").map(Number), 56);
  return data;
}

/** A refusal (§8.2): a copy of the request. */
export function refused(request: Uint8Array, result: number, fields: ReplyFields = {}): Uint8Array {
  return withHeader(request, { lifetime: 0, ...fields, result });
}

/** The replies to the nth datagram. */
export type Answer = (request: Uint8Array, nth: number) => readonly Uint8Array[];

/** The lab. */
export class PcpLab {
  readonly clock: ManualClock;
  readonly network: MemoryNetwork;
  /** What the server has heard. */
  readonly heard: Uint8Array[] = [];
  /** When. */
  readonly heardAtMs: number[] = [];
  readonly sources: number[] = [];
  readonly client: PcpClient;
  answer: Answer;
  #nonces = 0;

  constructor(answer: Answer = (request) => [granted(request)], options: PcpClientOptions = {}) {
    this.answer = answer;
    this.clock = new ManualClock({ startMs: 5000 });
    this.network = new MemoryNetwork({ clock: this.clock, random: () => 0.5 });
    const gateway = this.network.host(GATEWAY);
    const local = { hostname: GATEWAY, port: options.port ?? SERVER.port };
    const deliver = ({ data, source }: Datagram) => {
      this.heard.push(data);
      this.heardAtMs.push(this.clock.now() - 5000);
      this.sources.push(source.port);
      for (const reply of this.answer(data, this.heard.length)) {
        gateway.emit({ data: reply, source: local }, source);
      }
    };
    gateway.listen({ local, deliver });
    this.client = this.newClient(options);
  }

  /** A client of the same server, as another process has it. */
  newClient(options: PcpClientOptions = {}): PcpClient {
    return new PcpClient(GATEWAY, {
      clock: this.clock,
      openSocket: this.host.open,
      localAddress: HOST,
      random: () => 0.5,
      randomBytes: () => new Uint8Array(12).fill(++this.#nonces, 0, 11).fill(0xaa, 11),
      ...options,
    });
  }

  get host(): MemoryHost {
    return this.network.host(HOST);
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.runUntil(promise);
  }
}

/** The fields of a request, read byte by byte. */
export function fieldsOf(request: Uint8Array) {
  const view = new DataView(request.buffer);
  const text = (from: number, length: number) =>
    [...request.subarray(from, from + length)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return {
    opcode: request[1],
    lifetime: view.getUint32(4),
    client: text(8, 16),
    nonce: text(24, 12),
    protocol: request[36],
    internalPort: view.getUint16(40),
    externalPort: view.getUint16(42),
    externalAddress: text(44, 16),
    options: text(60, request.length - 60),
  };
}
