/**
 * What single runs are tested with: what is wanted and known, and a gateway on a clock turned by hand.
 *
 * @module
 */

import { BusyError, NoAnswerError, SocketError } from "../../lib/errors.ts";
import {
  type HeldLease,
  Ledger,
  type LedgerEntry,
  type Now,
  statusOf,
  type WantedMapping,
} from "../../lib/lease/ledger.ts";
import { type DroppedOutcome, runOnce, type RunParts, type RunResult } from "../../lib/lease/run_once.ts";
import type { Policy, RunSituation } from "../../lib/lease/run_plan.ts";
import { timeAfter } from "../../lib/lease/stored_time.ts";
import { mappingName, type TransportProtocol } from "../../lib/port_mapper.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";
import { GRANTED, heldLeaseOf } from "../support/leases.ts";
import { FakeMapper, REFUSED } from "./fake_mapper.ts";

/** The leases were asked for at port 8080 for two hours, and granted at 40001 for one. */
export const LIFE_MS = 3_600_000;
export const HALF_MS = LIFE_MS / 2;
export const JOIN_MS = 1_700_000;

export const WEB: WantedMapping = { protocols: ["tcp"], internalPort: 80, externalPort: 8080 };
export const SSH: WantedMapping = { protocols: ["tcp"], internalPort: 22, externalPort: 2222 };
export const PAIR: WantedMapping = { protocols: ["tcp", "udp"], internalPort: 53, externalPort: 8080 };
export const MOVED: WantedMapping = { ...WEB, externalPort: 9090 };

export const EVERYTHING: Policy = { kind: "everything" };
export const DUE = { kind: "due", intervalMs: undefined, config: undefined } as const;
export const FILE = "/etc/natpmp.json";
export const OF_FILE: Policy = { ...DUE, config: FILE };

export const STOPPED = new Error("SIGTERM");
export const BUSY = new BusyError("Another process is at the gateway");

/** The clock shows 0 when the leases begin. */
export function at(ms: number): Now {
  return { ms, stored: timeAfter(GRANTED, ms) };
}

/** The machine started anew with a wall clock from before: no age is known. */
export const UNKNOWN: Now = { ms: 0, stored: { wallMs: 0, uptimeMs: 0, boot: "second" } };

/** A mapping with the lease of {@linkcode heldLeaseOf}. */
export function entryOf(
  protocol: TransportProtocol,
  internalPort: number,
  { lease = {}, ...different }: Omit<Partial<LedgerEntry>, "lease"> & {
    readonly lease?: Partial<HeldLease>;
  } = {},
): LedgerEntry {
  return {
    protocol,
    internalPort,
    lease: heldLeaseOf({ protocol, internalPort, ...lease }),
    ...different,
  };
}

/** The same, asked for by the configuration file. */
export function ofFile(
  protocol: TransportProtocol,
  internalPort: number,
  different: Parameters<typeof entryOf>[2] = {},
): LedgerEntry {
  return entryOf(protocol, internalPort, { config: FILE, ...different });
}

export interface Known extends Partial<Omit<RunSituation, "ledger">> {
  readonly entries?: readonly LedgerEntry[];
  /** Whether this run found that the gateway forgot everything. */
  readonly hasForgotten?: boolean;
}

/** The situation of a run; by default one that has {@linkcode WEB} to map and knows of nothing. */
export function situationOf({ entries = [], hasForgotten = false, ...different }: Known): RunSituation {
  const ledger = new Ledger(entries);
  if (hasForgotten) ledger.loseAll(at(0));
  return { ledger, wanted: [WEB], policy: DUE, now: at(0), watched: [], ...different };
}

/** A gateway, what is known of it, and a clock that shows 0 when the leases of {@linkcode heldLeaseOf} begin. */
export class RunLab {
  readonly clock = new ManualClock();
  readonly mapper = new FakeMapper(this.clock);
  readonly ledger: Ledger;
  readonly stop = new AbortController();
  /** How far time jumps ahead of the clock, as in a suspend. */
  jumpMs = 0;

  constructor(entries: readonly LedgerEntry[] = []) {
    this.ledger = new Ledger(entries);
    this.mapper.onStateLost(() => this.ledger.loseAll(this.now()));
  }

  now(): Now {
    return { ms: this.clock.now(), stored: timeAfter(GRANTED, this.clock.now() + this.jumpMs) };
  }

  /** Runs as soon as the leases are this old. */
  async run(
    policy: Policy,
    wanted: readonly WantedMapping[],
    { ageMs = 0, ...different }: Partial<RunParts> & { readonly ageMs?: number } = {},
  ): Promise<RunResult> {
    const { clock, mapper, ledger } = this;
    await clock.advance(ageMs);
    return await clock.runUntil(runOnce(wanted, policy, {
      mapper,
      ledger,
      clock,
      storedNow: () => this.now().stored,
      random: () => 0.5,
      signal: this.stop.signal,
      config: policy.kind === "due" ? policy.config : undefined,
      stopsRun: (error) =>
        error instanceof NoAnswerError || error instanceof SocketError || error instanceof BusyError ||
        error === STOPPED,
      probe: () => mapper.probe({ signal: this.stop.signal }),
      ...different,
    }));
  }

  /** How each mapping of the ledger stands, and on which port. */
  get known(): string[] {
    return [...this.ledger.entries].map((entry) =>
      `${mappingName(entry)} ${statusOf(entry, this.now().stored)} ${entry.lease?.externalPort}`
    );
  }
}

export function errorName(error: unknown): string {
  if (error === REFUSED) return "refused";
  if (error === BUSY) return "busy";
  if (error === STOPPED) return "stopped";
  if (error instanceof NoAnswerError) return "no answer";
  return error instanceof Error ? error.name : String(error);
}

/** What became of each wanted mapping, in a few words. */
export function inWords({ outcomes }: RunResult): string[] {
  return outcomes.map((one) => {
    const name = mappingName(one.mapping);
    if ("error" in one) return `${name}: ${errorName(one.error)}`;
    return "kept" in one ? `${name}: kept ${one.kept.externalPort}` : `${name}: ${one.lease.externalPort}`;
  });
}

/** What became of each mapping that is not wanted any more. */
export function dropped(outcomes: readonly DroppedOutcome[]): string[] {
  return outcomes.map((one) =>
    `${mappingName(one.mapping)}: ${
      "error" in one ? errorName(one.error) : one.wasAlive ? `deleted at ${one.externalPort}` : "was over"
    }`
  );
}
