/**
 * The life of a keeper's gateway: which one it is, whether it answers, whether it forgot its mappings; and one request at
 * a time.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { EpochIgnoredError, NoAnswerError } from "../errors.ts";
import type { PortMapper } from "../port_mapper.ts";
import { causeOf, Interrupted, isPerMapping } from "./cause.ts";
import type { Ledger } from "./ledger.ts";
import type { GatewayEvent } from "./news.ts";
import {
  CHECK_MS,
  LOSS_WINDOW_MS,
  MAX_LOSSES,
  MAX_RECREATION_DELAY_MS,
  MIN_STEP_MS,
  SILENT_GATEWAY_TRIES,
} from "./timing.ts";

/** A gateway that was found. */
export interface Connection {
  /** The gateway's client. */
  readonly mapper: PortMapper;
  /** The address of this host to which mappings lead. */
  readonly localAddress?: string | undefined;
  /** The mappings known there, which the keeper goes on with; an empty ledger by default. */
  readonly ledger?: Ledger | undefined;
}

/** Options of {@linkcode GatewayMonitor}. */
export interface GatewayMonitorOptions {
  /** Finds the gateway; the very same mapper means that nothing has moved. */
  readonly connect: () => Promise<Connection>;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Takes the news about the gateway. */
  readonly report: (event: GatewayEvent | { readonly type: "error"; readonly error: unknown }) => void;
  /** Called when there is a gateway, or another one than before. */
  readonly onConnect: (connection: Connection, isAnother: boolean) => void;
  /** Called when the gateway forgot its mappings, or is back. */
  readonly onNews: (news: "state-lost" | "back") => void;
}

interface PendingRequest {
  readonly controller: AbortController;
  readonly startedAtMs: number;
}

/** Watches over one gateway at a time. */
export class GatewayMonitor {
  readonly #options: GatewayMonitorOptions;
  #connection: Connection | undefined;
  #quietUntilMs = -Infinity;
  #checkAtMs = -Infinity;
  /** Resolved when the look under way ends, or the monitor does: finding a gateway may take its time. */
  #checking: PromiseWithResolvers<void> | undefined;
  #checkedAtMs = -Infinity;
  #checkFailures = 0;
  /** The reason why the last search found no gateway. */
  #missingCause: string | undefined;
  #unsubscribe: () => void = () => {};
  #pending: PendingRequest | undefined;
  #hasAnswered = false;
  #silentTries = 0;
  #troubleCause: string | undefined;
  /** When the gateway was found to have forgotten its mappings, within the last hour. */
  #losses: number[] = [];
  /** Whether it was reported that the gateway's epoch is ignored. */
  #isEpochReported = false;
  #isClosed = false;

  /** Begins without a gateway. */
  constructor(options: GatewayMonitorOptions) {
    this.#options = options;
  }

  /** The gateway's client, once there is one. */
  get mapper(): PortMapper | undefined {
    return this.#connection?.mapper;
  }

  /** Until when nothing may be sent after a loss of state. */
  get quietUntilMs(): number {
    return this.#quietUntilMs;
  }

  /** When to look for the gateway again. */
  get checkAtMs(): number {
    return this.#checkAtMs;
  }

  /** Whether the gateway has ever answered. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** Whether the gateway as a whole is known not to answer, or not as it should. */
  get isInTrouble(): boolean {
    return this.#troubleCause !== undefined;
  }

  /** When the pending request can be interrupted; `Infinity` when there is none. */
  get interruptibleAtMs(): number {
    return this.#pending === undefined ? Infinity : this.#pending.startedAtMs + MIN_STEP_MS;
  }

  /** Makes the next look for the gateway due. */
  checkSoon(): void {
    this.#checkAtMs = this.#options.clock.now();
  }

