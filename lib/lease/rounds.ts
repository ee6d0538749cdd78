/**
 * The rounds of a keeper: whatever is due is asked for, one request at a time, then the address, then it is told.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { NoAnswerError, RefusedError } from "../errors.ts";
import type { MappingKey, TransportProtocol } from "../port_mapper.ts";
import type { AcquireOutcome } from "./acquire.ts";
import { attempt } from "./attempt.ts";
import { AddressWatch } from "./address_watch.ts";
import { concernsOneMapping, isGatewaysFault } from "./cause.ts";
import type { GatewayEvent, MappingEvent } from "./keeper_event.ts";
import type { KeptWish } from "./kept_wish.ts";
import { Interrupted, type Link } from "./link.ts";
import { takeNewErrors } from "./new_errors.ts";
import {
  ADDRESS_GRACE_MS,
  MAX_ROUND_MS,
  MAX_STEP_MS,
  MIN_STEP_MS,
  retryAtMs,
  ROUND_SHARE,
  SHORT_TRY_MS,
  tryEndMs,
  tryMs,
} from "./schedule.ts";
import { Snooze } from "./snooze.ts";

/** Options of {@linkcode Rounds}. */
export interface RoundsOptions {
  /** What is kept. */
  readonly wishes: readonly KeptWish[];
  /** The link to the gateway. */
  readonly link: Link;
  /** Measures and waits. */
  readonly clock: Clock;
  /** How long one try lasts at most. */
  readonly tryTimeoutMs?: number;
  /** Whether the address is asked for although nothing is due. */
  readonly polls: () => boolean;
  /** Ends the rounds. */
  readonly signal: AbortSignal;
  /** Takes the news. */
  readonly tell: (
    event: MappingEvent | GatewayEvent | {
      readonly type: "error";
      readonly error: unknown;
      readonly mappings: readonly MappingKey[];
    },
  ) => void;
  /** Called when the question is asked that an announcement led to. */
  readonly onQuestion: () => void;
}

/** A try that nobody answered is one of bad luck; the second in a row is told. */
const TOLD_FAILURES = 2;

/** The rounds of a keeper. */
export class Rounds {
  readonly #options: RoundsOptions;
  readonly #maxTryMs: number;
  readonly #snooze: Snooze;
  readonly #address: AddressWatch;
  #wasRenewal = false;
  #addressAskedAtMs = -Infinity;
  /** The gateway's state when the address was asked for last: one that forgot may have another address too. */
  #addressAskedIn: number | undefined;

  /**
   * Prepares the rounds.
   *
   * @param options What is kept, and with what.
   */
  constructor(options: RoundsOptions) {
    this.#options = options;
    this.#maxTryMs = options.tryTimeoutMs ?? MAX_STEP_MS;
    this.#snooze = new Snooze(options.clock, options.signal);
    this.#address = new AddressWatch(options);
  }

  /** The external address, once it is known. */
  get externalAddress(): string | undefined {
    return this.#address.address;
  }

  /** When the question is due that an announcement led to. */
  get questionAtMs(): number {
    return this.#address.questionAtMs;
  }

  /**
   * Notes that there is a gateway.
   *
   * @param isAnother Whether it is another one than before, whose address is not known yet.
   */
  start(isAnother: boolean): void {
    if (isAnother) this.#address.forget();
    this.askAddress();
  }

  /** Makes the address due at once. */
  askAddress(): void {
    this.#address.hurry();
    this.#snooze.wake();
  }

  /**
   * Makes the address due later, whatever else is.
   *
   * @param atMs When.
   */
  question(atMs: number): void {
    this.#address.questionAtMs = atMs;
    this.#snooze.wake();
  }

  /** Looks again at what is due. */
  wake(): void {
    this.#snooze.wake();
  }

  /** Goes on until the signal ends it. */
  async run(): Promise<void> {
    const { clock, link, signal } = this.#options;
    while (!signal.aborted) {
      const nowMs = clock.now();
      const dueAtMs = link.mapper === undefined
        ? Infinity
        : Math.max(link.quietUntilMs, this.#nextAtMs(nowMs));
      if (dueAtMs > nowMs) await this.#snooze.until(dueAtMs);
      else await this.#round();
    }
  }

  #nextAtMs(nowMs: number): number {
    const { wishes, link } = this.#options;
    let nextAtMs = this.questionAtMs;
    for (const wish of wishes) nextAtMs = Math.min(nextAtMs, wish.dueAtMs(link.state));
    return this.#wantsAddress(nowMs) ? -Infinity : Math.min(nextAtMs, this.#address.nextAtMs);
  }

