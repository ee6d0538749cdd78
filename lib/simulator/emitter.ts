/**
 * Sends what a simulated gateway emits through real sockets.
 *
 * @module
 */

import { type DatagramSocket, formatEndpoint, type OpenSocket } from "../net/datagram.ts";
import { type Emission, type EmissionOrigin, otherAddress } from "./adversity.ts";

/** Options of {@linkcode Emitter}. */
export interface EmitterOptions {
  /** The socket that datagrams come from which have no fault of origin. */
  readonly socket: DatagramSocket;
  /** Opens the sockets that only faults need. */
  readonly open: OpenSocket;
  /** Whether failures do not matter any more. */
  readonly signal: AbortSignal;
  /** Takes a line about what could not be sent. */
  readonly log: (line: string) => void;
}

/** The way out of one port. */
export class Emitter {
  readonly #options: EmitterOptions;
  /** Sockets that only faults need, opened when the first one does; `undefined` where that failed. */
  readonly #others = new Map<EmissionOrigin, DatagramSocket | undefined>();
  #notSent = 0;

  /**
   * Makes the way out.
   *
   * @param options The port's socket, and how to open others.
   */
  constructor(options: EmitterOptions) {
    this.#options = options;
  }

  /** How many datagrams could not be sent. */
  get notSent(): number {
    return this.#notSent;
  }

  /**
   * Sends a datagram, or reports that it could not be sent.
   *
   * @param emission The datagram.
   * @param socket Another socket than the port's own, for a datagram without a fault of origin.
   */
  async send({ data, to, from }: Emission, socket: DatagramSocket = this.#options.socket): Promise<void> {
    try {
      const sender = from === "gateway" ? socket : this.#otherSocket(from);
      if (sender === undefined) throw new Error(`no socket for ${from}`);
      await sender.send(data, to);
    } catch (error) {
      const { signal, log } = this.#options;
      if (signal.aborted) return;
      this.#notSent++;
      log(`${formatEndpoint(to)} not sent: ${error instanceof Error ? error.message : error}`);
    }
  }

  /** Closes the sockets that only faults needed. */
  close(): void {
    for (const socket of this.#others.values()) socket?.close();
  }

  #otherSocket(from: EmissionOrigin): DatagramSocket | undefined {
    if (!this.#others.has(from)) this.#others.set(from, this.#openOther(from));
    return this.#others.get(from);
  }

  #openOther(from: EmissionOrigin): DatagramSocket | undefined {
    const { open, socket, log } = this.#options;
    const { hostname, port } = socket.local;
    try {
      if (from === "other-port") return open({ hostname, port: 0 });
      return open({ hostname: otherAddress(hostname), port });
    } catch (error) {
      log(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }
}
