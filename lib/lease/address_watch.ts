/**
 * What a keeper knows about the external address, and when it asks for it.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { NoAnswerError, PortMapperError, RefusedError } from "../errors.ts";
import { causeOf, isGatewaysFault } from "./cause.ts";
import type { GatewayEvent } from "./keeper_event.ts";
import { Interrupted, type Link } from "./link.ts";
import { POLL_MS, retryAtMs } from "./schedule.ts";

/** Options of {@linkcode AddressWatch}. */
export interface AddressWatchOptions {
  /** The link to the gateway. */
  readonly link: Link;
  /** Measures. */
  readonly clock: Clock;
  /** Whether the address is asked for although nothing else is, at the moment. */
  readonly polls: () => boolean;
  /** Takes why the address is missing. */
  readonly tell: (event: { readonly type: "error"; readonly error: unknown; readonly mappings: [] }) => void;
  /** Called when the question is asked that an announcement led to. */
  readonly onQuestion: () => void;
}

/** How many questions without an answer make a gateway mute that answers others; one can be bad luck. */
const MUTE_TRIES = 2;

/** The external address, as far as it is known. */
export class AddressWatch {
  /** When the question is due that an announcement led to. */
  questionAtMs = Infinity;
  /** When the address is due, whether or not it is polled. */
  dueAtMs = Infinity;
  #pollAtMs = Infinity;
  readonly #options: AddressWatchOptions;
  #failures = 0;
  /** Why the gateway did not tell it last. */
  #cause: string | undefined;
  /** Whether the gateway has ever answered this question, be it by a refusal. */
  #hasAnswered = false;
  #isMute = false;
  #address: string | undefined;
  /** The gateway's state when it told the address. */
  #addressState = 0;
  #toldAddress: string | undefined;

  /**
   * Starts without an address.
   *
   * @param options The link, and how often to ask.
   */
  constructor(options: AddressWatchOptions) {
    this.#options = options;
  }

  /** The address, once it is known. */
  get address(): string | undefined {
    return this.#address;
  }

  /** When the address is due. */
  get nextAtMs(): number {
    return this.#options.polls() ? Math.min(this.dueAtMs, this.#pollAtMs) : this.dueAtMs;
  }

  /** Whether the gateway answers everything but the question for its address. */
  get isMute(): boolean {
    return this.#isMute;
  }

  /** Makes the address due at once. */
  hurry(): void {
    this.#failures = 0;
    this.dueAtMs = -Infinity;
  }

  /** Forgets the address, as it is that of another gateway. */
  forget(): void {
    this.#address = undefined;
    this.#hasAnswered = this.#isMute = false;
  }

  /**
   * Asks.
   *
   * @param timeoutMs For how long.
   * @returns Whether the gateway has an address again after it had none.
   */
  async ask(timeoutMs: number): Promise<boolean> {
    const { clock, link } = this.#options;
    const startedAtMs = clock.now();
    const mapper = link.mapper!;
    this.#pollAtMs = Infinity;
    if (this.questionAtMs <= startedAtMs) {
      this.questionAtMs = Infinity;
      this.#options.onQuestion();
    }
    try {
      const { externalAddress } = await link.talk((signal) => mapper.externalAddress({ timeoutMs, signal }));
      if (mapper !== link.mapper) return false;
      link.note();
      this.#noteAnswer();
      const wasRefused = this.#cause !== undefined;
      this.#take(externalAddress);
      this.#cause = undefined;
      this.#failures = 0;
      this.dueAtMs = Infinity;
      this.#pollAtMs = clock.now() + POLL_MS;
      return wasRefused;
    } catch (error) {
      if (mapper === link.mapper) this.#fail(error, startedAtMs);
      return false;
    }
  }

  #take(externalAddress: string): void {
    const { link } = this.#options;
    const isAnother = this.#address !== undefined && this.#address !== externalAddress;
    // After a loss of state everything is asked for again as it is.
    if (isAnother && this.#addressState === link.state) link.noteAnotherAddress();
    this.#address = externalAddress;
    this.#addressState = link.state;
  }

  #fail(error: unknown, startedAtMs: number): void {
    const { clock, link } = this.#options;
    if (error instanceof Interrupted) return this.hurry();
    if (!isGatewaysFault(error)) throw error;
    if (error instanceof NoAnswerError && !this.#hasAnswered && link.hasAnswered) return this.#noteSilence();
    if (error instanceof RefusedError) this.#noteAnswer();
    link.note(error);
    const wasRefused = error instanceof RefusedError;
    this.dueAtMs = retryAtMs({
      failures: ++this.#failures,
      wasSilent: error instanceof NoAnswerError,
      wasRefused,
      startedAtMs,
      nowMs: clock.now(),
    });
    if (wasRefused) this.#tellCause(error);
  }

  #noteAnswer(): void {
    this.#hasAnswered = true;
    this.#isMute = false;
  }

  /** That this question was never answered says nothing about a gateway that answers others. */
  #noteSilence(): void {
    const { clock, link } = this.#options;
    this.dueAtMs = clock.now();
    if (++this.#failures < MUTE_TRIES) return;
    this.#isMute = true;
    this.dueAtMs = clock.now() + POLL_MS;
    const { gateway } = link.mapper!;
    const message = `The external address is unknown: ${gateway} does not answer the question for it`;
    this.#tellCause(new PortMapperError(message));
  }

  /** Reports why the address is missing, once for each cause. */
  #tellCause(error: unknown): void {
    if (this.#cause === causeOf(error)) return;
    this.#cause = causeOf(error);
    this.#options.tell({ type: "error", error, mappings: [] });
  }

  /** What is new about the address since the last time. */
  news(): GatewayEvent[] {
    const externalAddress = this.#address;
    const previous = this.#toldAddress;
    if (externalAddress === undefined || externalAddress === previous) return [];
    this.#toldAddress = externalAddress;
    const previousExternalAddress = previous === undefined ? {} : { previousExternalAddress: previous };
    return [{ type: "address", externalAddress, ...previousExternalAddress }];
  }
}
