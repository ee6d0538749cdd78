/**
 * TCP ports of the system, through `Deno.listen`.
 *
 * @module
 */

import { SocketError } from "../errors.ts";
import type { Endpoint } from "./datagram.ts";
import type { AcceptedStream, StreamListener } from "./stream_listener.ts";
import { TcpStream } from "./tcp_stream.ts";

/**
 * Listens on a TCP port of the system.
 *
 * @param local The address and the port; port 0 takes a free one.
 * @returns The listener.
 * @throws {SocketError} If the system refuses.
 */
export function listenTcp({ hostname, port }: Endpoint): StreamListener {
  try {
    return new TcpListener(Deno.listen({ transport: "tcp", hostname, port }));
  } catch (error) {
    throw new SocketError(`Cannot listen on TCP ${hostname}:${port}: ${reasonOf(error)}`);
  }
}

class TcpListener implements StreamListener {
  readonly local: Endpoint;
  readonly #listener: Deno.TcpListener;
  #isClosed = false;

  constructor(listener: Deno.TcpListener) {
    const { hostname, port } = listener.addr;
    this.local = { hostname, port };
    this.#listener = listener;
  }

  async accept(): Promise<AcceptedStream | undefined> {
    while (!this.#isClosed) {
      try {
        return new AcceptedTcpStream(await this.#listener.accept());
      } catch (error) {
        // A client that went away before it was accepted.
        const isOver = error instanceof Deno.errors.ConnectionAborted ||
          error instanceof Deno.errors.ConnectionReset;
        if (!this.#isClosed && !isOver) throw error;
      }
    }
    return undefined;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listener.close();
  }
}

class AcceptedTcpStream extends TcpStream implements AcceptedStream {
  readonly remote: Endpoint;

  constructor(connection: Deno.TcpConn) {
    super(connection);
    const { hostname, port } = connection.remoteAddr;
    this.remote = { hostname, port };
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) return "another program uses it";
  if (error instanceof Deno.errors.AddrNotAvailable) return "it is not an address of this host";
  return error instanceof Error ? error.message : String(error);
}
