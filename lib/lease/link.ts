/**
 * A keeper's link to its gateway: which one it is, whether it answers, whether it remembers, and one request at a time.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { EpochIgnoredError, NoAnswerError, PortDiffersError, RefusedError } from "../errors.ts";
import type { PortMapper } from "../port_mapper.ts";
import { causeOf } from "./cause.ts";
import type { GatewayEvent } from "./keeper_event.ts";
import { CHECK_MS, MAX_RECREATION_DELAY_MS, MIN_STEP_MS } from "./schedule.ts";

/** A way to a gateway. */
export interface Connection {
  /** The gateway's client. */
  readonly mapper: PortMapper;
  /** The address of this host to which mappings lead. */
  readonly localAddress?: string;
}

/** Options of {@linkcode Link}. */
export interface LinkOptions {
  /** Finds the gateway; the very same mapper means that nothing has moved. */
  readonly connect: () => Promise<Connection>;
  /** Measures. */
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Takes the news about the gateway. */
  readonly tell: (event: GatewayEvent | { readonly type: "error"; readonly error: unknown }) => void;
  /** Called when there is a gateway, or another one than before. */
  readonly onConnect: (isAnother: boolean) => void;
  /** Called when the gateway may have none of its mappings any more, or is back. */
  readonly onNews: (news: "state-lost" | "back") => void;
}

/** Why a request ended that was neither answered nor given up. */
export class Interrupted extends Error {
  /** The class's name. */
  override readonly name = "Interrupted";
}

/** A request under way. */
interface Try {
  readonly controller: AbortController;
  readonly startedAtMs: number;
}

/** How many requests without an answer make a gateway silent that answered before; one can be bad luck. */
const SILENT_TRIES = 2;

/**
 * A gateway whose clock is broken seems to lose its state with every reply, and one whose address flaps with every
 * question. More losses than these in an hour are not acted on, a deviation from RFC 6886 §3.6 without which such a
 * gateway would be asked for everything every few seconds.
 */
const MAX_LOSSES = 10;
const LOSS_WINDOW_MS = 3_600_000;

/** The link to the gateway. */
export class Link {
  /** Counts how often the gateway may have lost its mappings: what it granted at another count has to be granted again. */
  state = 0;
  /** Until when nothing may be sent after such a loss. */
  quietUntilMs = -Infinity;
  /** When to look for the gateway again. */
  checkAtMs = -Infinity;
  readonly #options: LinkOptions;
  #connection: Connection | undefined;
  /** Resolved when the look under way ends, or the link does: finding a gateway may take its time. */
  #checking: PromiseWithResolvers<void> | undefined;
  #checkedAtMs = -Infinity;
  #checkFailures = 0;
  /** Why the gateway was not found when it was looked for last. */
  #cutCause: string | undefined;
  #unsubscribe: () => void = () => {};
  #try: Try | undefined;
  #hasAnswered = false;
  #silentTries = 0;
  #trouble: string | undefined;
  /** When the gateway was found to have lost its mappings, within the last hour. */
  #losses: number[] = [];
  /** Whether it was reported that the gateway's epoch is ignored. */
  #isEpochReported = false;
  #isClosed = false;

  /**
   * Makes a link without a gateway.
   *
   * @param options How to find one, and whom to tell.
   */
  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** The gateway's client, once there is one. */
  get mapper(): PortMapper | undefined {
    return this.#connection?.mapper;
  }

  /** Whether the gateway has ever answered. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** Whether the gateway as a whole is known not to answer, or not as it should. */
  get isInTrouble(): boolean {
    return this.#trouble !== undefined;
  }

  /** When the request under way can be interrupted; `Infinity` when there is none. */
  get interruptibleAtMs(): number {
    return this.#try === undefined ? Infinity : this.#try.startedAtMs + MIN_STEP_MS;
  }

  /**
   * Looks whether the gateway is still the same.
   *
   * @param maxAgeMs How long ago the last look may be for this one to be spared.
   */
  async check(maxAgeMs = 0): Promise<void> {
    const { clock } = this.#options;
    if (this.#cutCause === undefined && clock.now() - this.#checkedAtMs < maxAgeMs) return;
    if (this.#isClosed) return;
    if (this.#checking === undefined) {
      const checking = Promise.withResolvers<void>();
      this.#checking = checking;
      void this.#connect().finally(() => {
        this.#checking = undefined;
        checking.resolve();
      });
    }
    await this.#checking.promise;
  }

