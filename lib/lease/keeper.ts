/**
 * Keeps mappings for as long as it is kept alive itself, and reports what changes. Knows no protocol.
 *
 * It is a loop: look at the plan, sleep or carry the next step out, record what came of it, report the news. Beside it
 * a second loop looks out for what cannot wait for a request to end: time that jumped, a gateway that moved, leases that
 * end.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { MappingKey, PortMapper } from "../port_mapper.ts";
import { AddressPoller } from "./address_poller.ts";
import { Asker } from "./asker.ts";
import { EventQueue } from "./event_queue.ts";
import { type Connection, GatewayMonitor } from "./gateway_monitor.ts";
import { type Holding, holdingsOf } from "./holdings.ts";
import {
  Ledger,
  type LedgerEntry,
  mappingsOf,
  type Now,
  reachedElsewhere,
  resetBackoff,
  type WantedMapping,
} from "./ledger.ts";
import { Lookout } from "./lookout.ts";
import { mergeEvents, subjectOf } from "./merge_events.ts";
import {
  type ErrorEvent,
  type GatewayEvent,
  type KeeperEvent,
  type MappingEvent,
  takeErrors,
  takeExpired,
  takeNews,
} from "./news.ts";
import {
  isAnyHeld,
  isRoundLate,
  nextRoundInMs,
  nextStep,
  type Round,
  type Situation,
  tryLengthMs,
} from "./plan.ts";
import { release } from "./release.ts";
import { type StoredTime, storedTimeOf } from "./stored_time.ts";
import {
  ADDRESS_GRACE_MS,
  MAX_QUESTION_DELAY_MS,
  MAX_STEP_MS,
  MAX_WAITING_EVENTS,
  MIN_STEP_MS,
  STOP_MS,
} from "./timing.ts";
import { WakeableSleep } from "./wakeable_sleep.ts";

export type { Connection } from "./gateway_monitor.ts";

/** Options of {@linkcode Keeper}. */
export interface KeeperOptions {
  /** The mappings to keep; without any, the keeper only observes the external address and the gateway's state. */
  readonly wanted: readonly WantedMapping[];
  /**
   * Finds the gateway. Asked at the start, before each round and every 30 s; returns the very same mapper while nothing
   * has moved, and throws while it finds none.
   */
  readonly connect: () => Promise<Connection>;
  /** Measures and waits. */
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** The time as later processes can understand it; by default as well as the clock knows it. */
  readonly storedNow?: (() => StoredTime) | undefined;
  /** How long one try lasts at most; 60 s. */
  readonly tryTimeoutMs?: number | undefined;
  /**
   * Whether somebody listens to the gateway's announcements and calls {@linkcode Keeper.hint}, which may change. Otherwise
   * an address request at least every 5 minutes takes their place, which is the default.
   */
  readonly hearsAnnouncements?: boolean | (() => boolean) | undefined;
  /** Whether the mappings stay when the keeper stops. */
  readonly leavesMappings?: boolean | undefined;
  /** Called once when the keeper stops, for whatever reason, so that what feeds it can be closed. */
  readonly onStop?: (() => void) | undefined;
}

type Report = MappingEvent | GatewayEvent | ErrorEvent | { readonly type: "error"; readonly error: unknown };

/**
 * A keeper of mappings. It starts at once and does not give up: whatever the gateway does is an event, and the keeper
 * goes on asking. `keepMapped()` makes one that finds the gateway and listens to it.
 *
 * The iteration has one consumer, gets every event in order, and ends after {@linkcode Keeper.stop}; leaving it early
 * stops the keeper. It throws only errors that no gateway causes, such as a `RangeError` for an impossible mapping. When
 * the consumer is more than 1000 events behind, a newer event of a mapping replaces an older one, and has the port and
 * address from before both.
 */
