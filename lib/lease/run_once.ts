/**
 * One run of a command: carries out the plan step by step until nothing is left to do, and returns what came of it.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { NoAnswerError } from "../errors.ts";
import {
  type GatewayInfo,
  type Lease,
  type MappingKey,
  mappingName,
  type PortMapper,
  type Via,
} from "../port_mapper.ts";
import {
  type HeldLease,
  isOver,
  type Ledger,
  type LedgerEntry,
  mappingsOf,
  type Now,
  statusOf,
  toDelete,
  type WantedMapping,
} from "./ledger.ts";
import { acquire, type Outcome, renew } from "./perform.ts";
import {
  nextRunStep,
  NO_PROGRESS,
  type Policy,
  type Progress,
  protocolsDue,
  type RunStep,
} from "./run_plan.ts";
import type { StoredTime } from "./stored_time.ts";
import { MAX_RECREATION_DELAY_MS } from "./timing.ts";

/** The parts that a run works with. */
export interface RunParts {
  readonly mapper: PortMapper;
  /** The known mappings; the run records in it what it is granted and what it deletes. */
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly storedNow: () => StoredTime;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** The configuration file that asks for what is wanted. */
  readonly config?: string | undefined;
  /** The mappings that a running `watch` keeps. */
  readonly watched?: readonly MappingKey[] | undefined;
  /** Whether an error is the answer to every further request too. */
  readonly stopsRun: (error: unknown) => boolean;
  /** Asks for the external address; the run goes on, whatever comes of it. */
  readonly probe: () => Promise<GatewayInfo>;
  /** Takes the address, and for lost what was granted at another one. */
  readonly noteAddress?: ((externalAddress: string) => void) | undefined;
}

/** The outcome for a wanted mapping: granted, not to be had, or left alone. */
export type RunOutcome =
  | { readonly mapping: MappingKey; readonly lease: HeldLease }
  | { readonly mapping: MappingKey; readonly error: unknown }
  | { readonly mapping: MappingKey; readonly kept: HeldLease };

/** The outcome for a mapping that is not wanted any more. */
export type DroppedOutcome =
  | {
    readonly mapping: MappingKey;
    readonly via: Via;
    readonly externalPort: number;
    readonly wasAlive: boolean;
    /** How long the gateway still leaves the port open, where it does. */
    readonly closesInSeconds?: number | undefined;
  }
  | { readonly mapping: MappingKey; readonly error: unknown };

/** The result of a run. */
export interface RunResult {
  /** One for each wanted mapping, in order. */
  readonly outcomes: readonly RunOutcome[];
  readonly dropped: readonly DroppedOutcome[];
  /** Granted leases that could neither be kept nor given back; they expire. */
  readonly leftovers: readonly Lease[];
  readonly externalAddress?: string | undefined;
  /** The reason why the address is missing, where it was asked for. */
  readonly probeError?: unknown;
}

/** Runs a policy to its end. Nothing is thrown that a gateway causes: it is an outcome. */
export async function runOnce(
  wanted: readonly WantedMapping[],
  policy: Policy,
  parts: RunParts,
): Promise<RunResult> {
  const run = new Run(wanted, policy, parts);
  await run.toTheEnd();
  return run.result;
}

type RenewStep = Extract<RunStep, { kind: "renew" }>;

class Run {
  readonly #wanted: readonly WantedMapping[];
  readonly #policy: Policy;
  readonly #parts: RunParts;
  readonly #outcomes = new Map<WantedMapping, readonly Outcome[]>();
  readonly #dropped: DroppedOutcome[] = [];
  readonly #leftovers: Lease[] = [];
  readonly #grants: MappingKey[] = [];
  #progress: Progress = NO_PROGRESS;
  #externalAddress: string | undefined;
  #probeError: unknown;
  /** The reason why nothing more was asked for. */
  #stopError: { readonly error: unknown } | undefined;
  /** The reason why nothing more was deleted. */
  #releaseStopError: { readonly error: unknown } | undefined;

  constructor(wanted: readonly WantedMapping[], policy: Policy, parts: RunParts) {
    this.#wanted = wanted;
    this.#policy = policy;
    this.#parts = parts;
  }

