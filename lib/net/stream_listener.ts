/**
 * Servers of TCP, as every layer above a real one sees them.
 *
 * @module
 */

import type { Endpoint } from "./datagram.ts";
import type { StreamConnection } from "./stream.ts";

/** A connection that a client made to a server of this host. */
export interface AcceptedStream extends StreamConnection {
  /** The client. */
  readonly remote: Endpoint;
}

/** A TCP port that is listened on. */
export interface StreamListener {
  /** The address and port. */
  readonly local: Endpoint;
  /**
   * Waits for the next connection. One caller at a time.
   *
   * @returns The connection; `undefined` once the listener is closed.
   */
  accept(): Promise<AcceptedStream | undefined>;
  /** Gives the port back; a pending {@linkcode accept} resolves to `undefined`. Connections that were accepted go on. */
  close(): void;
}

/**
 * Listens on a TCP port.
 *
 * @param local The address and the port; port 0 takes a free one.
 * @returns The listener.
 * @throws {SocketError} If the host refuses.
 */
export type ListenStream = (local: Endpoint) => StreamListener;
