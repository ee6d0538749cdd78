/**
 * One step of a keeper: asks for a wanted mapping, or for a pair, and records what came of it.
 *
 * @module
 */

import { NoAnswerError, RefusedError } from "../errors.ts";
import type { Lease, MappingKey, PortMapper, TransportProtocol } from "../port_mapper.ts";
import { Interrupted, isPerMapping, isRetryable } from "./cause.ts";
import type { GatewayMonitor } from "./gateway_monitor.ts";
import {
  ageMs,
  deleted,
  isHeld,
  isOver,
  type Ledger,
  mappingsOf,
  NO_TRIES,
  type Now,
  unconfirmed,
  type WantedMapping,
} from "./ledger.ts";
import { acquire, giveBack, type Outcome, renew } from "./perform.ts";
import { isAnyHeld, protocolsToAsk, shortestLeftMs } from "./plan.ts";
import { REPORTED_SILENT_TRIES, retryInMs } from "./timing.ts";

/** How a step ended. */
export type Ending = "granted" | "unanswered" | "failed";

/** Options of {@linkcode Asker}. */
export interface AskerOptions {
  readonly monitor: GatewayMonitor;
  /** The ledger of the present gateway. */
  readonly ledger: () => Ledger;
  readonly now: () => Now;
  /** How long the next try may last. */
  readonly tryLengthMs: (isShort?: boolean) => number;
  /** Whether nothing more may be sent. */
  readonly isOver: () => boolean;
  /** Called when a request for a wanted mapping failed, before that is recorded: the lease may have ended meanwhile. */
  readonly onFailure: (wanted: WantedMapping) => void;
}

/** Asks for one wanted mapping at a time. */
export class Asker {
  readonly #options: AskerOptions;

  /** Asks for nothing yet. */
  constructor(options: AskerOptions) {
    this.#options = options;
  }

