/**
 * A keeper's knowledge of the external address, and when the keeper asks for it.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { NoAnswerError, PortMapperError, RefusedError } from "../errors.ts";
import { causeOf, Interrupted, isRetryable } from "./cause.ts";
import type { GatewayMonitor } from "./gateway_monitor.ts";
import type { ErrorEvent, GatewayEvent } from "./news.ts";
import { MAX_ROUND_MS, MUTE_TRIES, POLL_MS, QUESTION_INTERVAL_MS, retryInMs } from "./timing.ts";

/** Options of {@linkcode AddressPoller}. */
export interface AddressPollerOptions {
  readonly monitor: GatewayMonitor;
  readonly clock: Clock;
  /** Grows when the gateway forgets its mappings. */
  readonly generation: () => number;
  /** Whether the address is asked for although nothing else is, at the moment. */
  readonly polls: () => boolean;
  /** Takes why the address is missing. */
  readonly report: (event: ErrorEvent) => void;
}

/** The findings of one answer. */
export interface AddressAnswer {
  /** Whether the address is another one than this gateway had. */
  readonly isAnother: boolean;
  /** Whether it is another one since the gateway forgot its mappings: what it granted since then is reached there. */
  readonly isAnotherSinceLoss: boolean;
  /** Whether the gateway has an address again after it had none. */
  readonly isBack: boolean;
}

/** The external address, as far as it is known. */
export class AddressPoller {
  readonly #options: AddressPollerOptions;
  #dueAtMs = Infinity;
  /** When the address is due where it is polled. */
  #pollAtMs = Infinity;
  #questionAtMs = Infinity;
  /** When the last question was asked that an announcement led to. */
  #answeredQuestionAtMs = -Infinity;
  #askedAtMs = -Infinity;
  /** The generation in which the address was asked for last: a gateway that forgot may have another address too. */
  #askedInGeneration: number | undefined;
  #failures = 0;
  /** The reason why the gateway did not report it last. */
  #cause: string | undefined;
  /** Whether the gateway has ever answered this question, be it by a refusal. */
  #hasAnswered = false;
  /** Whether the gateway answers everything but this question. */
  #isMute = false;
  #address: string | undefined;
  /** The generation in which the gateway reported the address. */
  #heardInGeneration: number | undefined;
  #reported: string | undefined;

  /** Begins without an address. */
  constructor(options: AddressPollerOptions) {
    this.#options = options;
  }

  /** The address, once it is known. */
  get address(): string | undefined {
    return this.#address;
  }

  /** When the address is due anyway. */
  get dueAtMs(): number {
    return this.#options.polls() ? Math.min(this.#dueAtMs, this.#pollAtMs) : this.#dueAtMs;
  }

  /** When the question is due that an announcement led to. */
  get questionAtMs(): number {
    return this.#questionAtMs;
  }

