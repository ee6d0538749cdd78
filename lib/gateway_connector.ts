/**
 * Finds a keeper's gateway again and again, makes its client, and hears its announcements where it is.
 *
 * @module
 */

import { type MapperParts, type MapperTarget, openMapper } from "./backends.ts";
import { NoGatewayError, SocketError } from "./errors.ts";
import { HintListener } from "./hint_listener.ts";
import type { Connection } from "./lease/gateway_monitor.ts";
import type { Datagram, DatagramSocket } from "./net/datagram.ts";
import type { PortMapper } from "./port_mapper.ts";

/** Where a gateway was found. */
export interface FoundPlace extends MapperTarget {
  /** The address of this host to which mappings lead, also where the system chooses from where to send. */
  readonly ownAddress?: string | undefined;
}

/** Options of {@linkcode GatewayConnector}. */
export interface GatewayConnectorOptions {
  /** Finds the gateway, given the one that is known. Throws while there is none. */
  readonly find: (known: string | undefined) => Promise<FoundPlace>;
  /** The parts that the client works with, for the gateway that was found. */
  readonly parts: (place: FoundPlace) => Promise<MapperParts>;
  /** Opens a socket that hears announcements on the interface with this address. It may fail. */
  readonly openAnnouncementSocket: (interfaceAddress: string) => Promise<DatagramSocket>;
  /** An announcement leads to a question. */
  readonly onHint: () => void;
  /** Announcements cannot be heard: reported once for each cause. */
  readonly onDeaf?: ((reason: string) => void) | undefined;
  /** Called with each announcement. */
  readonly observe?: ((datagram: Datagram) => void) | undefined;
}

/** A gateway that is connected to. */
interface Connected extends Connection {
  readonly place: FoundPlace;
}

/** Connects to the gateway as it is now. */
export class GatewayConnector {
  readonly #options: GatewayConnectorOptions;
  readonly #listener: HintListener;
  #connected: Connected | undefined;
  /** The reason why announcements cannot be heard; absent while they can. */
  #deafness: string | undefined;

  /** Looks for nothing yet. */
  constructor(options: GatewayConnectorOptions) {
    const { openAnnouncementSocket: open, onHint, observe } = options;
    this.#options = options;
    this.#listener = new HintListener({ open, onHint, observe });
  }

  /** Whether the gateway's announcements are heard at the moment. */
  get isHearing(): boolean {
    return this.#listener.isHearing;
  }

  /** The client of the last connection. */
  get mapper(): PortMapper | undefined {
    return this.#connected?.mapper;
  }

  /**
   * The gateway as it is now: the same connection for as long as gateway, local address and the interface that the
   * socket is bound to are the same. Its announcements are heard from then on, if that is possible; where it is not,
   * the next look tries again.
   *
   * @throws {NoGatewayError} If there is none, or no route to it at the moment.
   */
  async connect(): Promise<Connection> {
    try {
      this.#connected = await this.#look();
    } catch (error) {
      this.#listener.leave();
      throw error;
    }
    await this.#hear(this.#connected);
    return this.#connected;
  }

  async #look(): Promise<Connected> {
    const known = this.#connected;
    const place = await this.#options.find(known?.mapper.gateway);
    if (known?.mapper.gateway !== place.gateway || known.place.boundInterface !== place.boundInterface) {
      return await this.#connectTo(place);
    }
    if (known.localAddress === place.ownAddress) return known;
    // An interface that has gone may come back, and its mappings stay meanwhile.
    if (place.ownAddress === undefined) {
      throw new NoGatewayError(
        `Cannot ask ${place.gateway} any more: ` +
          "the interface is down, or has no IPv4 address",
      );
    }
    return known.localAddress === undefined
      ? { ...known, localAddress: place.ownAddress }
      : await this.#connectTo(place);
  }

  async #connectTo(place: FoundPlace): Promise<Connected> {
    const { ownAddress, ...target } = place;
    const mapper = await openMapper(target, await this.#options.parts(place));
    return { mapper, localAddress: ownAddress, place };
  }

  async #hear({ mapper, localAddress }: Connected): Promise<void> {
    const { onDeaf } = this.#options;
    try {
      await this.#listener.listen({ mapper, localAddress });
      this.#deafness = undefined;
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      if (error.message === this.#deafness) return;
      this.#deafness = error.message;
      onDeaf?.(error.message);
    }
  }

  /** Closes what is open. */
  close(): void {
    this.#listener.close();
  }
}
