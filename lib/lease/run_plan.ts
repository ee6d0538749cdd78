/**
 * The next step of a command that runs once: `map`, which asks for everything, and `map --if-due`, which asks for what
 * is due and leaves the rest alone. Pure.
 *
 * @module
 */

import { type MappingKey, mappingName, type TransportProtocol } from "../port_mapper.ts";
import {
  ageMs,
  isOver,
  type Ledger,
  type LedgerEntry,
  leftMs,
  mappingsOf,
  type Now,
  statusOf,
  type WantedMapping,
} from "./ledger.ts";
import { RUNS_PER_LIFETIME, RUNS_TO_SURVIVE } from "./timing.ts";

/** Which of the wanted mappings a run asks for. */
export type Policy =
  | { readonly kind: "everything" }
  | {
    readonly kind: "due";
    /** The time since the run before, in milliseconds; `undefined` when that is unknown. */
    readonly intervalMs: number | undefined;
    /** The configuration file that the wanted mappings stand in: what it had and no longer has is deleted. */
    readonly config: string | undefined;
  };

/** All that the plan of a run is made from. */
export interface RunSituation {
  readonly ledger: Ledger;
  readonly wanted: readonly WantedMapping[];
  readonly policy: Policy;
  readonly now: Now;
  /** The mappings that a running `watch` keeps. */
  readonly watched: readonly MappingKey[];
}

/** The progress of a run so far. */
export interface Progress {
  readonly hasProbed: boolean;
  readonly hasWaited: boolean;
  /** The mappings that were asked for, or cannot be. */
  readonly asked: ReadonlySet<WantedMapping>;
  /** The names of the mappings that were deleted, or could not be. */
  readonly released: ReadonlySet<string>;
  /** Whether a deletion failed so that every further one would; some gateways never answer one. */
  readonly isReleaseStopped: boolean;
  readonly hasGrants: boolean;
  /** Whether a request, other than a deletion, failed so that every further one would. */
  readonly isStopped: boolean;
}

/** Before anything is done. */
export const NO_PROGRESS: Progress = {
  hasProbed: false,
  hasWaited: false,
  asked: new Set(),
  released: new Set(),
  isReleaseStopped: false,
  hasGrants: false,
  isStopped: false,
};

/** The next step of a run. */
export type RunStep =
  /** Ask for the address. */
  | { readonly kind: "probe" }
  /** Wait the random time after a loss of state. */
  | { readonly kind: "wait" }
  /** Delete what is not wanted any more, or, for `wanted`, on another port than it has. */
  | { readonly kind: "release"; readonly entry: LedgerEntry; readonly wanted?: WantedMapping }
  /** Ask as for something new. */
  | { readonly kind: "acquire"; readonly wanted: WantedMapping }
  /** Ask for the ports that are held. */
  | {
    readonly kind: "renew";
    readonly wanted: WantedMapping;
    readonly protocols: readonly TransportProtocol[];
  }
  | { readonly kind: "end" };

export function nextRunStep(situation: RunSituation, progress: Progress): RunStep {
  return situation.policy.kind === "everything"
    ? nextOfEverything(situation, progress)
    : nextDue(situation, progress);
}

/** Mappings first: a gateway that does not report its address may map all the same. */
function nextOfEverything({ wanted }: RunSituation, progress: Progress): RunStep {
  const { asked, hasGrants, hasProbed, isStopped } = progress;
  const next = isStopped ? undefined : wanted.find((one) => !asked.has(one));
  if (next !== undefined) return { kind: "acquire", wanted: next };
  return hasGrants && !hasProbed && !isStopped ? { kind: "probe" } : { kind: "end" };
}

/** The address first: the answer shows whether the gateway forgot its mappings since the last run. */
function nextDue(situation: RunSituation, progress: Progress): RunStep {
  const { wanted } = situation;
  if (!progress.hasProbed) return { kind: "probe" };
  if (progress.isStopped) return { kind: "end" };
  const due = wanted.filter((one) => !progress.asked.has(one) && protocolsDue(situation, one).length > 0);
  if (!progress.hasWaited && due.some((one) => isJustLost(situation, one))) return { kind: "wait" };
  // All of it goes before anything is asked for, since that may want the port of what goes.
  const release = nextRelease(situation, progress);
  if (release !== undefined) return release;
  return due[0] === undefined ? { kind: "end" } : howToAsk(situation, due[0]);
}

/** Mappings not wanted any more, then those that need another port: gateways keep a mapping's port (RFC 6886 §3.3). */
function nextRelease(situation: RunSituation, progress: Progress): RunStep | undefined {
  const { released, asked, isReleaseStopped } = progress;
  for (const entry of isReleaseStopped ? [] : unwantedEntries(situation)) {
    if (!released.has(mappingName(entry))) return { kind: "release", entry };
  }
  for (const wanted of situation.wanted) {
    if (asked.has(wanted)) continue;
    for (const mapping of mappingsOf([wanted])) {
      const entry = situation.ledger.get(mapping);
      if (entry === undefined || released.has(mappingName(entry)) || isWatched(situation, wanted)) continue;
      if (hasOtherRequest(situation, wanted, entry)) return { kind: "release", entry, wanted };
    }
  }
  return undefined;
}

