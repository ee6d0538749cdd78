/**
 * TCP connections, as every layer above a real one sees them.
 *
 * @module
 */

import type { Endpoint } from "./datagram.ts";

/** A TCP connection. */
export interface StreamConnection {
  /** The address of this host that the connection leaves from, in dotted decimal. */
  readonly localAddress: string;
  /**
   * Reads what has come, at least one byte.
   *
   * @param into Where to put it.
   * @returns How many bytes were read; `null` once the other side has ended the connection, or this one has closed it.
   */
  read(into: Uint8Array): Promise<number | null>;
  /**
   * Sends bytes, all of them.
   *
   * @param data The bytes.
   */
  write(data: Uint8Array): Promise<void>;
  /** Closes the connection; a pending {@linkcode read} ends. It may be called twice. */
  close(): void;
}

/** Nobody listens on that port: the connection was refused. */
export class ConnectionRefused extends Error {
  /** The class's name. */
  override readonly name = "ConnectionRefused";
}

/** Options of {@linkcode ConnectStream}. */
export interface ConnectStreamOptions {
  /** Abandons the attempt. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects to an endpoint.
 *
 * @param to The server, named by an address.
 * @param options What ends the attempt.
 * @returns The open connection.
 * @throws {ConnectionRefused} If nobody listens there.
 * @throws {Error} If the server cannot be reached for another reason, in the system's words.
 */
export type ConnectStream = (to: Endpoint, options?: ConnectStreamOptions) => Promise<StreamConnection>;
