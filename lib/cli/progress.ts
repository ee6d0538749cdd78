import type { Clock } from "../clock.ts";
import { formatEndpoint } from "../net/datagram.ts";
import type { ExchangeEvent } from "../net/exchange.ts";
import type { Sink } from "./world.ts";

/** A wait shorter than this shows nothing. */
const SILENT_MS = 500;
const UPDATE_MS = 100;
const ERASE_LINE = "\r\x1b[K";

/** The line on a terminal that counts attempts and seconds while a request waits, and is erased afterwards. */
export class Progress {
  readonly #clock: Clock;
  readonly #terminal: Sink;
  #waiting: AbortController | undefined;
  #attempt = 0;

  constructor(clock: Clock, terminal: Sink) {
    this.#clock = clock;
    this.#terminal = terminal;
  }

  /** Takes note of what happens on the wire. */
  observe(event: ExchangeEvent): void {
    if (event.kind === "sent") {
      this.#attempt = event.attempt;
      if (this.#waiting === undefined) {
        this.#waiting = new AbortController();
        this.#show(formatEndpoint(event.to), this.#waiting.signal);
      }
    } else if (event.kind === "ended") {
      this.#waiting?.abort();
      this.#waiting = undefined;
    }
  }

  async #show(server: string, signal: AbortSignal): Promise<void> {
    const startMs = this.#clock.now();
    let isShown = false;
    try {
      for (let waitMs = SILENT_MS;; waitMs = UPDATE_MS) {
        await this.#clock.sleep(waitMs, { signal });
        const seconds = ((this.#clock.now() - startMs) / 1000).toFixed(1);
        this.#terminal.write(`${ERASE_LINE}Waiting for ${server}: ${seconds} s, attempt ${this.#attempt}`);
        isShown = true;
      }
    } catch {
      if (isShown) this.#terminal.write(ERASE_LINE);
    }
  }
}
