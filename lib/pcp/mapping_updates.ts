/**
 * The server's news of mappings, which nobody asked for (RFC 6887 §14.2): they come to the port that a mapping was asked
 * for from.
 *
 * @module
 */

import { MalformedMessageError } from "../errors.ts";
import { type DatagramSocket, datagramsOf, type Endpoint, sameEndpoint } from "../net/datagram.ts";
import { mappingName } from "../port_mapper.ts";
import { MAX_UPDATE_SOCKETS } from "./constants.ts";
import { decodeResponse, type Response } from "./message.ts";

type Mapped = Extract<Response, { kind: "map" }>;

interface Kept {
  readonly socket: DatagramSocket;
  /** The mapping as the server granted it on this socket. */
  readonly mapped: Mapped;
}

/**
 * Keeps the sockets of the newest grants open and hears them. An update proves nothing, although it has the mapping's
 * nonce: it leads to a question. One is enough, as a server sends one for each mapping, so a few sockets will do.
 */
export class MappingUpdates {
  readonly #server: Endpoint;
  readonly #listeners = new Set<() => void>();
  /** By the mapping's name, the oldest first. */
  readonly #kept = new Map<string, Kept>();

  constructor(server: Endpoint) {
    this.#server = server;
  }

  /** Calls a listener for each update that differs from the grant, until the returned function is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      for (const { socket } of this.#kept.values()) socket.close();
      this.#kept.clear();
    };
  }

  /** Whether anybody listens, so that a socket is worth keeping. */
  get isWanted(): boolean {
    return this.#listeners.size > 0;
  }

  /** Takes over the socket of a mapping that was granted; it is closed when the mapping gets another one. */
  keep(socket: DatagramSocket, mapped: Mapped): void {
    if (!this.isWanted) return socket.close();
    this.drop(mapped);
    const [oldest] = this.#kept;
    if (this.#kept.size >= MAX_UPDATE_SOCKETS && oldest !== undefined) this.drop(oldest[1].mapped);
    const kept = { socket, mapped };
    this.#kept.set(mappingName(mapped), kept);
    void this.#hear(kept);
  }

  /** Closes the socket of a mapping, where there is one. */
  drop(mapping: Pick<Mapped, "protocol" | "internalPort">): void {
    const name = mappingName(mapping);
    this.#kept.get(name)?.socket.close();
    this.#kept.delete(name);
  }

  async #hear({ socket, mapped }: Kept): Promise<void> {
    try {
      for await (const { data, source } of datagramsOf(socket)) {
        if (!sameEndpoint(source, this.#server) || !isNewsOf(mapped, data)) continue;
        for (const listener of this.#listeners) listener();
      }
    } catch {
      // A socket that fails hears nothing any more; the mapping's next grant brings another one.
    }
  }
}

/** Whether a datagram is about a mapping and reports another port or address; a second copy of the reply does not. */
function isNewsOf(mapped: Mapped, data: Uint8Array): boolean {
  let update: Response;
  try {
    update = decodeResponse(data);
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return false;
  }
  return update.kind === "map" && update.nonce === mapped.nonce && update.protocol === mapped.protocol &&
    update.internalPort === mapped.internalPort &&
    (update.externalPort !== mapped.externalPort || update.externalAddress !== mapped.externalAddress);
}
