/**
 * Datagrams and the sockets that carry them, as every layer above a real socket sees them.
 *
 * @module
 */

/** An IPv4 address and a UDP port. */
export interface Endpoint {
  /** The address in dotted decimal. */
  readonly hostname: string;
  /** The port. */
  readonly port: number;
}

/** A datagram that was received. */
export interface Datagram {
  /** The payload. */
  readonly data: Uint8Array;
  /** The sender. */
  readonly source: Endpoint;
}

/**
 * Nobody listens where an earlier send of this socket went (ICMP port unreachable, RFC 6886 §3.1). The socket lives on.
 */
export class PortUnreachable extends Error {
  /** The class's name. */
  override readonly name = "PortUnreachable";
}

/** A UDP socket. */
export interface DatagramSocket {
  /** The address and port that the socket is bound to. */
  readonly local: Endpoint;
  /**
   * Hands one datagram to the network. Rejects when the host cannot send it.
   *
   * @param data The payload.
   * @param to The receiver.
   */
  send(data: Uint8Array, to: Endpoint): Promise<void>;
  /**
   * Waits for the next datagram. One caller at a time: a receive that is no longer awaited swallows the next datagram.
   *
   * @returns The datagram; `undefined` once the socket is closed.
   * @throws {PortUnreachable} Where the system reports one.
   */
  receive(): Promise<Datagram | undefined>;
  /** Closes the socket; a pending {@linkcode receive} resolves to `undefined`. */
  close(): void;
}

/**
 * Opens a socket.
 *
 * @param local Where to bind; without it every address and a free port.
 * @returns The open socket.
 * @throws {SocketError} If the host refuses.
 */
export type OpenSocket = (local?: Partial<Endpoint>) => DatagramSocket;

/** From where a socket sends. */
export interface SendFrom {
  /** The local address; without it the system chooses. */
  readonly source?: string | undefined;
  /** The interface that everything leaves by and comes in by, whatever the routes say. */
  readonly interfaceName?: string | undefined;
}

/**
 * Opens a socket that talks to one endpoint and hears when nobody listens there.
 *
 * @param remote Whom to talk to.
 * @param from From where.
 * @returns The open socket, or `undefined` where this host has no such sockets.
 */
export type ConnectSocket = (remote: Endpoint, from?: SendFrom) => Promise<DatagramSocket | undefined>;

/**
 * Checks whether two endpoints are the same.
 *
 * @param a One endpoint.
 * @param b The other.
 * @returns Whether address and port agree.
 */
export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.hostname === b.hostname && a.port === b.port;
}

/**
 * Writes an endpoint as `ADDR:PORT`.
 *
 * @param endpoint The endpoint.
 * @returns The text.
 */
export function formatEndpoint(endpoint: Endpoint): string {
  return `${endpoint.hostname}:${endpoint.port}`;
}

/**
 * Everything that a socket receives, until it is closed.
 *
 * @param socket The socket; nobody else may receive from it.
 * @returns The datagrams.
 */
export async function* datagramsOf(socket: DatagramSocket): AsyncGenerator<Datagram> {
  for (;;) {
    try {
      const datagram = await socket.receive();
      if (datagram === undefined) return;
      yield datagram;
    } catch (error) {
      if (!(error instanceof PortUnreachable)) throw error;
    }
  }
}
