/**
 * A TCP port of the network in memory.
 *
 * @module
 */

import type { Endpoint } from "../net/datagram.ts";
import type { StreamListener } from "../net/stream_listener.ts";
import type { MemoryConnection } from "./memory_stream.ts";

/** A {@linkcode StreamListener} that keeps connections until they are accepted. */
export class MemoryListener implements StreamListener {
  readonly local: Endpoint;
  readonly #onClose: () => void;
  readonly #waiting: MemoryConnection[] = [];
  #acceptor: ((connection: MemoryConnection | undefined) => void) | undefined;
  #isClosed = false;

  /**
   * Makes an open port.
   *
   * @param local The address and port.
   * @param onClose Gives the port back.
   */
  constructor(local: Endpoint, onClose: () => void) {
    this.local = local;
    this.#onClose = onClose;
  }

  /** The next connection, or `undefined` once the port is closed. One caller at a time. */
  async accept(): Promise<MemoryConnection | undefined> {
    if (this.#isClosed) return undefined;
    if (this.#acceptor !== undefined) throw new Error("Cannot accept: another accept is pending");
    return this.#waiting.shift() ?? await new Promise((resolve) => this.#acceptor = resolve);
  }

  /** Closes the port; connections that nobody accepted are broken. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#acceptor?.(undefined);
    for (const connection of this.#waiting) connection.reset();
    this.#onClose();
  }

  /**
   * Takes a connection.
   *
   * @param connection This end of it.
   */
  deliver(connection: MemoryConnection): void {
    const acceptor = this.#acceptor;
    this.#acceptor = undefined;
    if (acceptor === undefined) this.#waiting.push(connection);
    else acceptor(connection);
  }
}
