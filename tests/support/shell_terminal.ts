/**
 * An interactive shell on a pseudo-terminal, into which keys are typed.
 *
 * @module
 */

import { shellText } from "./command.ts";

/** Options of {@linkcode ShellTerminal}. */
export interface ShellTerminalOptions {
  /** Variables added to the inherited environment. */
  readonly env?: Readonly<Record<string, string>>;
}

const TIMEOUT_MS = 20_000;

/** A running shell. `script` gives it the terminal, and ends it when this is disposed of. */
export class ShellTerminal implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array>;
  readonly #drained: Promise<void>;
  #shown = "";
  #isOver = false;
  #wake: () => void = () => {};

  /**
   * @param command The shell and its arguments.
   * @param options Its environment.
   */
  constructor(command: readonly string[], { env = {} }: ShellTerminalOptions = {}) {
    this.#child = new Deno.Command("script", {
      // The BSDs' `script`, macOS's too, takes the words as they are.
      args: Deno.build.os === "linux"
        ? ["-qec", shellText(command), "/dev/null"]
        : ["-q", "/dev/null", ...command],
      env: { TERM: "xterm", SHELL: "/bin/sh", ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#keys = this.#child.stdin.getWriter();
    this.#drained = this.#collect();
  }

  /** Types keys. */
  async type(keys: string): Promise<void> {
    await this.#keys.write(new TextEncoder().encode(keys));
  }

  /**
   * Waits until something is shown, and takes everything up to it off.
   *
   * @param wanted What to wait for.
   * @returns What matched.
   * @throws {Error} If the shell has not shown it in time, or has ended; it says what was shown.
   */
  async shows(wanted: RegExp): Promise<RegExpExecArray> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isLate = false;
    try {
      for (;;) {
        const match = wanted.exec(this.#shown);
        if (match !== null) {
          this.#shown = this.#shown.slice(match.index + match[0].length);
          return match;
        }
        if (isLate || this.#isOver) {
          throw new Error(
            `The shell ${isLate ? "did not show" : "ended without"} ${wanted}: ${
              JSON.stringify(this.#shown)
            }`,
          );
        }
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        timer ??= setTimeout(() => {
          isLate = true;
          this.#wake();
        }, TIMEOUT_MS);
        await promise;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async #collect(): Promise<void> {
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      this.#shown += text;
      this.#wake();
    }
    this.#isOver = true;
    this.#wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Its terminal is gone with it, which hangs the shell up; asked politely it would wait for two seconds.
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#drained;
    await this.#keys.abort().catch(() => {});
  }
}
