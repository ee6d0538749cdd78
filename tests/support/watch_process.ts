/**
 * `natpmp watch` as a process of its own, and a simulated gateway on loopback for it.
 *
 * @module
 */

import { systemClock } from "../../lib/clock.ts";
import { openUdpSocket } from "../../lib/net/udp_socket.ts";
import {
  type Faults,
  serveSimulatedGateway,
  SimulatedGateway,
  type SimulatedGatewayOptions,
} from "../../lib/simulator/mod.ts";
import { natpmpCommand, overTestedVia } from "./command.ts";
import { stateDirectory } from "./state_directory.ts";

/** A simulated gateway on a free port of loopback. */
export class LoopbackGateway implements AsyncDisposable {
  readonly simulated: SimulatedGateway;
  /** `ADDR:PORT`. */
  readonly address: string;
  readonly #stopping = new AbortController();
  readonly #finished: Promise<void>;

  constructor(options: Partial<SimulatedGatewayOptions> = {}) {
    this.simulated = new SimulatedGateway({
      externalAddress: "203.0.113.7",
      random: Math.random,
      startMs: systemClock.now(),
      announcesStart: false,
      ...options,
    });
    const { local, finished } = serveSimulatedGateway(this.simulated, {
      open: openUdpSocket,
      listen: { hostname: "127.0.0.1", port: 0 },
      clock: systemClock,
      signal: this.#stopping.signal,
    });
    this.address = `${local.hostname}:${local.port}`;
    this.#finished = finished;
  }

  /** The external ports that are mapped. */
  get ports(): number[] {
    return this.simulated.mappings(systemClock.now()).map(({ externalPort }) => externalPort);
  }

  setFaults(faults: Faults): void {
    this.simulated.setFaults(faults, systemClock.now());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#finished;
  }
}

/** Options of {@linkcode WatchProcess}. */
export interface WatchProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What a shell does before it becomes the process. */
  readonly prelude?: string;
}

/** No process of these tests has reason to live this long. */
const LIFETIME_MS = 20_000;

/** One stream of a process, line by line. */
class Lines {
  readonly all: string[] = [];
  readonly drained: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #waiting = new Set<() => void>();
  #isOver = false;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    this.drained = this.#drain();
  }

  async #drain(): Promise<void> {
    let rest = "";
    for (;;) {
      const { value, done } = await this.#reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      this.all.push(...lines);
      this.#wake();
    }
    this.#isOver = true;
    this.#wake();
  }

  /** Reads no more. */
  async close(): Promise<void> {
    await this.#reader.cancel();
    await this.drained;
  }

  /** Waits for a number of lines that match. */
  async until(pattern: RegExp, count = 1): Promise<string[]> {
    for (;;) {
      const found = this.all.filter((line) => pattern.test(line));
      if (found.length >= count) return found;
      if (this.#isOver) throw new Error(`No ${count} lines match ${pattern}:\n${this.all.join("\n")}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

/** A running `natpmp watch`. */
export class WatchProcess implements AsyncDisposable {
  readonly stdout: Lines;
  readonly stderr: Lines;
  readonly #child: Deno.ChildProcess;

  constructor(args: readonly string[], options: WatchProcessOptions = {}) {
    const { env = {}, prelude } = options;
    const words = [...natpmpCommand(), ...overTestedVia(["watch", ...args])];
    const command = prelude === undefined
      ? words
      : ["/bin/sh", "-c", `${prelude}; exec "$@"`, "sh", ...words];
    this.#child = new Deno.Command(command[0]!, {
      args: command.slice(1),
      env: { XDG_STATE_HOME: stateDirectory(), ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(LIFETIME_MS),
    }).spawn();
    this.stdout = new Lines(this.#child.stdout);
    this.stderr = new Lines(this.#child.stderr);
  }

  get pid(): number {
    return this.#child.pid;
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Resolves to the exit code when the process has ended and all of its output is read. */
  async ended(): Promise<number> {
    const [{ code }] = await Promise.all([this.#child.status, this.stdout.drained, this.stderr.drained]);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
    await this.ended();
  }
}