  /** While the gateway is silent, the requests for what is due ask it well enough. */
  #wantsAddress(nowMs: number): boolean {
    const { wishes, link } = this.#options;
    if (this.questionAtMs <= nowMs) return true;
    if (this.#address.nextAtMs > nowMs) return false;
    return !link.isInTrouble || wishes.every((wish) => wish.dueAtMs(link.state) > nowMs);
  }

  /** Whether the round has to end before anything else is sent. */
  #isOver(): boolean {
    const { clock, link, signal } = this.#options;
    return signal.aborted || link.mapper === undefined || link.quietUntilMs > clock.now();
  }

  async #round(): Promise<void> {
    const { clock, link } = this.#options;
    await link.check(MIN_STEP_MS);
    const startedAtMs = clock.now();
    let isLate = false;
    let hasGrants = false;
    let hasBegun = false;
    if (!this.#isOver() && this.questionAtMs <= clock.now()) await this.#askAddress();
    while (!isLate && !this.#isOver()) {
      const wish = this.#next(hasBegun);
      if (wish === undefined) break;
      hasBegun = true;
      const ending = await this.#attend(wish);
      if (ending === "granted") hasGrants = true;
      isLate = ending === "unanswered" || clock.now() - startedAtMs > this.#maxRoundMs() ||
        this.questionAtMs <= clock.now();
    }
    const isAddressOld = !this.#address.isMute &&
      (clock.now() - this.#addressAskedAtMs >= MAX_ROUND_MS || link.state !== this.#addressAskedIn);
    if (!this.#isOver() && ((hasGrants && isAddressOld) || this.#wantsAddress(clock.now()))) {
      await this.#askAddressForNews();
    }
    this.#tellNews();
  }

  /** What was granted is told with the address that is known after a while, as the answer may never come. */
  async #askAddressForNews(): Promise<void> {
    const answered = new AbortController();
    const late = this.#options.clock.sleep(ADDRESS_GRACE_MS, { signal: answered.signal })
      .then(() => this.#tellNews(), () => {});
    await this.#askAddress().finally(() => answered.abort());
    await late;
  }

  /**
   * Who is due: what has to be renewed and what is not held yet take turns, so that neither starves the other. Among
   * each, who failed longest ago, then who has least time left. Once a round has begun others may join.
   */
  #next(hasBegun: boolean): KeptWish | undefined {
    const { clock, wishes, link: { state } } = this.#options;
    const nowMs = clock.now();
    let held: KeptWish | undefined;
    let missing: KeptWish | undefined;
    for (const wish of wishes) {
      if ((hasBegun ? wish.joinsAtMs(state) : wish.dueAtMs(state)) > nowMs) continue;
      if (!wish.isHeld) missing = moreUrgent(wish, missing);
      else held = moreUrgent(wish, held);
    }
    const next = this.#wasRenewal ? missing ?? held : held ?? missing;
    this.#wasRenewal = next !== undefined && next === held;
    return next;
  }

  /** News may not be older than a fraction of the shortest life. */
  #maxRoundMs(): number {
    let maxMs = MAX_ROUND_MS;
    for (const { lifeMs } of this.#options.wishes) maxMs = Math.min(maxMs, lifeMs * ROUND_SHARE);
    return maxMs;
  }

  async #attend(kept: KeptWish): Promise<"granted" | "unanswered" | "failed"> {
    const { clock, link } = this.#options;
    const mapper = link.mapper!;
    const startedAtMs = clock.now();
    // A new pair is two requests.
    const timeoutMs = this.#tryMs(!link.hasAnswered && kept.failures === 0) / kept.wish.protocols.length;
    const { outcomes, leftovers, states } = await link.talk((signal) =>
      attempt(kept, {
        mapper,
        state: () => link.state,
        nowMs: startedAtMs,
        limits: { timeoutMs, signal },
        renewalLimits: () => this.#isOver() ? undefined : { timeoutMs: this.#tryMs(), signal },
      })
    );
    // What another gateway granted counts no more.
    if (mapper !== link.mapper) return "failed";
    kept.grant(outcomes, (protocol) => states.get(protocol) ?? -1);
    for (const mapping of leftovers) kept.suspect(mapping);
    if (states.size > 0) link.note();
    const failed = outcomes.find((outcome) => "error" in outcome);
    if (failed === undefined) {
      if (outcomes.length > 0) kept.succeed();
      return outcomes.length > 0 ? "granted" : "failed";
    }
    return this.#fail(kept, failed, { startedAtMs, states });
  }

  #fail(
    kept: KeptWish,
    { mapping, error }: Extract<AcquireOutcome, { error: unknown }>,
    { startedAtMs, states }: { startedAtMs: number; states: ReadonlyMap<TransportProtocol, number> },
  ): "granted" | "unanswered" | "failed" {
    const { clock, link } = this.#options;
    const wasSilent = error instanceof NoAnswerError;
    const lease = kept.lease(mapping.protocol);
    if ((wasSilent || error instanceof Interrupted) && lease === undefined) kept.suspect(mapping);
    if (error instanceof Interrupted) return "unanswered";
    if (!isGatewaysFault(error)) throw error;
    link.note(error);
    kept.failures++;
    kept.failedAtMs = clock.now();
    kept.isDoubtful = false;
    const nowMs = clock.now();
    const retry = retryAtMs({
      failures: kept.failures,
      wasSilent,
      wasRefused: error instanceof RefusedError,
      startedAtMs,
      nowMs,
      expiresAtMs: lease === undefined ? undefined : kept.expiresAtMs,
    });
    // The other half of a pair is not to wait longer than its own renewal.
    const others = kept.leases.map(({ renewAtMs }) => renewAtMs).filter((renewAtMs) => renewAtMs > nowMs);
    kept.retryAtMs = Math.min(retry, ...others);
    const isTold = concernsOneMapping(error) || (wasSilent && kept.failures >= TOLD_FAILURES);
    if (isTold) kept.untoldError = error;
    // Whether the gateway is silent or only this request is, another question tells.
    if (wasSilent && !link.isInTrouble) this.#address.dueAtMs = Math.min(this.#address.dueAtMs, clock.now());
    if (wasSilent) return "unanswered";
    return states.size > 0 ? "granted" : "failed";
  }

  /** As long as no lease is starved by it; short while it is not known whether there is anybody to answer. */
  #tryMs(isShort = false): number {
    const { clock, wishes, link: { state } } = this.#options;
    const nowMs = clock.now();
    let endMs = Infinity;
    for (const wish of wishes) {
      if (wish.isHeld) endMs = Math.min(endMs, tryEndMs(wish.dueAtMs(state), wish.expiresAtMs, nowMs));
    }
    return tryMs(endMs, nowMs, isShort ? Math.min(SHORT_TRY_MS, this.#maxTryMs) : this.#maxTryMs);
  }

  async #askAddress(): Promise<void> {
    const { clock, wishes, link } = this.#options;
    this.#addressAskedAtMs = clock.now();
    this.#addressAskedIn = link.state;
    const hasItAgain = await this.#address.ask(this.#tryMs(!link.isInTrouble));
    // A gateway that has an address again may grant what it refused.
    if (hasItAgain) { for (const wish of wishes) if (!wish.isHeld) wish.hurry(); }
  }

  #tellNews(): void {
    const { clock, wishes, link, signal, tell } = this.#options;
    if (signal.aborted) return;
    for (const event of this.#address.news()) tell(event);
    for (const wish of wishes) {
      for (const event of [...wish.expire(clock.now()), ...wish.news(this.#address.address, link.state)]) {
        tell(event);
      }
    }
    for (const error of takeNewErrors(wishes, link.isInTrouble)) tell(error);
  }
}

function moreUrgent(a: KeptWish, b: KeptWish | undefined): KeptWish {
  if (b === undefined || a.failedAtMs < b.failedAtMs) return a;
  return a.failedAtMs === b.failedAtMs && a.expiresAtMs < b.expiresAtMs ? a : b;
}
