/**
 * The watches of one user on one host, without keepers.
 *
 * @module
 */

import type { Ledger } from "../../lib/lease/ledger.ts";
import type { KeeperEvent } from "../../lib/lease/news.ts";
import { type MappingKey, mappingName, type PortMapper } from "../../lib/port_mapper.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";
import { formatState } from "../../lib/state/format.ts";
import type { GatewayRecord, State } from "../../lib/state/records.ts";
import { StateFile } from "../../lib/state/state_file.ts";
import { WatchRecord } from "../../lib/state/watch_record.ts";
import { FakeMapper } from "../lease/fake_mapper.ts";
import { FakeStatePaths } from "../support/fake_state_paths.ts";
import { recordWith } from "../support/state_samples.ts";

export const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
export const UDP_80 = { protocol: "udp", internalPort: 80 } as const;
export const TCP_22 = { protocol: "tcp", internalPort: 22 } as const;

export interface WatchOptions {
  readonly mappings?: readonly MappingKey[];
  readonly config?: string;
  readonly holder?: string;
}

/** The watches of one user on one host. */
export class Lab {
  readonly clock = new ManualClock();
  readonly paths = new FakeStatePaths(this.clock);
  readonly warnings: string[] = [];
  /** The external address, as a keeper would have it. */
  address: string | undefined;

  watch({ mappings = [TCP_80], config, holder = "natpmp watch, process 1" }: WatchOptions = {}): WatchRecord {
    const { clock, paths } = this;
    const warn = (text: string) => this.warnings.push(text);
    const { files, path } = paths;
    const now = () => paths.now();
    const file = new StateFile({ path, files, clock, timeoutMs: 1000, now, holder, warn });
    return new WatchRecord({
      file,
      paths,
      clock,
      mappings,
      config,
      holder,
      externalAddress: () => this.address,
      warn,
    });
  }

  /** A client of a gateway. */
  mapper(gateway = "10.0.0.1"): FakeMapper {
    return new FakeMapper(this.clock, gateway);
  }

  /** Has a watch follow to a gateway. */
  follow(record: WatchRecord, mapper: PortMapper, localAddress = "10.0.0.2"): Promise<Ledger> {
    return this.clock.runUntil(
      record.follow({ gateway: mapper.gateway, port: 5351, localAddress, mapper }),
    );
  }

  /** Maps TCP ports as the keeper of a watch does, which notes each. */
  async map(
    record: WatchRecord,
    ledger: Ledger,
    mapper: FakeMapper,
    ...ports: readonly number[]
  ): Promise<void> {
    for (const internalPort of ports) {
      const lease = await mapper.map({ protocol: "tcp", internalPort, externalPort: internalPort });
      ledger.grant(lease, { ms: this.clock.now(), stored: this.paths.now() });
    }
    for (const _ of ports) record.note(eventOf("mapped"));
  }

  set(state: State): void {
    this.paths.files.texts.set(this.paths.path, formatState(state));
  }

  leave(record: Partial<GatewayRecord>): void {
    this.set({ gateways: [recordWith(record)], runs: [] });
  }

  get written(): number {
    return this.paths.files.written.length;
  }

  /** The gateways with what is known there, as in `10.0.0.1: tcp 80, tcp 22`. */
  get mappings(): string[] {
    return this.paths.state.gateways.map(({ gateway, entries }) =>
      `${gateway}: ${entries.map(mappingName).join(", ")}`
    );
  }

  /** What watches keep at each gateway. */
  get claims(): string[][] {
    return this.paths.state.gateways.map(({ watches }) =>
      watches.map(({ mappings }) => mappings.map(mappingName).join(", "))
    );
  }
}

/** An event, of which the record reads the type alone. */
export function eventOf(type: KeeperEvent["type"]): KeeperEvent {
  return { type } as KeeperEvent;
}
