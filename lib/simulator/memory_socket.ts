/**
 * A socket of the network in memory.
 *
 * @module
 */

import type { Datagram, DatagramSocket, Endpoint } from "../net/datagram.ts";

/** Options of {@linkcode MemorySocket}. */
export interface MemorySocketOptions {
  /** Hands a datagram to the network; throws when the host cannot send it. */
  readonly send: (data: Uint8Array, to: Endpoint) => void;
  /** Gives the port back. */
  readonly close: () => void;
}

interface Receiver {
  readonly resolve: (datagram: Datagram | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** A {@linkcode DatagramSocket} that keeps what arrives until it is received. */
export class MemorySocket implements DatagramSocket {
  readonly local: Endpoint;
  readonly #options: MemorySocketOptions;
  /** The arrivals: datagrams, and errors that the network reports. */
  readonly #arrived: (Datagram | Error)[] = [];
  #receiver: Receiver | undefined;
  #isClosed = false;

  /**
   * Makes a bound socket.
   *
   * @param local The address and port that it is bound to.
   * @param options The network behind it.
   */
  constructor(local: Endpoint, options: MemorySocketOptions) {
    this.local = local;
    this.#options = options;
  }

  /** Hands one datagram to the network; rejects when the host cannot send it. */
  // deno-lint-ignore require-await -- what throws here rejects
  async send(data: Uint8Array, to: Endpoint): Promise<void> {
    if (this.#isClosed) throw new Error("Cannot send: the socket is closed");
    this.#options.send(data.slice(), to);
  }

  /** The next datagram, or `undefined` once the socket is closed. One caller at a time. */
  async receive(): Promise<Datagram | undefined> {
    if (this.#isClosed) return undefined;
    if (this.#receiver !== undefined) throw new Error("Cannot receive: another receive is pending");
    const next = this.#arrived.shift();
    if (next instanceof Error) throw next;
    if (next !== undefined) return next;
    return await new Promise((resolve, reject) => this.#receiver = { resolve, reject });
  }

  /** Closes the socket; a pending receive resolves to `undefined`. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#receiver?.resolve(undefined);
    this.#receiver = undefined;
    this.#options.close();
  }

  /**
   * Takes what the network brings.
   *
   * @param arrival A datagram, or an error that an earlier send caused.
   */
  deliver(arrival: Datagram | Error): void {
    if (this.#isClosed) return;
    const receiver = this.#receiver;
    this.#receiver = undefined;
    if (receiver === undefined) this.#arrived.push(arrival);
    else if (arrival instanceof Error) receiver.reject(arrival);
    else receiver.resolve(arrival);
  }
}