  async #connect(): Promise<void> {
    const { clock, connect, onConnect, tell } = this.#options;
    try {
      const connection = await connect();
      if (this.#isClosed) return;
      this.#checkedAtMs = clock.now();
      this.checkAtMs = this.#checkedAtMs + CHECK_MS;
      this.#checkFailures = 0;
      const wasCut = this.#cutCause !== undefined;
      this.#cutCause = undefined;
      if (connection.mapper !== this.mapper) return this.#adopt(connection);
      if (!wasCut) return;
      if (this.#hasAnswered) this.#trouble ??= "cut";
      onConnect(false);
    } catch (error) {
      if (this.#isClosed) return;
      this.checkAtMs = clock.now() +
        Math.min(CHECK_MS, MIN_STEP_MS * 2 ** Math.min(10, this.#checkFailures++));
      if (this.#cutCause === causeOf(error)) return;
      this.#cutCause = causeOf(error);
      tell({ type: "error", error });
    }
  }

  #adopt(connection: Connection): void {
    const { tell, onConnect } = this.#options;
    const previous = this.#connection?.mapper;
    this.#unsubscribe();
    this.#connection = connection;
    this.#losses = [];
    this.#unsubscribe = connection.mapper.onStateLost(() => {
      this.note();
      this.#lose(() => tell({ type: "state-lost" }));
    });
    this.#hasAnswered = false;
    this.#isEpochReported = false;
    this.#silentTries = 0;
    this.#trouble = undefined;
    this.quietUntilMs = -Infinity;
    this.interrupt(0);
    if (previous !== undefined) {
      const isAnother = previous.gateway !== connection.mapper.gateway;
      tell({ type: "gateway-changed", ...(isAnother ? { previousGateway: previous.gateway } : {}) });
    }
    onConnect(previous !== undefined);
  }

  /**
   * Notes that the gateway has another external address than before. Its line was renumbered, or another gateway has
   * taken its place, so it may have none of our mappings, whatever its epoch says.
   */
  noteAnotherAddress(): void {
    this.#lose(() => {});
  }

  #lose(tellIt: () => void): void {
    const { clock, random, onNews } = this.#options;
    const nowMs = clock.now();
    this.#losses = this.#losses.filter((atMs) => nowMs - atMs < LOSS_WINDOW_MS);
    if (this.#losses.length >= MAX_LOSSES) return;
    this.#losses.push(nowMs);
    this.state++;
    this.quietUntilMs = nowMs + random() * MAX_RECREATION_DELAY_MS;
    tellIt();
    onNews("state-lost");
  }

  /**
   * Talks to the gateway.
   *
   * @param talk Makes requests with the signal that it is given, one after the other.
   * @returns What the talk came to.
   */
  async talk<T>(talk: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const current = { controller: new AbortController(), startedAtMs: this.#options.clock.now() };
    this.#try = current;
    if (this.#isClosed) current.controller.abort(new Interrupted());
    try {
      return await talk(current.controller.signal);
    } finally {
      if (this.#try === current) this.#try = undefined;
    }
  }

  /**
   * Interrupts the request under way, so that what has become more urgent gets its turn.
   *
   * @param minAgeMs For how long it must have been waiting for an answer.
   */
  interrupt(minAgeMs = MIN_STEP_MS): void {
    const current = this.#try;
    if (current === undefined || this.#options.clock.now() - current.startedAtMs < minAgeMs) return;
    current.controller.abort(new Interrupted("Something more urgent came up"));
  }

  /**
   * Notes how a request ended, and tells what that says about the gateway as a whole.
   *
   * @param error Its error; `undefined` when it succeeded.
   */
  note(error?: unknown): void {
    const { tell, onNews } = this.#options;
    if (error instanceof Interrupted) return;
    if (error === undefined || error instanceof RefusedError || error instanceof PortDiffersError) {
      const isBack = this.#trouble !== undefined && this.#hasAnswered;
      this.#trouble = undefined;
      this.#silentTries = 0;
      this.#hasAnswered = true;
      this.#reportEpoch();
      if (!isBack) return;
      tell({ type: "gateway-back" });
      return onNews("back");
    }
    const isSilence = error instanceof NoAnswerError;
    if (isSilence) this.#silentTries++;
    // That there is no way to the gateway was told already.
    if (this.#cutCause !== undefined) return;
    if (isSilence && this.#hasAnswered && this.#silentTries < SILENT_TRIES) return;
    if (this.#trouble === causeOf(error)) return;
    this.#trouble = causeOf(error);
    tell({ type: isSilence && this.#hasAnswered ? "gateway-silent" : "error", error });
  }

  #reportEpoch(): void {
    const mapper = this.mapper;
    if (!mapper?.ignoresEpoch || this.#isEpochReported) return;
    this.#isEpochReported = true;
    this.#options.tell({ type: "error", error: new EpochIgnoredError(mapper.gateway) });
  }

  /** Ends the link: what is under way is interrupted, and nothing is told any more. */
  close(): void {
    this.#isClosed = true;
    this.#unsubscribe();
    this.#checking?.resolve();
    this.interrupt(0);
  }
}
