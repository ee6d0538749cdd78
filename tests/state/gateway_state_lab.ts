/**
 * One user's processes on one host, each with what it knows of one gateway.
 *
 * @module
 */

import type { HeldLease } from "../../lib/lease/ledger.ts";
import type { GatewayMemory, RecallOptions } from "../../lib/port_mapper.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";
import { formatState } from "../../lib/state/format.ts";
import { GatewayState, type GatewayStateOptions } from "../../lib/state/gateway_state.ts";
import { type GatewayKey, type GatewayRecord, recordOf, type State } from "../../lib/state/records.ts";
import { StateFile } from "../../lib/state/state_file.ts";
import { FakeMapper } from "../lease/fake_mapper.ts";
import { FakeStatePaths } from "../support/fake_state_paths.ts";
import { entryOf, recordWith } from "../support/state_samples.ts";

export const KEY: GatewayKey = {
  host: "box",
  gateway: "10.0.0.1",
  port: 5351,
  localAddress: "10.0.0.2",
};

export const SECOND = 1000;
export const HOUR = 3600 * SECOND;

/** When the clock of a lab begins. */
export const START = { wallMs: Date.UTC(2026, 0), uptimeMs: 1_000_000, boot: "first" };

/** A client that remembers how often the gateway has lost its state, as its own kind of data. */
export class RememberingMapper extends FakeMapper {
  readonly recalled: GatewayMemory[] = [];

  override recall(memory: GatewayMemory, { holdsNothing = false }: RecallOptions = {}): void {
    if (!holdsNothing) this.recalled.push(memory);
  }

  override hasForgottenSince({ data }: Partial<GatewayMemory> = {}): boolean {
    return (data as { losses: number }).losses < (this.memory?.data as { losses: number }).losses;
  }

  /** Hears from the gateway, which has lost its state this many times. */
  hear(losses: number): void {
    this.memory = { data: { losses }, atMs: this.clock.now() };
  }

  /** Finds that the gateway lost its state for this many times. */
  findLoss(losses: number): void {
    this.hear(losses);
    this.loseState();
  }
}

/** What is known of a mapping whose lease was granted when the clock began. */
export function known(
  internalPort: number,
  { lease, ...more }: Parameters<typeof entryOf>[1] = {},
): ReturnType<typeof entryOf> {
  return entryOf(internalPort, { lease: { granted: START, ...lease }, ...more });
}

/** What an earlier process left: its client's memory, and a lease. */
export const LEFT = { memory: { data: { losses: 3 }, at: START }, entries: [known(80)] };

/** One process. */
export interface Process {
  readonly state: GatewayState;
  readonly mapper: RememberingMapper;
  /** Maps a TCP port to itself. */
  readonly map: (port: number) => Promise<void>;
}

/** One user's processes on one host. */
export class Lab {
  readonly clock = new ManualClock({ startMs: 0, wallStart: new Date(START.wallMs) });
  readonly paths = new FakeStatePaths(this.clock);
  readonly warnings: string[] = [];

  /** Starts a process. */
  async open(options: Partial<GatewayStateOptions> = {}): Promise<Process> {
    const { clock, paths, warnings } = this;
    const mapper = new RememberingMapper(clock);
    const warn = (text: string) => warnings.push(text);
    const storedNow = () => paths.now();
    const { files, path } = paths;
    const file = new StateFile({ path, files, clock, timeoutMs: 1000, now: storedNow, holder: "me", warn });
    const state = await GatewayState.open({ file, key: KEY, mapper, clock, storedNow, warn, ...options });
    const map = async (port: number) => {
      const lease = await mapper.map({ protocol: "tcp", internalPort: port, externalPort: port });
      state.ledger.grant(lease, state.now());
    };
    return { state, mapper, map };
  }

  /** Replaces the state file. */
  set(state: State): void {
    this.paths.files.texts.set(this.paths.path, formatState(state));
  }

  /** Replaces the state file by one that knows this of the gateway. */
  leave(record: Partial<GatewayRecord>): void {
    this.set({ gateways: [recordWith(record)], runs: [] });
  }

  /** What the file has of the gateway. */
  get record(): GatewayRecord {
    return recordOf(this.paths.state, KEY);
  }

  /** The lease that the file has for a TCP port. */
  lease(port: number): HeldLease | undefined {
    return this.record.entries.find(({ internalPort }) => internalPort === port)?.lease;
  }

  /** The internal ports of the file's mappings; those that are lost in brackets. */
  get ports(): string[] {
    return this.record.entries.map(({ internalPort, isLost }) =>
      isLost ? `(${internalPort})` : `${internalPort}`
    );
  }
}
