/**
 * The rounds of a keeper without the keeper, beside a client that answers as a test says.
 *
 * @module
 */

import type { MappingWish } from "../../lib/lease/acquire.ts";
import { KeptWish } from "../../lib/lease/kept_wish.ts";
import { type Connection, Link } from "../../lib/lease/link.ts";
import { Rounds, type RoundsOptions } from "../../lib/lease/rounds.ts";
import { Watch } from "../../lib/lease/watch.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";
import { FakeMapper } from "./fake_mapper.ts";

export interface RoundsBenchOptions extends Partial<Pick<RoundsOptions, "tryTimeoutMs">> {
  readonly polls?: boolean;
  readonly wishes?: readonly MappingWish[];
  /** Whether a watch runs beside the rounds. */
  readonly watches?: boolean;
  /** What the first look for a gateway finds. */
  readonly found?: Promise<Connection>;
}

/** The first type is the event's, then the mapping that it is about, as in `mapped tcp 80`. */
type Told = Parameters<RoundsOptions["tell"]>[0] | { readonly type: "error"; readonly error: unknown };

export class RoundsBench implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly mapper = new FakeMapper(this.clock);
  /** What a look for the gateway finds. */
  found: Connection | Error | Promise<Connection>;
  readonly told: Told[] = [];
  questions = 0;
  random = 0;
  readonly wishes: readonly KeptWish[];
  readonly link: Link;
  readonly rounds: Rounds;
  readonly watch: Watch;
  readonly #ending = new AbortController();
  readonly #running: Promise<unknown>;

  constructor(options: RoundsBenchOptions = {}) {
    const { wishes = [], watches = false, polls = false, found = { mapper: this.mapper }, ...limits } =
      options;
    this.found = found;
    const { clock } = this;
    const tell = (event: Told) => void this.told.push(event);
    this.wishes = wishes.map((wish) => new KeptWish(wish));
    this.link = new Link({
      clock,
      random: () => this.random,
      connect: async () => {
        if (this.found instanceof Error) throw this.found;
        return await this.found;
      },
      tell,
      onConnect: (isAnother) => {
        if (isAnother) { for (const wish of this.wishes) wish.forget(); }
        this.rounds.start(isAnother);
      },
      onNews: () => {
        for (const wish of this.wishes) wish.hurry();
      },
    });
    const shared = { clock, wishes: this.wishes, link: this.link, signal: this.#ending.signal, tell };
    this.rounds = new Rounds({
      ...shared,
      ...limits,
      polls: () => polls,
      onQuestion: () => this.questions++,
    });
    this.watch = new Watch({ ...shared, rounds: this.rounds });
    this.#running = Promise.all([this.rounds.run(), watches ? this.watch.run() : this.link.check()]);
  }

  /** Resolves when the rounds have ended, and rejects with what they end with. */
  get running(): Promise<unknown> {
    return this.#running;
  }

  async run(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  /** What was told since the last time, in short. */
  news(): string[] {
    return this.told.splice(0).map((event) => {
      const key = "lease" in event ? event.lease : "mapping" in event ? event.mapping : undefined;
      return key === undefined ? event.type : `${event.type} ${key.protocol} ${key.internalPort}`;
    });
  }

  /** What the gateway was asked since the last time. */
  asked(): string[] {
    this.mapper.callTimesMs.splice(0);
    return this.mapper.calls.splice(0);
  }

  end(): void {
    this.#ending.abort();
    this.link.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
    await this.clock.runUntil(this.#running);
  }
}
