/**
 * A host of the network in memory: its address, its link, its sockets and its TCP ports.
 *
 * @module
 */

import { SocketError } from "../errors.ts";
import {
  type Datagram,
  type DatagramSocket,
  type Endpoint,
  type OpenSocket,
  sameEndpoint,
} from "../net/datagram.ts";
import { classifyIpv4 } from "../net/ipv4.ts";
import type { ConnectStream, ConnectStreamOptions } from "../net/stream.ts";
import { MemoryListener } from "./memory_listener.ts";
import { MemorySocket } from "./memory_socket.ts";
import type { MemoryConnection } from "./memory_stream.ts";

/** Whatever hears datagrams at an endpoint. */
export interface Listener {
  /** Where. */
  readonly local: Endpoint;
  /** Takes what arrives there. */
  deliver(datagram: Datagram): void;
}

const ANY = "0.0.0.0";

/** Where free ports are looked for (RFC 6335 §6). */
const FIRST_EPHEMERAL_PORT = 49_152;

/**
 * Checks whether an address names a group of hosts.
 *
 * @param address The address in dotted decimal.
 * @returns Whether it is a multicast address.
 */
export function isMulticast(address: string): boolean {
  return classifyIpv4(address) === "multicast";
}

/** Puts a datagram on the network; the sender learns if no program listens there. */
export type Transmit = (datagram: Datagram, to: Endpoint, sender?: MemorySocket) => void;

/** Connects a host to another one by TCP. */
export type Dial = (
  host: MemoryHost,
  to: Endpoint,
  options: ConnectStreamOptions,
) => Promise<MemoryConnection>;

/** A host of the network in memory. */
export class MemoryHost {
  /** Whether the link is up. While it is down the host's sends fail and nothing reaches it. */
  isUp = true;
  readonly #listeners = new Set<Listener>();
  readonly #streamListeners = new Set<MemoryListener>();
  readonly #transmit: Transmit;
  readonly #dial: Dial;
  #address: string;
  #sent = 0;
  #connections = 0;
  #nextPort = FIRST_EPHEMERAL_PORT;

  /**
   * Makes a host whose link is up.
   *
   * @param address The address.
   * @param transmit Puts a datagram on the network.
   * @param dial Connects to another host.
   */
  constructor(address: string, transmit: Transmit, dial: Dial) {
    this.#address = address;
    this.#transmit = transmit;
    this.#dial = dial;
  }

  /** The address. It can change, as with a new DHCP lease: sockets bound to the old one can then no longer send. */
  get address(): string {
    return this.#address;
  }

  set address(address: string) {
    this.#address = address;
  }

  /** How many datagrams the host has sent, those that the network lost included. */
  get sent(): number {
    return this.#sent;
  }

  /** How many TCP connections the host has tried to make. */
  get connections(): number {
    return this.#connections;
  }