  get result(): RunResult {
    return {
      outcomes: this.#wanted.flatMap((wanted) => this.#outcomesOf(wanted)),
      dropped: this.#dropped,
      leftovers: this.#leftovers,
      externalAddress: this.#externalAddress,
      probeError: this.#probeError,
    };
  }

  async toTheEnd(): Promise<void> {
    for (;;) {
      const step = nextRunStep(this.#situation(), this.#progress);
      if (step.kind === "end") return;
      await this.#perform(step);
    }
  }

  #now(): Now {
    return { ms: this.#parts.clock.now(), stored: this.#parts.storedNow() };
  }

  #situation() {
    const { ledger, watched = [] } = this.#parts;
    return { ledger, wanted: this.#wanted, policy: this.#policy, now: this.#now(), watched };
  }

  async #perform(step: Exclude<RunStep, { kind: "end" }>): Promise<void> {
    switch (step.kind) {
      case "probe":
        return await this.#probe();
      case "wait":
        return await this.#wait();
      case "release":
        return await this.#release(step.entry, step.wanted);
      case "acquire":
      case "renew":
        return await this.#ask(step);
    }
  }

  async #probe(): Promise<void> {
    this.#progress = { ...this.#progress, hasProbed: true };
    // It came with what was granted, where the protocol has it so.
    if (this.#externalAddress !== undefined) return;
    try {
      const { externalAddress } = await this.#parts.probe();
      this.#externalAddress = externalAddress;
      if (externalAddress !== undefined) this.#noteAddress(externalAddress);
    } catch (error) {
      this.#probeError = error;
      // A gateway that does not report its address may map all the same.
      if (!(error instanceof NoAnswerError)) this.#noteStop(error);
    }
  }

