import type { Clock } from "../clock.ts";
import { formatEndpoint } from "../net/datagram.ts";
import type { ExchangeEvent } from "../net/exchange.ts";
import type { Sink } from "./world.ts";

/** A wait shorter than this shows nothing. */
const SILENT_MS = 500;
const UPDATE_MS = 100;
const ERASE_LINE = "\r\x1b[K";

/** The line waits for the answer to a request or for the end of a conversation, and both may be under way. */
type Subject = "request" | "conversation";

/** The line on a terminal that counts attempts and seconds while something is waited for, and is erased afterwards. */
export class Progress {
  readonly #clock: Clock;
  readonly #terminal: Sink;
  /** The first one is shown. */
  readonly #waits = new Map<Subject, AbortController>();
  #attempt = 0;

  constructor(clock: Clock, terminal: Sink) {
    this.#clock = clock;
    this.#terminal = terminal;
  }

  /** Takes note of what happens on the wire. */
  observe(event: ExchangeEvent): void {
    switch (event.kind) {
      case "sent":
        this.#attempt = event.attempt;
        return this.#begin("request", formatEndpoint(event.to));
      case "ended":
        return this.#end("request");
      case "conversation-began":
        return this.#begin("conversation", event.partner);
      case "conversation-ended":
        return this.#end("conversation");
    }
  }

  #begin(subject: Subject, partner: string): void {
    if (this.#waits.has(subject)) return;
    const wait = new AbortController();
    this.#waits.set(subject, wait);
    this.#show(subject, partner, wait.signal);
  }

  #end(subject: Subject): void {
    this.#waits.get(subject)?.abort();
    this.#waits.delete(subject);
  }

  async #show(subject: Subject, partner: string, signal: AbortSignal): Promise<void> {
    const startMs = this.#clock.now();
    let isShown = false;
    try {
      for (let waitMs = SILENT_MS;; waitMs = UPDATE_MS) {
        await this.#clock.sleep(waitMs, { signal });
        const [first] = this.#waits.keys();
        if (first !== subject) continue;
        const seconds = ((this.#clock.now() - startMs) / 1000).toFixed(1);
        const attempt = subject === "request" ? `, attempt ${this.#attempt}` : "";
        this.#terminal.write(`${ERASE_LINE}Waiting for ${partner}: ${seconds} s${attempt}`);
        isShown = true;
      }
    } catch {
      if (isShown) this.#terminal.write(ERASE_LINE);
    }
  }
}
