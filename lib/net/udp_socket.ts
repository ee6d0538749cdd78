/**
 * UDP sockets of the system, through `Deno.listenDatagram`.
 *
 * @module
 */

import {
  type Datagram,
  type DatagramSocket,
  type Endpoint,
  type OpenSocket,
  PortUnreachable,
} from "./datagram.ts";
import { SocketError } from "../errors.ts";
import type { ExchangeParts } from "./exchange.ts";

/** The largest UDP payload; Deno's default of 1024 bytes would cut a datagram in silence. */
const BUFFER_BYTES = 65_535;

/** Buffers of sockets that are done: each request has a fresh socket, and need not have a fresh buffer. */
const spareBuffers: Uint8Array<ArrayBuffer>[] = [];

class UdpSocket implements DatagramSocket {
  readonly #connection: Deno.DatagramConn;
  readonly #buffer = spareBuffers.pop() ?? new Uint8Array(BUFFER_BYTES);
  #isReceiving = false;
  readonly local: Endpoint;
  #closed = false;

  constructor(connection: Deno.DatagramConn) {
    this.#connection = connection;
    const { hostname, port } = connection.addr as Deno.NetAddr;
    this.local = { hostname, port };
  }

  async send(data: Uint8Array, to: Endpoint): Promise<void> {
    await this.#connection.send(data, { transport: "udp", hostname: to.hostname, port: to.port });
  }

  async receive(): Promise<Datagram | undefined> {
    if (this.#closed) return undefined;
    this.#isReceiving = true;
    try {
      const [data, source] = await this.#connection.receive(this.#buffer);
      const { hostname, port } = source as Deno.NetAddr;
      return { data: data.slice(), source: { hostname, port } };
    } catch (error) {
      if (this.#closed) return undefined;
      // Windows reports an ICMP port unreachable that an earlier send caused as a failed receive.
      if (error instanceof Deno.errors.ConnectionReset) throw new PortUnreachable();
      throw error;
    } finally {
      this.#isReceiving = false;
      this.#spareBuffer();
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
    this.#spareBuffer();
  }

  /** Hands the buffer on once nothing can be written into it any more. */
  #spareBuffer(): void {
    if (this.#closed && !this.#isReceiving) spareBuffers.push(this.#buffer);
  }
}

/**
 * Opens a UDP socket of the system.
 *
 * @param local Where to bind; without it every address and a free port.
 * @returns The open socket.
 * @throws {SocketError} If the system refuses, or this Deno was started without its unstable network API.
 */
export function openUdpSocket(local: Partial<Endpoint> = {}): DatagramSocket {
  return new UdpSocket(listen(local, {}));
}

/** Options of {@linkcode openMulticastSocket}. */
export interface MulticastSocketOptions {
  /** The group to be a member of. */
  readonly group: string;
  /** The address of the interface on which to be one. */
  readonly interfaceAddress: string;
  /** Whether what the socket sends to the group is heard on this host too; the system's default is no. */
  readonly loopback?: boolean;
}

/**
 * Opens a UDP socket that is a member of a multicast group, on a port that other programs may share.
 *
 * @param local Where to bind.
 * @param options The group and the interface.
 * @returns The open socket.
 * @throws {SocketError} If the system refuses.
 */
export async function openMulticastSocket(
  local: Partial<Endpoint>,
  options: MulticastSocketOptions,
): Promise<DatagramSocket> {
  const { group, interfaceAddress, loopback = false } = options;
  const connection = listen(local, { reuseAddress: true });
  try {
    const membership = await connection.joinMulticastV4(group, interfaceAddress);
    if (loopback) await membership.setLoopback(true);
    return new UdpSocket(connection);
  } catch (error) {
    connection.close();
    throw new SocketError(`Cannot join ${group} on ${interfaceAddress}: ${reasonOf(error)}`);
  }
}

/** Opens a socket that hears a multicast group on the interface with an address. Windows binds no multicast address. */
export function openGroupSocket(group: Endpoint, interfaceAddress: string): Promise<DatagramSocket> {
  const hostname = Deno.build.os === "windows" ? "0.0.0.0" : group.hostname;
  return openMulticastSocket({ ...group, hostname }, { group: group.hostname, interfaceAddress });
}

/** The parts of an exchange, with the system's sockets where there are no others. */
export function withSystemSockets(
  parts: Omit<ExchangeParts, "openSocket"> & { readonly openSocket?: OpenSocket | undefined },
): ExchangeParts {
  const { boundInterface, clock, connectSocket, openSocket = openUdpSocket } = parts;
  if (connectSocket !== undefined || boundInterface === undefined) return { ...parts, openSocket };
  return {
    ...parts,
    openSocket,
    async connectSocket(remote, from) {
      const { openConnectedSocket } = await import("./connected_socket.ts");
      return openConnectedSocket(remote, { clock, ...from });
    },
  };
}

function listen(local: Partial<Endpoint>, options: { readonly reuseAddress?: boolean }): Deno.DatagramConn {
  if (typeof Deno.listenDatagram !== "function") {
    throw new SocketError("Cannot open a UDP socket: start Deno with --unstable-net");
  }
  const hostname = local.hostname ?? "0.0.0.0";
  const port = local.port ?? 0;
  try {
    return Deno.listenDatagram({ transport: "udp", hostname, port, ...options });
  } catch (error) {
    throw new SocketError(`Cannot open a UDP socket on ${hostname}:${port}: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) return "another program uses it";
  if (error instanceof Deno.errors.AddrNotAvailable) return "it is not an address of this host";
  return error instanceof Error ? error.message : String(error);
}