/** The mappings that the configuration file had and no longer has, and that no running `watch` keeps. */
export function unwantedEntries({ ledger, wanted, policy, watched }: RunSituation): LedgerEntry[] {
  const config = policy.kind === "due" ? policy.config : undefined;
  if (config === undefined) return [];
  const keys = [...mappingsOf(wanted), ...watched];
  return [...ledger.entries].filter((entry) =>
    entry.config === config && entry.lease !== undefined &&
    !keys.some((key) => key.protocol === entry.protocol && key.internalPort === entry.internalPort)
  );
}

function howToAsk(situation: RunSituation, wanted: WantedMapping): RunStep {
  const { ledger, now } = situation;
  const entries = mappingsOf([wanted]).flatMap((mapping) => ledger.get(mapping) ?? []);
  const held = entries.filter(({ lease }) => lease !== undefined && !isOver(lease, now.stored));
  const isForgotten = held.some(({ isLost }) => isLost);
  // The gateway may have given a forgotten port to others, and then it is as wrong as if it were new.
  if (
    held.length === 0 || held.some((entry) => hasWrongPort(entry, wanted)) || (wanted.exact && isForgotten)
  ) {
    return { kind: "acquire", wanted };
  }
  return { kind: "renew", wanted, protocols: protocolsDue(situation, wanted) };
}

/** The protocols of a wanted mapping that are due. */
export function protocolsDue(situation: RunSituation, wanted: WantedMapping): TransportProtocol[] {
  const { ledger, policy } = situation;
  if (policy.kind === "everything") return [...wanted.protocols];
  if (isWatched(situation, wanted)) return [];
  return wanted.protocols.filter((protocol) => {
    const entry = ledger.of(protocol, wanted.internalPort);
    return entry === undefined || isDue(entry, wanted, situation) || hasWrongPort(entry, wanted) ||
      hasOtherRequest(situation, wanted, entry);
  });
}

/**
 * Whether a mapping is to be asked for: it has come to the part of its life in which it is renewed, would not survive two
 * more runs, was forgotten, was asked for with another lifetime, is of unknown age, or its hook has not run.
 */
function isDue(entry: LedgerEntry, wanted: WantedMapping, { policy, now }: RunSituation): boolean {
  const { lease } = entry;
  const intervalMs = policy.kind === "due" ? policy.intervalMs : undefined;
  if (lease === undefined || entry.hookPending || statusOf(entry, now.stored) !== "held") return true;
  const { lifetimeSeconds } = wanted;
  if (lifetimeSeconds !== undefined && lifetimeSeconds !== lease.requestedLifetimeSeconds) return true;
  if (ageMs(lease, now.stored)! >= lease.joinAfterMs) return true;
  return intervalMs !== undefined && leftMs(lease, now.stored)! <= RUNS_TO_SURVIVE * intervalMs;
}

/** Whether the configuration file asked for another external port when the lease was granted. */
function hasOtherRequest(
  { policy }: RunSituation,
  wanted: WantedMapping,
  { lease, config }: LedgerEntry,
): boolean {
  return policy.kind === "due" && policy.config !== undefined && config === policy.config &&
    lease !== undefined && lease.requestedExternalPort !== wanted.externalPort;
}

/** Whether a lease is on another port than the one that has to be: it is asked for again and again. */
function hasWrongPort({ lease }: LedgerEntry, { exact, externalPort }: WantedMapping): boolean {
  return Boolean(exact) && externalPort !== undefined && lease !== undefined &&
    lease.externalPort !== externalPort;
}

/** Whether a loss that this run found concerns it. A run that found the loss earlier has waited already. */
function isJustLost({ ledger }: RunSituation, wanted: WantedMapping): boolean {
  return ledger.generation > 0 && mappingsOf([wanted]).some((mapping) => ledger.get(mapping)?.isLost);
}

/** Whether a running `watch` keeps a wanted mapping, and all of it lives. */
function isWatched({ ledger, watched, now }: RunSituation, wanted: WantedMapping): boolean {
  const mappings = mappingsOf([wanted]);
  return mappings.some((mapping) =>
    watched.some(({ protocol, internalPort }) =>
      protocol === mapping.protocol && internalPort === mapping.internalPort
    )
  ) && mappings.every((mapping) => {
    const entry = ledger.get(mapping);
    return entry !== undefined && statusOf(entry, now.stored) === "held";
  });
}

/** Whether a lease is shorter than three runs, so that `watch` should keep it. */
export function isTooShort(lifeMs: number, intervalMs: number | undefined): boolean {
  return intervalMs !== undefined && lifeMs < RUNS_PER_LIFETIME * intervalMs;
}