  /** Renews what is held of a wanted mapping, or acquires it anew. */
  async ask(wanted: WantedMapping): Promise<Ending> {
    const { monitor, now } = this.#options;
    const mapper = monitor.mapper!;
    const ledger = this.#options.ledger();
    const startedAtMs = now().ms;
    /** The generation of the ledger at each grant. */
    const generations = new Map<TransportProtocol, number>();
    const { outcomes, leftovers } = await monitor.talk((signal) =>
      this.#request(wanted, mapper, {
        signal,
        onGrant: (protocol) => generations.set(protocol, ledger.generation),
      })
    );
    // Grants of another gateway count no more.
    if (mapper !== monitor.mapper) return "failed";
    this.#record(wanted, outcomes, generations);
    for (const lease of leftovers) {
      ledger.change(lease, (entry) => ({ ...unconfirmed(entry), lastPort: lease.externalPort }));
    }
    if (generations.size > 0) monitor.note();
    const failed = outcomes.find((outcome) => "error" in outcome);
    if (failed !== undefined) {
      return this.#fail(wanted, failed, { startedAtMs, hasGrants: generations.size > 0 });
    }
    if (outcomes.length === 0) return "failed";
    ledger.changeTries(wanted, () => NO_TRIES);
    return "granted";
  }

  async #request(
    wanted: WantedMapping,
    mapper: PortMapper,
    { signal, onGrant }: { signal: AbortSignal; onGrant: (protocol: TransportProtocol) => void },
  ): Promise<{ readonly outcomes: readonly Outcome[]; readonly leftovers: readonly Lease[] }> {
    const { isOver, now, tryLengthMs } = this.#options;
    const ledger = this.#options.ledger();
    const { protocols, internalPort } = wanted;
    if (isAnyHeld(ledger, wanted, now())) {
      const outcomes = await renew(mapper, wanted, {
        portOf: (protocol) => {
          const entry = ledger.of(protocol, internalPort);
          return isHeld(entry, now().stored) ? entry.lease.externalPort : undefined;
        },
        protocols: protocolsToAsk(ledger, wanted, now()),
        nextLimits: () => isOver() ? undefined : { timeoutMs: tryLengthMs(), signal },
        onGrant: ({ protocol }) => onGrant(protocol),
      });
      return { outcomes, leftovers: [] };
    }
    const isFirst = !this.#options.monitor.hasAnswered && ledger.tries(wanted).failures === 0;
    // A new pair is two requests.
    const limits = { timeoutMs: tryLengthMs(isFirst) / protocols.length, signal };
    const { outcomes, leftovers } = await acquire(mapper, this.#suggestingLastPort(wanted), {
      ...limits,
      nextLimits: () => isOver() ? undefined : limits,
      onGrant: ({ protocol }) => onGrant(protocol),
      isNew: (mapping) => !this.#isKnown(mapping),
    });
    const failed = outcomes.find((outcome) => "error" in outcome);
    if (failed !== undefined && isPerMapping(failed.error)) {
      await this.#giveBackHalves(wanted, mapper, limits);
    }
    return { outcomes: outcomes.map((outcome) => asWanted(wanted, outcome)), leftovers };
  }

  /** Where the gateway is to choose, the port that it chose last is asked for. */
  #suggestingLastPort(wanted: WantedMapping): WantedMapping {
    if (wanted.externalPort !== undefined) return wanted;
    for (const mapping of mappingsOf([wanted])) {
      const entry = this.#options.ledger().get(mapping);
      const externalPort = entry?.lease?.externalPort ?? entry?.lastPort;
      if (externalPort !== undefined) return { ...wanted, externalPort, exact: false };
    }
    return wanted;
  }

  /** Whether an earlier process held the mapping, so that it is not this one's to give back. */
  #isKnown(mapping: MappingKey): boolean {
    const { ledger, now } = this.#options;
    const entry = ledger().get(mapping);
    return entry?.lease !== undefined && entry.isUnconfirmed === true && !isOver(entry.lease, now().stored);
  }

  /** Gives back what earlier tries got of a new pair whose other half is now known not to come. */
  async #giveBackHalves(
    wanted: WantedMapping,
    mapper: PortMapper,
    limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const ledger = this.#options.ledger();
    for (const mapping of mappingsOf([wanted])) {
      const entry = ledger.get(mapping);
      if (!entry?.isUnconfirmed || this.#isKnown(mapping)) continue;
      if (await giveBack(mapper, { ...mapping, externalPort: entry.lastPort }, limits)) {
        ledger.change(mapping, deleted);
      }
    }
  }

  /** Halves of a new pair are not held before the other half is. */
  #record(
    wanted: WantedMapping,
    outcomes: readonly Outcome[],
    generations: ReadonlyMap<TransportProtocol, number>,
  ): void {
    const now = this.#options.now();
    const ledger = this.#options.ledger();
    const leases = outcomes.flatMap((outcome) => "lease" in outcome ? [outcome.lease] : []);
    const isHalf = leases.length < wanted.protocols.length && !isAnyHeld(ledger, wanted, now);
    for (const lease of leases) {
      if (isHalf) ledger.change(lease, (entry) => ({ ...unconfirmed(entry), lastPort: lease.externalPort }));
      else ledger.grant(lease, now, generations.get(lease.protocol));
    }
  }

  #fail(
    wanted: WantedMapping,
    { mapping, error }: Extract<Outcome, { error: unknown }>,
    { startedAtMs, hasGrants }: { readonly startedAtMs: number; readonly hasGrants: boolean },
  ): Ending {
    const { monitor, onFailure } = this.#options;
    const ledger = this.#options.ledger();
    const now = this.#options.now();
    onFailure(wanted);
    const entry = ledger.get(mapping);
    const wasHeld = isHeld(entry, now.stored);
    const wasSilent = error instanceof NoAnswerError;
    if ((wasSilent || error instanceof Interrupted) && !wasHeld) ledger.change(mapping, unconfirmed);
    if (error instanceof Interrupted) return "unanswered";
    if (!isRetryable(error)) throw error;
    monitor.note(error);
    for (const one of mappingsOf([wanted])) {
      if (ledger.get(one)?.isDoubtful) ledger.change(one, (entry) => ({ ...entry, isDoubtful: false }));
    }
    const holdsMs = error instanceof RefusedError ? error.holdsMs ?? 0 : 0;
    // A gateway without room for this one has none for others either (RFC 6887 §11.4).
    const isFull = error instanceof RefusedError && error.refusal === "out-of-resources" && !wasHeld;
    if (isFull && holdsMs > 0) ledger.holdNew(now.ms + holdsMs);
    const failures = ledger.tries(wanted).failures + 1;
    const waitMs = retryInMs({
      failures,
      wasSilent,
      wasRefused: error instanceof RefusedError,
      tookMs: now.ms - startedAtMs,
      leftMs: wasHeld ? shortestLeftMs(ledger, wanted, now) : undefined,
      minRetryGapMs: wasHeld ? entry.lease.minRetryGapMs : undefined,
    });
    const isReported = isPerMapping(error) || (wasSilent && failures >= REPORTED_SILENT_TRIES);
    ledger.changeTries(wanted, (tries) => ({
      ...tries,
      failures,
      failedAtMs: now.ms,
      retryAtMs: now.ms + Math.max(
        Math.min(waitMs, this.#otherHalfDueInMs(wanted, now)),
        // The gateway would refuse again before that.
        holdsMs,
      ),
      error: isReported ? error : tries.error,
    }));
    if (wasSilent) return "unanswered";
    return hasGrants ? "granted" : "failed";
  }

  /** The other half of a pair is not to wait longer than its own renewal. */
  #otherHalfDueInMs(wanted: WantedMapping, now: Now): number {
    let dueInMs = Infinity;
    for (const mapping of mappingsOf([wanted])) {
      const entry = this.#options.ledger().get(mapping);
      if (!isHeld(entry, now.stored)) continue;
      const inMs = entry.lease.renewAfterMs - (ageMs(entry.lease, now.stored) ?? 0);
      if (inMs > 0) dueInMs = Math.min(dueInMs, inMs);
    }
    return dueInMs;
  }
}

/** The port that counts as asked for is what is wanted, whatever was suggested. */
function asWanted({ externalPort: requestedExternalPort }: WantedMapping, outcome: Outcome): Outcome {
  return "lease" in outcome ? { ...outcome, lease: { ...outcome.lease, requestedExternalPort } } : outcome;
}