  /** Whether the address was asked for long ago, or before the gateway forgot its mappings, and may be answered. */
  get isOld(): boolean {
    const { clock, generation } = this.#options;
    if (this.#isMute) return false;
    return clock.now() - this.#askedAtMs >= MAX_ROUND_MS || generation() !== this.#askedInGeneration;
  }

  /** Makes the address due at once. */
  askSoon(): void {
    this.#failures = 0;
    this.#dueAtMs = -Infinity;
  }

  /** Makes the address due, and leaves alone how long it waits after failures. */
  askNow(): void {
    this.#dueAtMs = Math.min(this.#dueAtMs, this.#options.clock.now());
  }

  /** Plans the question that an announcement leads to, at most one a second. */
  planQuestion(delayMs: number): void {
    const nowMs = this.#options.clock.now();
    this.#questionAtMs = Math.max(nowMs + delayMs, this.#answeredQuestionAtMs + QUESTION_INTERVAL_MS);
  }

  /** Forgets the address, as it is that of another gateway. */
  forget(): void {
    this.#address = undefined;
    this.#hasAnswered = false;
    this.#isMute = false;
  }

  /** Asks, and waits for the answer for `timeoutMs` at most. */
  async ask(timeoutMs: number): Promise<AddressAnswer> {
    const { clock, generation, monitor } = this.#options;
    const startedAtMs = clock.now();
    const mapper = monitor.mapper!;
    this.#askedAtMs = startedAtMs;
    this.#askedInGeneration = generation();
    this.#pollAtMs = Infinity;
    if (this.#questionAtMs <= startedAtMs) {
      this.#questionAtMs = Infinity;
      this.#answeredQuestionAtMs = startedAtMs;
    }
    try {
      const { externalAddress } = await monitor.talk((signal) =>
        mapper.findAddress?.({ timeoutMs, signal }) ?? mapper.probe({ timeoutMs, signal })
      );
      if (mapper !== monitor.mapper) return NOTHING_NEW;
      monitor.note();
      return this.#take(externalAddress);
    } catch (error) {
      if (mapper === monitor.mapper) this.#fail(error, startedAtMs);
      return NOTHING_NEW;
    }
  }

  #take(externalAddress: string | undefined): AddressAnswer {
    const { clock, generation } = this.#options;
    const isBack = this.#cause !== undefined;
    const differs = this.#address !== undefined && externalAddress !== undefined &&
      externalAddress !== this.#address;
    // After a loss of state everything is asked for again as it is.
    const isSinceLoss = this.#heardInGeneration !== generation();
    this.#noteAnswer();
    this.#address = externalAddress ?? this.#address;
    this.#heardInGeneration = generation();
    this.#cause = undefined;
    this.#failures = 0;
    this.#dueAtMs = Infinity;
    this.#pollAtMs = clock.now() + POLL_MS;
    return { isBack, isAnother: differs && !isSinceLoss, isAnotherSinceLoss: differs && isSinceLoss };
  }

  #noteAnswer(): void {
    this.#hasAnswered = true;
    this.#isMute = false;
  }

  #fail(error: unknown, startedAtMs: number): void {
    const { clock, monitor } = this.#options;
    if (error instanceof Interrupted) return this.askSoon();
    if (!isRetryable(error)) throw error;
    if (error instanceof NoAnswerError && !this.#hasAnswered && monitor.hasAnswered) {
      return this.#noteSilence();
    }
    const wasRefused = error instanceof RefusedError;
    if (wasRefused) this.#noteAnswer();
    monitor.note(error);
    const nowMs = clock.now();
    const waitMs = retryInMs({
      failures: ++this.#failures,
      wasSilent: error instanceof NoAnswerError,
      wasRefused,
      tookMs: nowMs - startedAtMs,
    });
    // The gateway would refuse again before that.
    this.#dueAtMs = nowMs + Math.max(waitMs, wasRefused ? error.holdsMs ?? 0 : 0);
    if (wasRefused) this.#reportCause(error);
  }

  /** A gateway that answers other questions may never answer this one. */
  #noteSilence(): void {
    const { clock, monitor } = this.#options;
    this.#dueAtMs = clock.now();
    if (++this.#failures < MUTE_TRIES) return;
    this.#isMute = true;
    this.#dueAtMs = clock.now() + POLL_MS;
    const { gateway } = monitor.mapper!;
    const message = `The external address is unknown: ${gateway} does not answer the request for it`;
    this.#reportCause(new PortMapperError(message));
  }

  /** Reports why the address is missing, once for each cause. */
  #reportCause(error: unknown): void {
    if (this.#cause === causeOf(error)) return;
    this.#cause = causeOf(error);
    this.#options.report({ type: "error", error, mappings: [] });
  }

  /** The news about the address since the last call. */
  takeNews(): GatewayEvent[] {
    const externalAddress = this.#address;
    const previous = this.#reported;
    if (externalAddress === undefined || externalAddress === previous) return [];
    this.#reported = externalAddress;
    const previousExternalAddress = previous === undefined ? {} : { previousExternalAddress: previous };
    return [{ type: "address", externalAddress, ...previousExternalAddress }];
  }
}

const NOTHING_NEW: AddressAnswer = { isAnother: false, isAnotherSinceLoss: false, isBack: false };
