/**
 * A running `natpmp watch` on a host of a lab, and the events that it tells.
 *
 * @module
 */

import type { BackgroundProcess } from "./background_process.ts";
import { natpmpCommand, overTestedVia } from "./command.ts";
import type { JsonMapping } from "./json_output.ts";
import type { Namespace } from "./namespace.ts";

/** One line of `watch --json`. */
export interface WatchEventLine extends Partial<JsonMapping> {
  readonly event: string;
  readonly time: string;
  readonly gateway?: string;
  readonly previousGateway?: string;
  readonly externalAddress?: string;
  readonly previousExternalAddress?: string;
  readonly previousExternalPort?: number;
  readonly warnings?: readonly string[];
}

/** Options of {@linkcode WatchRun}. */
export interface WatchRunOptions {
  /** Where its state goes. */
  readonly directory: string;
  /** Variables added to the inherited environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Which event to wait for. */
export interface WaitForOptions {
  /** The how manyeth of those that match; the first by default. */
  readonly count?: number;
  readonly where?: (event: WatchEventLine) => boolean;
  readonly timeoutMs?: number;
}

const DEFAULT_WAIT_MS = 20_000;

/** A process of `natpmp watch`; with `--json` among its arguments it tells events. */
export class WatchRun implements AsyncDisposable {
  readonly #process: BackgroundProcess;

  constructor(host: Namespace, args: readonly string[], options: WatchRunOptions) {
    const { directory, env = {} } = options;
    this.#process = host.spawn([...natpmpCommand(), ...overTestedVia(["watch", ...args])], {
      env: { XDG_STATE_HOME: `${directory}/${host.name}`, ...env },
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Every event so far. */
  get events(): readonly WatchEventLine[] {
    return this.#process.lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  }

  /** Every line that is no event, of both streams. */
  get messages(): readonly string[] {
    return this.#process.lines.filter((line) => !line.startsWith("{"));
  }

  /** Events in short, as in `mapped tcp 8080`, `gateway-back`, in their order; what renews is left out. */
  get story(): readonly string[] {
    return this.events.filter(({ event }) => event !== "renewed").map(({ event, protocol, ...rest }) => {
      const port = rest.externalPort ?? rest.previousExternalPort;
      return [event, protocol, port].filter((word) => word !== undefined).join(" ");
    });
  }

  /** The events of one kind. */
  of(event: string): readonly WatchEventLine[] {
    return this.events.filter((line) => line.event === event);
  }

  /** Waits for an event, which may have been told before. */
  waitFor(event: string, options: WaitForOptions = {}): Promise<WatchEventLine> {
    const { count = 1, where = () => true, timeoutMs = DEFAULT_WAIT_MS } = options;
    const find = () => this.of(event).filter(where)[count - 1];
    return this.#process.waitUntil(find, { what: `event ${count} of ${event} (${where})`, timeoutMs });
  }

  /** Waits for a line that is no event. */
  waitForMessage(pattern: RegExp, timeoutMs = DEFAULT_WAIT_MS): Promise<string> {
    return this.#process.waitForLine(pattern, timeoutMs);
  }

  /** Sends a signal and waits for the end. */
  async end(signal: Deno.Signal): Promise<{ readonly code: number; readonly elapsedMs: number }> {
    const startMs = performance.now();
    this.#process.kill(signal);
    const code = await this.ended();
    return { code, elapsedMs: performance.now() - startMs };
  }

  /** Resolves to the exit code when it has ended and all of its output is read. */
  ended(): Promise<number> {
    return this.#process.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.stop();
  }
}
