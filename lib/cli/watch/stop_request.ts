import type { Clock } from "../../clock.ts";

/** Everything that is done at a stop is done within this. */
const STOP_MS = 3000;

/** Options of {@linkcode StopRequest}. */
export interface StopRequestOptions {
  /** The signals that stop the command when they abort. */
  readonly signals: readonly AbortSignal[];
  readonly clock: Clock;
  /** After how long the command stops by itself. */
  readonly forMs?: number | undefined;
}

/** The one stop of a command that runs until it is stopped, whatever causes it, and how long it may take. */
export class StopRequest implements Disposable {
  readonly #clock: Clock;
  readonly #stopping: AbortSignal;
  readonly #own = new AbortController();
  readonly #deadline = new AbortController();
  readonly #over = new AbortController();

  constructor(options: StopRequestOptions) {
    const { signals, clock, forMs } = options;
    this.#clock = clock;
    this.#stopping = AbortSignal.any([...signals, this.#own.signal]);
    if (forMs !== undefined) this.#sleep(forMs, () => this.#own.abort());
    this.onStop(() => this.#sleep(STOP_MS, () => this.#deadline.abort()));
  }

  /** Aborted when the stop has taken as long as it may. */
  get deadline(): AbortSignal {
    return this.#deadline.signal;
  }

  /** Resolves when the work is done, or the stop has taken as long as it may. */
  async bound(work: Promise<void> | undefined): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    this.deadline.addEventListener("abort", () => resolve(), { once: true });
    if (!this.deadline.aborted) await Promise.race([work, late]);
  }

  /** Calls once when the command is to stop, at once if that was before. */
  onStop(listener: () => void): void {
    if (this.#stopping.aborted) listener();
    else this.#stopping.addEventListener("abort", listener, { once: true });
  }

  /** The command has ended: nothing is waited for any longer. */
  [Symbol.dispose](): void {
    this.#over.abort();
  }

  async #sleep(ms: number, then: () => void): Promise<void> {
    try {
      await this.#clock.sleep(ms, { signal: this.#over.signal });
    } catch {
      return;
    }
    then();
  }
}