  /** The leases of this run were granted just before, so a new address does not make them lost. */
  #noteAddress(externalAddress: string): void {
    const { ledger, noteAddress } = this.#parts;
    const granted = this.#grants.map((mapping) => ({ mapping, isLost: ledger.get(mapping)?.isLost }));
    noteAddress?.(externalAddress);
    for (const { mapping, isLost } of granted) ledger.change(mapping, (entry) => ({ ...entry, isLost }));
  }

  /** After a loss of state every client waits a random time, so that they do not all come at once (RFC 6886 §3.7). */
  async #wait(): Promise<void> {
    const { clock, random, signal } = this.#parts;
    this.#progress = { ...this.#progress, hasWaited: true };
    try {
      await clock.sleep(random() * MAX_RECREATION_DELAY_MS, { signal });
    } catch (error) {
      this.#noteStop(error);
    }
  }

  /**
   * A lease that is over already is only forgotten. A failure keeps the mapping where it is, and what is due is asked
   * for.
   */
  async #release(entry: LedgerEntry, wanted: WantedMapping | undefined): Promise<void> {
    const { ledger, mapper, signal, stopsRun } = this.#parts;
    const { protocol, internalPort, lease } = entry;
    const mapping = { protocol, internalPort };
    const { via, externalPort } = lease!;
    const status = statusOf(entry, this.#now().stored);
    const wasAlive = status === "held" || status === "unknown";
    const released = new Set([...this.#progress.released, mappingName(mapping)]);
    this.#progress = { ...this.#progress, released };
    let closesInSeconds: number | undefined;
    try {
      // A gateway that did not forget it after all would keep it on its port.
      if (wasAlive || (wanted !== undefined && status === "lost")) {
        if (this.#releaseStopError !== undefined) throw this.#releaseStopError.error;
        ({ closesInSeconds } = await mapper.unmap(toDelete(entry, this.#now()), { signal }));
      }
      ledger.delete(mapping);
      if (wanted === undefined) this.#dropped.push({ mapping, via, externalPort, wasAlive, closesInSeconds });
    } catch (error) {
      if (stopsRun(error)) {
        this.#releaseStopError ??= { error };
        this.#progress = { ...this.#progress, isReleaseStopped: true };
      }
      if (wanted === undefined) this.#dropped.push({ mapping, error });
      else this.#take(wanted, mappingsOf([wanted]).map((mapping) => ({ mapping, error })));
    }
  }

  async #ask(step: Extract<RunStep, { kind: "acquire" | "renew" }>): Promise<void> {
    const { ledger, mapper, signal } = this.#parts;
    const { wanted } = step;
    const generations = new Map<string, number>();
    const onGrant = ({ protocol }: Lease) => generations.set(protocol, ledger.generation);
    let outcomes: readonly Outcome[];
    if (step.kind === "renew") {
      const { stored } = this.#now();
      const renewed = await renew(mapper, wanted, {
        portOf: (protocol) => {
          const lease = ledger.of(protocol, wanted.internalPort)?.lease;
          return lease === undefined || isOver(lease, stored) ? undefined : lease.externalPort;
        },
        protocols: step.protocols,
        nextLimits: () => ({ signal }),
        onGrant,
      });
      outcomes = withRest(step, renewed);
    } else {
      const isNew = (mapping: MappingKey) => !this.#mayLive(mapping);
      const acquired = await acquire(mapper, wanted, { signal, isNew, onGrant });
      outcomes = acquired.outcomes;
      this.#leftovers.push(...acquired.leftovers);
    }
    const now = this.#now();
    for (const outcome of outcomes) {
      if ("error" in outcome) this.#noteStop(outcome.error);
      else this.#grant(outcome.lease, now, generations.get(outcome.lease.protocol));
    }
    this.#take(wanted, outcomes);
  }

  #grant(lease: Lease, now: Now, generation: number | undefined): void {
    const { config, ledger } = this.#parts;
    ledger.grant(lease, now, generation);
    if (config !== undefined) ledger.change(lease, (entry) => ({ ...entry, config }));
    this.#grants.push(lease);
    this.#progress = { ...this.#progress, hasGrants: true };
    const { externalAddress } = lease;
    if (externalAddress === undefined) return;
    this.#externalAddress = externalAddress;
    this.#noteAddress(externalAddress);
  }

  /** Whether a lease lives, or may: where the wall clock was set, nobody can know how old it is. */
  #mayLive(mapping: MappingKey): boolean {
    const entry = this.#parts.ledger.get(mapping);
    return entry !== undefined && ["held", "unknown"].includes(statusOf(entry, this.#now().stored) ?? "");
  }

  #take(wanted: WantedMapping, outcomes: readonly Outcome[]): void {
    this.#outcomes.set(wanted, outcomes);
    this.#progress = { ...this.#progress, asked: new Set([...this.#progress.asked, wanted]) };
  }

  #noteStop(error: unknown): void {
    if (!this.#parts.stopsRun(error)) return;
    this.#stopError ??= { error };
    this.#progress = { ...this.#progress, isStopped: true };
  }

  /** Once nothing more is asked for, what was due gets the same error. */
  #outcomesOf(wanted: WantedMapping): RunOutcome[] {
    const { ledger } = this.#parts;
    const asked = this.#outcomes.get(wanted);
    const stop = asked === undefined ? this.#stopError : undefined;
    const due = stop === undefined ? [] : protocolsDue(this.#situation(), wanted);
    return mappingsOf([wanted]).map((mapping): RunOutcome => {
      const outcome = asked?.find((outcome) => outcome.mapping.protocol === mapping.protocol);
      const lease = ledger.get(mapping)?.lease;
      if (outcome !== undefined) return "error" in outcome ? outcome : { mapping, lease: lease! };
      const isKept = lease !== undefined && !due.includes(mapping.protocol);
      return isKept ? { mapping, kept: lease } : { mapping, error: stop?.error };
    });
  }
}

/** A renewal that ended early failed for the rest of what is due too. */
function withRest({ wanted, protocols }: RenewStep, outcomes: readonly Outcome[]): readonly Outcome[] {
  const last = outcomes.at(-1);
  if (last === undefined || !("error" in last)) return outcomes;
  const rest = protocols.slice(outcomes.length);
  return [
    ...outcomes,
    ...mappingsOf([{ ...wanted, protocols: rest }]).map((mapping) => ({ mapping, error: last.error })),
  ];
}
