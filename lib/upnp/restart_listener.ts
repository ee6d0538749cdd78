/**
 * Hears the router's announcements (UDA 1.1 §1.2.2): one with a new boot number shows that it has started again.
 *
 * @module
 */

import { type DatagramSocket, datagramsOf } from "../net/datagram.ts";
import { decodeAlive } from "./ssdp.ts";

/** Opens a socket that hears UPnP's group on the interface with an address of this host. It may fail. */
export type OpenGroupSocket = (interfaceAddress: string) => Promise<DatagramSocket>;

/** Whose announcements count, and its boot number as far as it is known. */
export interface AnnouncingRouter {
  readonly address: string;
  readonly bootId?: string | undefined;
}

/** Options of {@linkcode RestartListener}. */
export interface RestartListenerOptions {
  readonly open: OpenGroupSocket;
  readonly interfaceAddress: string;
  readonly router: () => AnnouncingRouter | undefined;
  /** Called at most once for each boot number in a row. Announcements can be forged, so it is to be followed by a question. */
  readonly onRestart: () => void;
}

/** Listens once, until it is closed. Where the group cannot be heard, it hears nothing. */
export class RestartListener {
  readonly #options: RestartListenerOptions;
  #socket: DatagramSocket | undefined;
  /** The last boot number that was announced. */
  #bootId: string | undefined;
  #isClosed = false;

  constructor(options: RestartListenerOptions) {
    this.#options = options;
    void this.#run();
  }

  async #run(): Promise<void> {
    const { open, interfaceAddress } = this.#options;
    try {
      const socket = await open(interfaceAddress);
      if (this.#isClosed) return socket.close();
      this.#socket = socket;
      for await (const { data, source } of datagramsOf(socket)) this.#take(data, source.hostname);
    } catch {
      // The questions that are asked now and then have to do.
    }
  }

  #take(data: Uint8Array, address: string): void {
    const { router, onRestart } = this.#options;
    const known = router();
    if (known?.address !== address) return;
    const bootId = decodeAlive(data)?.bootId;
    if (bootId === undefined) return;
    const before = this.#bootId ?? known.bootId;
    this.#bootId = bootId;
    if (before !== undefined && before !== bootId) onRestart();
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.close();
  }
}