  /**
   * Looks whether the gateway is still the same.
   *
   * @param maxAgeMs How long ago the last look may be for this one to be spared.
   */
  async check(maxAgeMs = 0): Promise<void> {
    const { clock } = this.#options;
    if (this.#missingCause === undefined && clock.now() - this.#checkedAtMs < maxAgeMs) return;
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
    const { clock, connect, onConnect, report } = this.#options;
    try {
      const connection = await connect();
      if (this.#isClosed) return;
      this.#checkedAtMs = clock.now();
      this.#checkAtMs = this.#checkedAtMs + CHECK_MS;
      this.#checkFailures = 0;
      const wasMissing = this.#missingCause !== undefined;
      this.#missingCause = undefined;
      if (connection.mapper !== this.mapper) return this.#adopt(connection);
      if (!wasMissing) return;
      if (this.#hasAnswered) this.#troubleCause ??= "missing";
      onConnect(connection, false);
    } catch (error) {
      if (this.#isClosed) return;
      this.#checkAtMs = clock.now() +
        Math.min(CHECK_MS, MIN_STEP_MS * 2 ** Math.min(10, this.#checkFailures++));
      if (this.#missingCause === causeOf(error)) return;
      this.#missingCause = causeOf(error);
      report({ type: "error", error });
    }
  }

  #adopt(connection: Connection): void {
    const { report, onConnect } = this.#options;
    const previous = this.#connection?.mapper;
    this.#unsubscribe();
    this.#connection = connection;
    this.#losses = [];
    this.#unsubscribe = connection.mapper.onStateLost(() => {
      this.note();
      if (this.#forgetMappings()) report({ type: "state-lost" });
    });
    this.#hasAnswered = false;
    this.#isEpochReported = false;
    this.#silentTries = 0;
    this.#troubleCause = undefined;
    this.#quietUntilMs = -Infinity;
    this.interrupt(0);
    if (previous !== undefined) {
      const isAnother = previous.gateway !== connection.mapper.gateway;
      report({ type: "gateway-changed", ...(isAnother ? { previousGateway: previous.gateway } : {}) });
    }
    onConnect(connection, previous !== undefined);
  }

  /** Takes another external address for a reason to ask for everything again: that gateway may have none of it. */
  noteOtherAddress(): void {
    this.#forgetMappings();
  }

  /** Returns whether that is acted on. */
  #forgetMappings(): boolean {
    const { clock, random, onNews } = this.#options;
    const nowMs = clock.now();
    this.#losses = this.#losses.filter((atMs) => nowMs - atMs < LOSS_WINDOW_MS);
    if (this.#losses.length >= MAX_LOSSES) return false;
    this.#losses.push(nowMs);
    this.#quietUntilMs = nowMs + random() * MAX_RECREATION_DELAY_MS;
    onNews("state-lost");
    return true;
  }

  /**
   * Talks to the gateway.
   *
   * @param talk Makes requests with the signal that it is given, one after the other.
   */
  async talk<T>(talk: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const pending = { controller: new AbortController(), startedAtMs: this.#options.clock.now() };
    this.#pending = pending;
    if (this.#isClosed) pending.controller.abort(new Interrupted());
    try {
      return await talk(pending.controller.signal);
    } finally {
      if (this.#pending === pending) this.#pending = undefined;
    }
  }

  /**
   * Interrupts the pending request, so that what has become more urgent gets its turn.
   *
   * @param minAgeMs For how long it must have been waiting for an answer.
   */
  interrupt(minAgeMs = MIN_STEP_MS): void {
    const pending = this.#pending;
    if (pending === undefined || this.#options.clock.now() - pending.startedAtMs < minAgeMs) return;
    pending.controller.abort(new Interrupted("Something more urgent came up"));
  }

  /**
   * Notes how a request ended, and reports what that shows about the gateway as a whole.
   *
   * @param error Its error; `undefined` when it succeeded.
   */
  note(error?: unknown): void {
    const { report, onNews } = this.#options;
    if (error instanceof Interrupted) return;
    if (error === undefined || isPerMapping(error)) {
      const isBack = this.#troubleCause !== undefined && this.#hasAnswered;
      this.#troubleCause = undefined;
      this.#silentTries = 0;
      this.#hasAnswered = true;
      this.#reportEpoch();
      if (!isBack) return;
      report({ type: "gateway-back" });
      return onNews("back");
    }
    const isSilence = error instanceof NoAnswerError;
    if (isSilence) this.#silentTries++;
    // The missing route to the gateway was reported already.
    if (this.#missingCause !== undefined) return;
    if (isSilence && this.#hasAnswered && this.#silentTries < SILENT_GATEWAY_TRIES) return;
    if (this.#troubleCause === causeOf(error)) return;
    this.#troubleCause = causeOf(error);
    report({ type: isSilence && this.#hasAnswered ? "gateway-silent" : "error", error });
  }

  #reportEpoch(): void {
    const mapper = this.mapper;
    if (!mapper?.ignoresEpoch || this.#isEpochReported) return;
    this.#isEpochReported = true;
    this.#options.report({ type: "error", error: new EpochIgnoredError(mapper.gateway) });
  }

  /** Ends the watch: what is under way is interrupted, and nothing is reported any more. */
  close(): void {
    this.#isClosed = true;
    this.#unsubscribe();
    this.#checking?.resolve();
    this.interrupt(0);
  }
}
