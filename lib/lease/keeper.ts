/**
 * Keeps leases alive for as long as it is kept alive itself, and tells what changes. Knows no protocol.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { Lease, MappingKey } from "../port_mapper.ts";
import type { MappingWish } from "./acquire.ts";
import { EventQueue } from "./event_queue.ts";
import type { GatewayEvent, KeeperEvent, MappingEvent } from "./keeper_event.ts";
import { KeptWish, type KnownBefore } from "./kept_wish.ts";
import { type Connection, Link } from "./link.ts";
import { mergeEvents, subjectOf } from "./merge_events.ts";
import { releaseAll } from "./release_all.ts";
import { Rounds } from "./rounds.ts";
import { MAX_QUESTION_DELAY_MS, MIN_STEP_MS, QUESTION_INTERVAL_MS, STOP_MS } from "./schedule.ts";
import { Watch } from "./watch.ts";

export type { Connection } from "./link.ts";

/** So many events wait for a listener one by one; one that is behind by more hears of each mapping's present state. */
const MAX_WAITING_EVENTS = 1000;

/** Options of {@linkcode Keeper}. */
export interface KeeperOptions {
  /** What to keep; without any, the external address and the gateway's state are only observed. */
  readonly wishes: readonly MappingWish[];
  /**
   * Finds the gateway. Asked at the start, before each round and every 30 s; returns the very same mapper while nothing
   * has moved, and throws while there is no gateway.
   */
  readonly connect: () => Promise<Connection>;
  /** Measures and waits. */
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** How long one try lasts at most; 60 s. */
  readonly tryTimeoutMs?: number;
  /**
   * Whether somebody listens to the gateway's announcements and calls {@linkcode Keeper.hint}, which may change. Otherwise
   * an address request at least every 5 minutes takes their place, which is the default.
   */
  readonly hearsAnnouncements?: boolean | (() => boolean);
  /** Whether the mappings stay when the keeper stops. */
  readonly leavesMappings?: boolean;
  /**
   * What an earlier process held, as far as it still lives: such a mapping is not given back when its wish fails, and
   * where the gateway is to choose, its port is asked for again.
   */
  readonly known?: KnownBefore;
  /** Called once when the keeper stops, for whatever reason, so that what feeds it can be closed. */
  readonly onStop?: () => void;
}

/** What is held for one mapping. */
export interface Holding {
  /** The wish that the mapping belongs to. */
  readonly wish: MappingWish;
  /** The mapping. */
  readonly mapping: MappingKey;
  /** The lease, while one lives. */
  readonly lease?: Lease;
  /** Whether the gateway may have lost it, so that it is about to be asked for again; absent when it has not. */
  readonly mayBeLost?: boolean;
  /** When the gateway is asked next, in milliseconds of the clock; what is in the past is due. */
  readonly nextTryAtMs: number;
}

type Told = MappingEvent | GatewayEvent | {
  readonly type: "error";
  readonly error: unknown;
  readonly mappings?: readonly MappingKey[];
};

/**
 * A keeper of leases. It starts at once and does not give up: whatever the gateway does is an event, and asking goes
 * on. The iteration has one consumer, gets every event in order, and ends after {@linkcode Keeper.stop}; leaving it
 * early stops the keeper. It throws only what no gateway causes, such as a `RangeError` for an impossible wish. For a
 * consumer that is more than 1000 events behind, what is new about a mapping replaces what was new about it before, with
 * the port and address before that.
 */
