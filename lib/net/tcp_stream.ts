import type { Endpoint } from "./datagram.ts";
import { ConnectionRefused, type ConnectStreamOptions, type StreamConnection } from "./stream.ts";

/**
 * Connects by TCP, over the system's own network and past every proxy.
 *
 * @param to The server, named by an address.
 * @param options What ends the attempt.
 * @returns The open connection.
 * @throws {ConnectionRefused} If nobody listens there.
 */
export async function connectTcpStream(
  { hostname, port }: Endpoint,
  { signal }: ConnectStreamOptions = {},
): Promise<StreamConnection> {
  return new TcpStream(await connect(hostname, port, signal));
}

async function connect(hostname: string, port: number, signal?: AbortSignal): Promise<Deno.TcpConn> {
  try {
    return await Deno.connect({
      transport: "tcp",
      hostname,
      port,
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof Deno.errors.ConnectionRefused) throw new ConnectionRefused(error.message);
    throw error;
  }
}

/** A TCP connection of the system. */
export class TcpStream implements StreamConnection {
  readonly localAddress: string;
  readonly #connection: Deno.TcpConn;
  #isClosed = false;

  /** Takes a connection over. */
  constructor(connection: Deno.TcpConn) {
    this.localAddress = connection.localAddr.hostname;
    this.#connection = connection;
  }

  async read(into: Uint8Array): Promise<number | null> {
    try {
      return await this.#connection.read(into);
    } catch (error) {
      if (this.#isClosed) return null;
      throw error;
    }
  }

  async write(data: Uint8Array): Promise<void> {
    for (let sent = 0; sent < data.length;) sent += await this.#connection.write(data.subarray(sent));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.close();
  }
}
