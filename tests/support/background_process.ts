/**
 * A program that keeps running beside a test: its lines can be waited for, and it ends with its owner.
 *
 * @module
 */

import { inNamespace } from "./command.ts";
import { patiently } from "./slowness.ts";

/** Options of {@linkcode BackgroundProcess}. */
export interface BackgroundProcessOptions {
  /** The network namespace to run in; this process's own by default. */
  readonly namespace?: string;
  /** Variables added to the inherited environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Options of {@linkcode BackgroundProcess.waitUntil}. */
export interface WaitUntilOptions {
  /** What is waited for, in words. */
  readonly what: string;
  /** Longer where the command under test is slow. */
  readonly timeoutMs: number;
}

const STOP_GRACE_MS = 1000;

/** A running program whose output, of both streams, is kept line by line. */
export class BackgroundProcess implements AsyncDisposable {
  readonly #command: readonly string[];
  readonly #child: Deno.ChildProcess;
  readonly #lines: string[] = [];
  readonly #drained: Promise<unknown>;
  readonly #watchers = new Set<() => void>();
  #ended = false;

  /** Starts the program; its standard input stays open until it is stopped or this process is gone. */
  constructor(command: readonly string[], options: BackgroundProcessOptions = {}) {
    const { namespace, env = {} } = options;
    this.#command = command;
    const [program, ...args] = inNamespace(namespace, command);
    this.#child = new Deno.Command(program, {
      args,
      env: { ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#drained = Promise.all([
      this.#collect(this.#child.stdout),
      this.#collect(this.#child.stderr),
    ]).finally(() => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** The process's id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Every line written so far. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /**
   * Waits until a line matches.
   *
   * @throws {Error} If the program ends, or `timeoutMs` passes, before such a line.
   */
  waitForLine(pattern: RegExp, timeoutMs = 5000): Promise<string> {
    const find = () => this.#lines.find((line) => pattern.test(line));
    return this.waitUntil(find, { what: `a line matching ${pattern}`, timeoutMs });
  }

  /**
   * Waits until something is found in the lines, which are looked at again whenever there are more.
   *
   * @throws {Error} If the program ends, or `timeoutMs` passes, before it is.
   */
  async waitUntil<T>(find: () => T | undefined, options: WaitUntilOptions): Promise<T> {
    const { what } = options;
    const timeoutMs = patiently(options.timeoutMs);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const check = () => {
      const found = find();
      if (found !== undefined) resolve(found);
      else if (this.#ended) reject(this.#failure(`ended before it wrote ${what}`));
    };
    const timer = setTimeout(
      () => reject(this.#failure(`did not write ${what} in ${timeoutMs} ms`)),
      timeoutMs,
    );
    this.#watchers.add(check);
    check();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#watchers.delete(check);
    }
  }

  /** Sends a signal, unless the program has ended by itself. */
  kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Resolves to the exit code when the program has ended and all of its output is read. */
  async ended(): Promise<number> {
    const [{ code }] = await Promise.all([this.#child.status, this.#drained]);
    return code;
  }

  /** Ends the program, by force when it ignores SIGTERM, and waits until it is gone. */
  async stop(): Promise<void> {
    this.kill("SIGTERM");
    const timer = setTimeout(() => this.kill("SIGKILL"), STOP_GRACE_MS);
    try {
      await this.#child.status;
    } finally {
      clearTimeout(timer);
    }
    await this.#drained;
    await this.#child.stdin.close().catch(() => {});
  }

  /** Ends the program. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      this.#lines.push(...lines);
      this.#wake();
    }
    if (rest !== "") this.#lines.push(rest);
  }

  #wake(): void {
    for (const check of this.#watchers) check();
  }

  #failure(what: string): Error {
    return new Error(`${this.#command.join(" ")} ${what}; it wrote:\n${this.#lines.slice(-20).join("\n")}`);
  }
}
