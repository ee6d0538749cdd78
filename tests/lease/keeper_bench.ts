/**
 * A keeper beside a client that answers as a test wants.
 *
 * @module
 */

import type { Connection } from "../../lib/lease/gateway_monitor.ts";
import { Keeper, type KeeperOptions } from "../../lib/lease/keeper.ts";
import { Ledger, type LedgerEntry, type WantedMapping } from "../../lib/lease/ledger.ts";
import type { KeeperEvent } from "../../lib/lease/news.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";
import { FakeMapper } from "./fake_mapper.ts";

export const WEB = { protocols: ["tcp"], internalPort: 80, externalPort: 8080 } as const;
export const SSH = { protocols: ["tcp"], internalPort: 22, externalPort: 2222 } as const;
export const PAIR = { protocols: ["tcp", "udp"], internalPort: 53, externalPort: 5353 } as const;

export interface KeeperBenchOptions extends Partial<Omit<KeeperOptions, "connect" | "clock">> {
  readonly clock?: ManualClock;
  /** What the first look for a gateway finds. */
  readonly found?: Connection | Error | Promise<Connection>;
  /** What earlier processes left about mappings there. */
  readonly known?: Iterable<LedgerEntry>;
  /** Changes the client before the keeper begins. */
  readonly prepare?: (mapper: FakeMapper) => void;
}

/** A keeper that hears announcements, and everything that it reports. */
export class KeeperBench implements AsyncDisposable {
  readonly clock: ManualClock;
  readonly mapper: FakeMapper;
  /** What a look for the gateway finds. */
  found: Connection | Error | Promise<Connection>;
  readonly events: KeeperEvent[] = [];
  random = 0;
  readonly keeper: Keeper;
  /** Resolves when the iteration has ended, and rejects with what it ends with. */
  readonly ended: Promise<void>;

  constructor(given: KeeperBenchOptions = {}) {
    const { clock = new ManualClock(), found, known, prepare, ...options } = given;
    this.clock = clock;
    this.mapper = new FakeMapper(clock);
    this.found = found ?? { mapper: this.mapper, ledger: new Ledger(known) };
    prepare?.(this.mapper);
    this.keeper = new Keeper({
      wanted: [],
      clock,
      random: () => this.random,
      connect: async () => {
        if (this.found instanceof Error) throw this.found;
        return await this.found;
      },
      hearsAnnouncements: true,
      leavesMappings: true,
      ...options,
    });
    this.ended = this.#read();
  }

  async #read(): Promise<void> {
    for await (const event of this.keeper) this.events.push(event);
  }

  run(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  /** What was reported since the last time, in short, as in `mapped tcp 80` and `error`. */
  news(): string[] {
    return this.events.splice(0).map((event) => {
      const key = "lease" in event ? event.lease : "mapping" in event ? event.mapping : undefined;
      return key === undefined ? event.type : `${event.type} ${key.protocol} ${key.internalPort}`;
    });
  }

  /** What the gateway was asked since the last time. */
  asked(): string[] {
    this.mapper.callTimesMs.splice(0);
    this.mapper.limits.splice(0);
    return this.mapper.calls.splice(0);
  }

  /** The external port that is held for a mapping. */
  portOf(protocol: "tcp" | "udp", internalPort: number): number | undefined {
    return this.keeper.holdings.find(({ mapping }) =>
      mapping.protocol === protocol && mapping.internalPort === internalPort
    )?.lease?.externalPort;
  }

  async stop(): Promise<void> {
    await this.clock.runUntil(this.keeper.stop());
    await this.clock.runUntil(this.ended);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** A bench whose first round is over, and what it asked and reported forgotten. */
export async function keeping(
  wanted: readonly WantedMapping[],
  options: KeeperBenchOptions = {},
): Promise<KeeperBench> {
  const bench = new KeeperBench({ wanted, ...options });
  await bench.run(0);
  bench.asked();
  bench.news();
  return bench;
}
