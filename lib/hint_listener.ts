/**
 * Hears what gateways announce by multicast, where the keeper's gateway is.
 *
 * @module
 */

import { type Datagram, type DatagramSocket, datagramsOf } from "./net/datagram.ts";
import type { PortMapper } from "./port_mapper.ts";

/** Options of {@linkcode HintListener}. */
export interface HintListenerOptions {
  /** Opens a socket that hears the group on the interface with this address. It may fail. */
  readonly open: (interfaceAddress: string) => Promise<DatagramSocket>;
  /** Called when an announcement should be followed by a question. */
  readonly onHint: () => void;
  /** Called with each datagram that comes. */
  readonly observe?: ((datagram: Datagram) => void) | undefined;
}

/** A gateway's client, and the address of the interface that faces the gateway, where it is known. */
export interface ListeningPlace {
  /** The client, which knows what is news. */
  readonly mapper: PortMapper;
  readonly localAddress?: string | undefined;
}

/** Every interface, where the gateway's is unknown. */
const ANY = "0.0.0.0";

/** Hears announcements, and moves along with the gateway. */
export class HintListener {
  readonly #options: HintListenerOptions;
  #socket: DatagramSocket | undefined;
  /** Ends the updates of the place's gateway. */
  #unsubscribe = () => {};
  #place: ListeningPlace | undefined;
  #isClosed = false;

  /** Hears nothing yet. */
  constructor(options: HintListenerOptions) {
    this.#options = options;
  }

  /** Whether announcements are heard at the moment. */
  get isHearing(): boolean {
    return this.#socket !== undefined;
  }

  /**
   * Listens at a place, unless this does so already. Where it fails, the next call tries again.
   *
   * @param place The gateway, and where it is.
   * @throws {SocketError} If announcements cannot be heard there.
   */
  async listen(place: ListeningPlace): Promise<void> {
    const isSame = place.mapper === this.#place?.mapper && place.localAddress === this.#place.localAddress;
    if (this.#isClosed || (isSame && this.isHearing)) return;
    this.leave();
    this.#place = place;
    this.#unsubscribe = place.mapper.onUpdate?.(this.#options.onHint) ?? (() => {});
    const socket = await this.#options.open(place.localAddress ?? ANY);
    // Somebody closed this or went elsewhere meanwhile.
    if (this.#isClosed || this.#place !== place || this.isHearing) return socket.close();
    this.#socket = socket;
    void this.#hear(socket, place.mapper);
  }

  /** Listens no more until it is asked to: the interface has gone, and with it the group's membership. */
  leave(): void {
    this.#unsubscribe();
    this.#unsubscribe = () => {};
    this.#socket?.close();
    this.#socket = undefined;
    this.#place = undefined;
  }

  /** Listens never again. */
  close(): void {
    this.#isClosed = true;
    this.leave();
  }

  async #hear(socket: DatagramSocket, mapper: PortMapper): Promise<void> {
    for await (const _ of mapper.hints?.(this.#received(socket)) ?? []) this.#options.onHint();
    if (this.#socket === socket) this.leave();
  }

  async *#received(socket: DatagramSocket): AsyncGenerator<Datagram> {
    try {
      for await (const datagram of datagramsOf(socket)) {
        this.#options.observe?.(datagram);
        yield datagram;
      }
    } catch {
      // A socket that fails hears nothing any more. The next call of listen() opens another one.
    }
  }
}