export class Keeper implements AsyncIterable<KeeperEvent>, AsyncDisposable {
  readonly #options: KeeperOptions;
  readonly #wishes: readonly KeptWish[];
  readonly #events = new EventQueue<KeeperEvent>({
    limit: MAX_WAITING_EVENTS,
    subjectOf,
    merge: (older, newer) => mergeEvents(older, newer) as KeeperEvent,
  });
  readonly #link: Link;
  readonly #rounds: Rounds;
  readonly #watch: Watch;
  readonly #running: Promise<unknown>;
  readonly #ending = new AbortController();
  #askedAtMs = -Infinity;
  #stopping: Promise<void> | undefined;

  /**
   * Starts to keep.
   *
   * @param options What to keep, and with what.
   */
  constructor(options: KeeperOptions) {
    const { wishes, clock, random, connect, hearsAnnouncements = false } = options;
    const isHearing = typeof hearsAnnouncements === "function"
      ? hearsAnnouncements
      : () => hearsAnnouncements;
    const { signal } = this.#ending;
    this.#options = options;
    this.#wishes = wishes.map((wish) => new KeptWish(wish, options.known));
    const tell = (event: Told) => this.#tell(event);
    this.#link = new Link({
      clock,
      random,
      connect,
      tell,
      onConnect: (isAnother) => {
        if (isAnother) { for (const wish of this.#wishes) wish.forget(); }
        this.#rounds.start(isAnother);
      },
      onNews: (news) => {
        for (const wish of this.#wishes) wish.hurry();
        if (news === "back") this.#rounds.askAddress();
      },
    });
    const shared = { clock, signal, tell, wishes: this.#wishes, link: this.#link };
    this.#rounds = new Rounds({
      ...shared,
      ...(options.tryTimeoutMs === undefined ? {} : { tryTimeoutMs: options.tryTimeoutMs }),
      polls: () => wishes.length === 0 || !isHearing(),
      onQuestion: () => this.#askedAtMs = clock.now(),
    });
    this.#watch = new Watch({ ...shared, rounds: this.#rounds });
    const running = Promise.all([this.#rounds.run(), this.#watch.run()]);
    this.#running = running.catch((error) => void this.#stop(error));
  }

  /** What is held now: one entry for each mapping, in the order of the wishes. */
  get holdings(): readonly Holding[] {
    return this.#wishes.flatMap((kept) =>
      kept.mappings.map((mapping) => {
        const lease = kept.lease(mapping.protocol);
        const { state, quietUntilMs } = this.#link;
        return {
          wish: kept.wish,
          mapping,
          ...(lease === undefined ? {} : { lease }),
          ...(lease === undefined || kept.isCurrent(mapping.protocol, state) ? {} : { mayBeLost: true }),
          nextTryAtMs: Math.max(kept.dueAtMs(state), quietUntilMs),
        };
      })
    );
  }

  /** The external address, once it is known. */
  get externalAddress(): string | undefined {
    return this.#rounds.externalAddress;
  }

  /**
   * Asks the gateway whether all is well, since something that can be forged says that it may not be: after a random
   * time of up to a second, at most once a second, and once more after the last hint.
   */
  hint(): void {
    const { clock, random } = this.#options;
    if (this.#ending.signal.aborted || this.#link.mapper === undefined) return;
    if (this.#rounds.questionAtMs !== Infinity) return;
    const delayMs = random() * MAX_QUESTION_DELAY_MS;
    const questionAtMs = Math.max(clock.now() + delayMs, this.#askedAtMs + QUESTION_INTERVAL_MS);
    this.#tell({ type: "announcement" });
    this.#rounds.question(questionAtMs);
    this.#watch.wake();
  }

  /** Renews everything at once. */
  renewNow(): void {
    for (const wish of this.#wishes) wish.age(0, this.#options.clock.now());
    this.#link.interrupt(MIN_STEP_MS);
    this.#rounds.askAddress();
  }

  /**
   * Stops: deletes what is held unless that is to stay, within 3 s in all, and ends the iteration. Mappings of internal
   * port 0 are left to expire, since deleting that port means deleting everything.
   */
  stop(): Promise<void> {
    return this.#stop();
  }

  /** Stops. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /**
   * Everything that the keeper tells.
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

  #stop(error?: unknown): Promise<void> {
    return this.#stopping ??= this.#shutDown(error);
  }

  async #shutDown(error: unknown): Promise<void> {
    const { clock, leavesMappings } = this.#options;
    const deadlineMs = clock.now() + STOP_MS;
    this.#ending.abort();
    this.#link.close();
    this.#options.onStop?.();
    if (error === undefined) await this.#running;
    const { mapper } = this.#link;
    if (!leavesMappings && mapper !== undefined) {
      await releaseAll(this.#wishes, { mapper, clock, deadlineMs, tell: (event) => this.#tell(event) });
    }
    if (error === undefined) this.#events.close();
    else this.#events.fail(error);
  }

  #tell(event: Told): void {
    const gateway = this.#link.mapper?.gateway;
    const time = this.#options.clock.wallNow();
    if (event.type === "error") {
      const { error, mappings = [] } = event;
      this.#events.push({
        type: "error",
        error,
        mappings,
        time,
        ...(gateway === undefined ? {} : { gateway }),
      });
    } else {
      this.#events.push({ ...event, gateway: gateway ?? "", time });
    }
  }
}