  /** Opens a socket of this host; 224.0.0.1:5350 and the like hear their group and can be shared. */
  readonly open: OpenSocket = (local = {}): DatagramSocket => {
    const { hostname = ANY } = local;
    const port = local.port || this.#freePort(hostname);
    const endpoint = { hostname, port };
    const fail = (reason: string) => {
      throw new SocketError(`Cannot open a UDP socket on ${hostname}:${port}: ${reason}`);
    };
    if (hostname !== ANY && hostname !== this.#address && !isMulticast(hostname)) {
      fail("it is not an address of this host");
    }
    if (this.#isTaken(endpoint)) fail("another program uses it");
    const socket: MemorySocket = new MemorySocket(endpoint, {
      send: (data, to) => this.#sendFrom(socket, data, to),
      close: () => this.#listeners.delete(socket),
    });
    this.#listeners.add(socket);
    return socket;
  };

  /**
   * Connects by TCP from this host. An address that no host has, or whose host is down, does not answer: the attempt
   * lasts until its signal aborts it.
   */
  readonly connect: ConnectStream = async (to, options = {}) => {
    options.signal?.throwIfAborted();
    if (!this.isUp) throw new Error("Network is unreachable (os error 101)");
    this.#connections++;
    return await this.#dial(this, to, options);
  };

  /**
   * Listens on a TCP port of this host.
   *
   * @param local The address, this host's or 0.0.0.0, and the port; port 0 takes a free one.
   * @returns The listener.
   * @throws {SocketError} If another program uses the port, or the address is not this host's.
   */
  readonly listenStream = (local: Endpoint): MemoryListener => {
    const { hostname } = local;
    const isTaken = (port: number) => this.#findListener({ hostname: this.#address, port }) !== undefined;
    const port = local.port || this.#ephemeralPort(isTaken);
    if (port === undefined) throw new SocketError(`Cannot listen on TCP ${hostname}: no port is free`);
    const fail = (reason: string) => {
      throw new SocketError(`Cannot listen on TCP ${hostname}:${port}: ${reason}`);
    };
    if (hostname !== ANY && hostname !== this.#address) fail("it is not an address of this host");
    if (isTaken(port)) fail("another program uses it");
    const listener: MemoryListener = new MemoryListener(
      { hostname, port },
      () => void this.#streamListeners.delete(listener),
    );
    this.#streamListeners.add(listener);
    return listener;
  };

  /**
   * Hands a connection to the program that listens.
   *
   * @param connection This host's end of it.
   * @param port The port.
   * @returns Whether the port is open.
   */
  accept(connection: MemoryConnection, port: number): boolean {
    const listener = this.#findListener({ hostname: this.#address, port });
    listener?.deliver(connection);
    return listener !== undefined;
  }

  /** The next port for a connection or a socket that names none. */
  takePort(): number {
    const port = this.#nextPort;
    this.#nextPort = port === 65_535 ? FIRST_EPHEMERAL_PORT : port + 1;
    return port;
  }

  /**
   * Listens without a socket, as the simulated gateway does.
   *
   * @param listener The endpoint and who hears it.
   * @returns A function that ends it.
   */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Sends a datagram from any source, as only a simulated gateway may. It is lost while the link is down.
   *
   * @param datagram The payload and where it seems to come from.
   * @param to Where it goes.
   */
  emit(datagram: Datagram, to: Endpoint): void {
    if (!this.isUp) return;
    this.#sent++;
    this.#transmit(datagram, to);
  }

  /**
   * Takes a datagram off the network.
   *
   * @param datagram The datagram.
   * @param to Where it was sent: this host or a group.
   * @returns Whether the port is open; an open port of a host that is down hears nothing and reports nothing.
   */
  deliver(datagram: Datagram, to: Endpoint): boolean {
    if (!this.isUp) return true;
    const isGroup = isMulticast(to.hostname);
    const listeners = [...this.#listeners].filter(({ local }) =>
      sameEndpoint(local, to) || (!isGroup && local.hostname === ANY && local.port === to.port)
    );
    for (const listener of listeners) listener.deliver(datagram);
    return listeners.length > 0;
  }

  #sendFrom(socket: MemorySocket, data: Uint8Array, to: Endpoint): void {
    const { hostname, port } = socket.local;
    const hasAddress = hostname === ANY || hostname === this.#address || isMulticast(hostname);
    if (!this.isUp || !hasAddress) throw new Error("Network is unreachable (os error 101)");
    this.#sent++;
    this.#transmit({ data, source: { hostname: this.#address, port } }, to, socket);
  }

  #isTaken({ hostname, port }: Endpoint): boolean {
    if (isMulticast(hostname)) return false;
    return [...this.#listeners].some(({ local }) =>
      local.port === port && !isMulticast(local.hostname) &&
      (local.hostname === hostname || local.hostname === ANY || hostname === ANY)
    );
  }

  #findListener({ hostname, port }: Endpoint): MemoryListener | undefined {
    return [...this.#streamListeners].find(({ local }) =>
      local.port === port && (local.hostname === hostname || local.hostname === ANY)
    );
  }

  #freePort(hostname: string): number {
    const port = this.#ephemeralPort((port) => this.#isTaken({ hostname, port }));
    if (port === undefined) throw new SocketError(`Cannot open a UDP socket on ${hostname}: no port is free`);
    return port;
  }

  /** Onwards from the last one, so that a late datagram does not reach the next socket. */
  #ephemeralPort(isTaken: (port: number) => boolean): number | undefined {
    for (let i = FIRST_EPHEMERAL_PORT; i <= 65_535; i++) {
      const port = this.takePort();
      if (!isTaken(port)) return port;
    }
    return undefined;
  }
}
