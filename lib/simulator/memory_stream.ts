/**
 * A TCP connection of the network in memory: two ends and what is on its way between them.
 *
 * @module
 */

import type { Endpoint } from "../net/datagram.ts";
import type { AcceptedStream } from "../net/stream_listener.ts";

/** An end of a connection in memory, which can also break it. */
export interface MemoryConnection extends AcceptedStream {
  /** Breaks the connection (RST): what the other end reads and writes from then on rejects. */
  reset(): void;
}

/** Options of {@linkcode connectionPair}. */
export interface ConnectionPairOptions {
  /** The end that connected. */
  readonly client: Endpoint;
  /** The end that listened. */
  readonly server: Endpoint;
  /** Resolves after the time that bytes are on their way. */
  readonly travel: () => Promise<void>;
  /** Whether both hosts have a link. Without one nothing arrives any more, not even later. */
  readonly isUp: () => boolean;
}

/** The most bytes that one end may send before the other one reads, as a receive window has it. */
const WINDOW_BYTES = 65_536;

/** What happens to a connection besides bytes. */
type Ending = "end" | "reset";

/** An end that reads what its peer writes. */
class MemoryStream implements MemoryConnection {
  readonly localAddress: string;
  readonly remote: Endpoint;
  readonly #options: ConnectionPairOptions;
  peer: MemoryStream | undefined;
  /** What has come and was not read. */
  readonly #chunks: Uint8Array[] = [];
  #ending: Ending | undefined;
  #isClosed = false;
  /** Bytes that were sent and that the peer has not read. */
  #unreadBytes = 0;
  /** Keeps what is sent in order. */
  #sending: Promise<void> = Promise.resolve();
  #reader: (() => void) | undefined;
  readonly #writers = new Set<() => void>();

  constructor(local: Endpoint, remote: Endpoint, options: ConnectionPairOptions) {
    this.localAddress = local.hostname;
    this.remote = remote;
    this.#options = options;
  }

  async read(into: Uint8Array): Promise<number | null> {
    if (this.#reader !== undefined) throw new Error("Cannot read: another read is pending");
    while (this.#chunks.length === 0 && this.#ending === undefined && !this.#isClosed) {
      await new Promise<void>((resolve) => this.#reader = resolve);
    }
    if (this.#isClosed) return null;
    if (this.#ending === "reset") throw new Error("Connection reset by peer (os error 104)");
    const chunk = this.#chunks.shift();
    if (chunk === undefined) return null;
    const count = Math.min(chunk.length, into.length);
    into.set(chunk.subarray(0, count));
    if (count < chunk.length) this.#chunks.unshift(chunk.subarray(count));
    this.peer?.acknowledge(count);
    return count;
  }

  async write(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length; at += WINDOW_BYTES) {
      const chunk = data.slice(at, at + WINDOW_BYTES);
      this.#throwIfBroken();
      this.#unreadBytes += chunk.length;
      this.#send(() => this.peer?.arrive(chunk));
      while (this.#unreadBytes >= WINDOW_BYTES) {
        await new Promise<void>((resolve) => this.#writers.add(resolve));
        this.#throwIfBroken();
      }
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#send(() => this.peer?.finish("end"));
    this.#wake();
  }

  reset(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#send(() => this.peer?.finish("reset"));
    this.#wake();
  }

  /** Takes bytes off the network. */
  arrive(chunk: Uint8Array): void {
    // A closed end answers bytes with a reset.
    if (this.#isClosed) this.#send(() => this.peer?.finish("reset"));
    else this.#chunks.push(chunk);
    this.#wakeReader();
  }

  /** Takes the end of the connection off the network. */
  finish(ending: Ending): void {
    if (this.#ending === "reset") return;
    // A window that is full and will never open again: TCP breaks such a connection (RFC 2525 §2.17).
    this.#ending = this.#writers.size > 0 ? "reset" : ending;
    if (this.#ending === "reset") this.#chunks.length = 0;
    this.#wake();
  }

  /** Learns that the peer has read. */
  acknowledge(bytes: number): void {
    this.#unreadBytes -= bytes;
    this.#wakeWriters();
  }

  #throwIfBroken(): void {
    if (this.#isClosed) throw new Error("Cannot write: the connection is closed");
    if (this.#ending === "reset") throw new Error("Connection reset by peer (os error 104)");
  }

  #send(task: () => void): void {
    const { travel, isUp } = this.#options;
    const arrival = travel();
    this.#sending = this.#sending.then(() => arrival).then(() => {
      if (isUp()) task();
    });
  }

  #wake(): void {
    this.#wakeReader();
    this.#wakeWriters();
  }

  #wakeReader(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.();
  }

  #wakeWriters(): void {
    for (const resolve of this.#writers) resolve();
    this.#writers.clear();
  }
}

/**
 * Makes a connection.
 *
 * @param options Its ends and the network between them.
 * @returns The two ends.
 */
export function connectionPair(
  options: ConnectionPairOptions,
): { readonly client: MemoryConnection; readonly server: MemoryConnection } {
  const client = new MemoryStream(options.client, options.server, options);
  const server = new MemoryStream(options.server, options.client, options);
  client.peer = server;
  server.peer = client;
  return { client, server };
}
