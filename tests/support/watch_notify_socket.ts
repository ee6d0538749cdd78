/**
 * A service manager's end of `NOTIFY_SOCKET`.
 *
 * @module
 */

/** Hears what a service says of itself (sd_notify(3)). */
export class NotifyListener implements AsyncDisposable {
  /** Each assignment so far, such as `READY=1`. */
  readonly lines: string[] = [];
  readonly #socket: Deno.DatagramConn;
  readonly #reading: Promise<void>;

  constructor(path: string) {
    this.#socket = Deno.listenDatagram({ transport: "unixpacket", path });
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    for await (const [data] of this.#socket) {
      this.lines.push(...new TextDecoder().decode(data).trim().split("\n"));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#reading;
  }
}