export class Keeper implements AsyncIterable<KeeperEvent>, AsyncDisposable {
  readonly #options: KeeperOptions;
  readonly #storedNow: () => StoredTime;
  readonly #events = new EventQueue<KeeperEvent>({
    limit: MAX_WAITING_EVENTS,
    subjectOf,
    merge: mergeEvents,
  });
  readonly #monitor: GatewayMonitor;
  readonly #address: AddressPoller;
  readonly #asker: Asker;
  readonly #lookout: Lookout;
  readonly #ending = new AbortController();
  readonly #sleep: WakeableSleep;
  readonly #running: Promise<unknown>;
  #ledger = new Ledger();
  /** Whose ledger it is. */
  #mapper: PortMapper | undefined;
  #wasRenewal = false;
  #stopping: Promise<void> | undefined;

  /**
   * Starts to keep.
   *
   * @param options The mappings to keep, and the means.
   */
  constructor(options: KeeperOptions) {
    const { wanted, clock, random, connect, hearsAnnouncements = false } = options;
    const { signal } = this.#ending;
    const report = (event: Report) => this.#report(event);
    const ledger = () => this.#ledger;
    const now = () => this.#now();
    const isHearing = () =>
      typeof hearsAnnouncements === "function" ? hearsAnnouncements() : hearsAnnouncements;
    this.#options = options;
    this.#storedNow = options.storedNow ?? (() => storedTimeOf(clock));
    this.#sleep = new WakeableSleep(clock, signal);
    const monitor = new GatewayMonitor({
      clock,
      random,
      connect,
      report,
      onConnect: (connection, isAnother) => this.#begin(connection, isAnother),
      onNews: (news) => this.#noteNews(news),
    });
    this.#monitor = monitor;
    this.#address = new AddressPoller({
      clock,
      monitor,
      generation: () => this.#ledger.generation,
      polls: () => wanted.length === 0 || !isHearing() || this.#monitor.mapper?.needsPolling === true,
      report,
    });
    this.#asker = new Asker({
      monitor,
      ledger,
      now,
      tryLengthMs: (isShort) => this.#tryLengthMs(isShort),
      isOver: () => this.#isOver(),
      onFailure: (one) => this.#reportExpired([one]),
    });
    this.#lookout = new Lookout({
      wanted,
      monitor,
      address: this.#address,
      ledger,
      clock,
      now,
      signal,
      onTime: () => this.#reportExpired(wanted),
      // Whether announcements are heard may have changed.
      onLook: () => this.#sleep.wake(),
      onSleep: (hasTimeJumped) => this.#noteSleep(hasTimeJumped),
    });
    this.#running = Promise.all([this.#keep(), this.#lookout.run()])
      .catch((error) => void this.#stop(error));
  }

  /** The held mappings: one entry for each mapping, in the order in which they are wanted. */
  get holdings(): readonly Holding[] {
    const { quietUntilMs } = this.#monitor;
    return holdingsOf(this.#ledger, this.#options.wanted, { now: this.#now(), quietUntilMs });
  }

  /** The known mappings at the present gateway. */
  get ledger(): Ledger {
    return this.#ledger;
  }

  /** The external address, once it is known. */
  get externalAddress(): string | undefined {
    return this.#address.address;
  }

  /**
   * Asks the gateway whether all is well, after something that can be forged, such as an announcement: after a random
   * time of up to a second, at most once a second, and once more after the last hint.
   */
  hint(): void {
    if (this.#ending.signal.aborted || this.#monitor.mapper === undefined) return;
    if (this.#address.questionAtMs !== Infinity) return;
    this.#report({ type: "announcement" });
    this.#address.planQuestion(this.#options.random() * MAX_QUESTION_DELAY_MS);
    this.#sleep.wake();
    this.#lookout.wake();
  }

  /** Renews everything at once. */
  renewNow(): void {
    this.#makeDue();
    this.#monitor.interrupt(MIN_STEP_MS);
    this.#askAddress();
  }

  /**
   * Stops: deletes what is held unless that is to stay, within 3 s in all, and ends the iteration. Mappings of internal
   * port 0 are left to expire.
   *
   * @returns A promise that resolves once the keeper has stopped.
   */
  stop(): Promise<void> {
    return this.#stop();
  }

  /**
   * Stops, as {@linkcode Keeper.stop} does.
   *
   * @returns A promise that resolves once the keeper has stopped.
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /**
   * Everything that the keeper reports.
   *
   * @returns The events, for one consumer.
   */
  [Symbol.asyncIterator](): AsyncIterator<KeeperEvent, undefined> {
    return {
      next: () => this.#events.next(),
      return: async () => {
        await this.stop();
        return { done: true, value: undefined };
      },
    };
  }

  // ---- the loop ----

  async #keep(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const waitMs = this.#monitor.mapper === undefined ? Infinity : nextRoundInMs(this.#situation());
      if (waitMs > 0) await this.#sleep.for(waitMs);
      else await this.#round();
    }
  }

  async #round(): Promise<void> {
    await this.#monitor.check(MIN_STEP_MS);
    const startedAtMs = this.#options.clock.now();
    let round: Round = { startedAtMs, hasBegun: false, hasGrants: false, isLate: false };
    while (!this.#isOver()) {
      const step = nextStep(this.#situation(), round);
      if (step.kind === "end") break;
      if (step.kind === "probe") {
        if (!step.endsRound) {
          await this.#probe();
          continue;
        }
        await this.#probeForNews();
        break;
      }
      this.#wasRenewal = step.isRenewal;
      const ending = await this.#asker.ask(step.wanted);
      // Another question shows whether the gateway is silent or only this request is.
      if (ending === "unanswered" && !this.#monitor.isInTrouble) this.#address.askNow();
      round = {
        ...round,
        hasBegun: true,
        hasGrants: round.hasGrants || ending === "granted",
        isLate: ending === "unanswered" || isRoundLate(this.#situation(), round),
      };
    }
    this.#reportNews();
  }

  /** Whether the round has to end before anything else is sent. */
  #isOver(): boolean {
    return this.#ending.signal.aborted || this.#monitor.mapper === undefined ||
      this.#monitor.quietUntilMs > this.#options.clock.now();
  }

  #now(): Now {
    return { ms: this.#options.clock.now(), stored: this.#storedNow() };
  }

  #situation(): Situation {
    return {
      ledger: this.#ledger,
      wanted: this.#options.wanted,
      now: this.#now(),
      schedule: {
        quietUntilMs: this.#monitor.quietUntilMs,
        isGatewayInTrouble: this.#monitor.isInTrouble,
        addressAtMs: this.#address.dueAtMs,
        questionAtMs: this.#address.questionAtMs,
        isAddressOld: this.#address.isOld,
        wasRenewal: this.#wasRenewal,
      },
    };
  }

  #tryLengthMs(isShort = false): number {
    return tryLengthMs(this.#situation(), isShort, this.#options.tryTimeoutMs ?? MAX_STEP_MS);
  }

  /** Grants are reported with the address that is known after a while, as the answer may never come. */
  async #probeForNews(): Promise<void> {
    const answered = new AbortController();
    const late = this.#options.clock.sleep(ADDRESS_GRACE_MS, { signal: answered.signal })
      .then(() => this.#reportNews(), () => {});
    await this.#probe().finally(() => answered.abort());
    await late;
  }

  async #probe(): Promise<void> {
    const { isBack, isAnother, isAnotherSinceLoss } = await this.#address.ask(
      this.#tryLengthMs(!this.#monitor.isInTrouble),
    );
    if (isAnother) this.#monitor.noteOtherAddress();
    if (isAnotherSinceLoss) this.#ledger.changeAll(reachedElsewhere);
    if (!isBack) return;
    // A gateway that has an address again may grant what it refused.
    for (const wanted of this.#options.wanted) {
      if (!isAnyHeld(this.#ledger, wanted, this.#now())) this.#ledger.changeTries(wanted, resetBackoff);
    }
  }

  // ---- what happens meanwhile ----

  #begin({ mapper, ledger }: Connection, isAnother: boolean): void {
    if (isAnother) this.#address.forget();
    if (mapper !== this.#mapper) {
      const before = this.#ledger;
      this.#mapper = mapper;
      this.#ledger = ledger ?? new Ledger();
      for (const mapping of mappingsOf(this.#options.wanted)) this.#adopt(mapping, before.get(mapping));
    }
    this.#askAddress();
  }

  /** Asks at once for the ports that an earlier process held, and, where any will do, for those of another gateway. */
  #adopt(mapping: MappingKey, elsewhere: LedgerEntry | undefined): void {
    const lastPort = elsewhere?.lease?.externalPort ?? elsewhere?.lastPort;
    const known = this.#ledger.get(mapping);
    if (known?.lease === undefined && lastPort === undefined) return;
    this.#ledger.change(mapping, (entry) => ({
      ...entry,
      isUnconfirmed: entry.lease !== undefined,
      isEarlier: entry.lease !== undefined,
      reported: undefined,
      lastPort,
    }));
  }

  #noteNews(news: "state-lost" | "back"): void {
    for (const wanted of this.#options.wanted) this.#ledger.changeTries(wanted, resetBackoff);
    if (news === "state-lost") this.#ledger.loseAll(this.#now());
    else this.#askAddress();
  }

  /**
   * Leases age while a machine sleeps. A wall clock that is set forward can look the same: so everything is asked for, and
   * nothing is over before that. A mapping that was over already gets no report any more.
   */
  #noteSleep(hasTimeJumped: boolean): void {
    if (hasTimeJumped) {
      this.#makeDue();
      this.#ledger.changeAll((entry) =>
        entry.lease && entry.reported && !entry.isUnconfirmed ? { ...entry, isDoubtful: true } : entry
      );
    }
    this.#askAddress();
  }

  #askAddress(): void {
    this.#address.askSoon();
    this.#sleep.wake();
  }

  /** Makes everything due now. */
  #makeDue(): void {
    this.#ledger.holdNew(-Infinity);
    for (const wanted of this.#options.wanted) {
      this.#ledger.changeTries(wanted, (tries) => ({ ...resetBackoff(tries), isDue: true }));
    }
  }

  // ---- reporting and the end ----

  #reportExpired(wanted: readonly WantedMapping[]): void {
    const events = takeExpired(this.#ledger, wanted, this.#now());
    for (const event of events) this.#report(event);
    if (events.length > 0) this.#sleep.wake();
  }

  #reportNews(): void {
    if (this.#ending.signal.aborted) return;
    const { wanted } = this.#options;
    for (const event of this.#address.takeNews()) this.#report(event);
    this.#reportExpired(wanted);
    const news = takeNews(this.#ledger, wanted, { now: this.#now(), externalAddress: this.externalAddress });
    for (const event of news) this.#report(event);
    for (const event of takeErrors(this.#ledger, wanted, this.#monitor.isInTrouble)) this.#report(event);
  }

  #report(event: Report): void {
    const gateway = this.#monitor.mapper?.gateway;
    const time = this.#options.clock.wallNow();
    if (event.type === "error") {
      this.#events.push({ mappings: [], ...event, time, ...(gateway === undefined ? {} : { gateway }) });
    } else {
      this.#events.push({ ...event, gateway: gateway ?? "", time });
    }
  }

  #stop(error?: unknown): Promise<void> {
    return this.#stopping ??= this.#shutDown(error);
  }

  async #shutDown(error: unknown): Promise<void> {
    const { clock, leavesMappings, onStop, wanted } = this.#options;
    const deadlineMs = clock.now() + STOP_MS;
    this.#ending.abort();
    this.#monitor.close();
    onStop?.();
    if (error === undefined) await this.#running;
    const { mapper } = this.#monitor;
    if (!leavesMappings && mapper !== undefined) {
      const report = (event: Report) => this.#report(event);
      await release(this.#ledger, wanted, { mapper, clock, now: () => this.#now(), deadlineMs, report });
    }
    if (error === undefined) this.#events.close();
    else this.#events.fail(error);
  }
}
