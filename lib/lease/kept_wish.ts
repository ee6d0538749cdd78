/**
 * What a keeper knows about one wish: the leases that it has, what was told about them, and when it is due.
 *
 * @module
 */

import type { Lease, MappingKey, TransportProtocol, UnmapRequest } from "../port_mapper.ts";
import type { AcquireOutcome, MappingWish } from "./acquire.ts";
import { causeOf } from "./cause.ts";
import type { MappingEvent } from "./keeper_event.ts";
import { joinsAtMs } from "./schedule.ts";
import { ToldLeases } from "./told_leases.ts";

interface Held {
  readonly lease: Lease;
  /** The gateway's state that the lease belongs to; another number means that the gateway forgot it. */
  readonly state: number;
}

/** What an earlier process held for a mapping, as far as it still lives. */
export type KnownBefore = (mapping: MappingKey) => { readonly externalPort: number } | undefined;

/** One wish, and what is held for it. */
export class KeptWish {
  /** What is wanted. */
  readonly wish: MappingWish;
  /** When to try again after a failure; absent while there was none. */
  retryAtMs: number | undefined;
  /** How many tries failed in a row. */
  failures = 0;
  /** When the last try failed. */
  failedAtMs = -Infinity;
  /** Why the last try failed, until that is told. */
  untoldError: unknown;
  /** Whether the calendar says that a lease is over, which a renewal is to confirm first. */
  isDoubtful = false;
  readonly #held = new Map<TransportProtocol, Held>();
  readonly #told = new ToldLeases();
  /** What may stand at the gateway although nobody was told: halves of a pair, and requests without an answer. */
  readonly #untold = new Map<TransportProtocol, UnmapRequest>();
  #renewAtMs = Infinity;
  #joinsAtMs = Infinity;
  #expiresAtMs = Infinity;
  #lifeMs = Infinity;
  /** The oldest of the states that the leases belong to. */
  #state = Infinity;
  #lastPort: number | undefined;
  readonly #known: KnownBefore;
  #cause: string | undefined;

  /**
   * Starts without a lease.
   *
   * @param wish What is wanted.
   * @param known What an earlier process held.
   */
  constructor(wish: MappingWish, known: KnownBefore = () => undefined) {
    this.wish = wish;
    this.#known = known;
  }

  /** What is asked for while nothing is held: the wish, and where the gateway is to choose the port that it chose last. */
  get newWish(): MappingWish {
    const { wish } = this;
    if (wish.externalPort !== undefined) return wish;
    const lastPort = this.#lastPort ?? this.mappings.map(this.#known).find((lease) => lease)?.externalPort;
    return lastPort === undefined ? wish : { ...wish, externalPort: lastPort, exact: false };
  }

  /**
   * Tells whether a mapping did not stand before this keeper asked for it.
   *
   * @param mapping The mapping.
   * @returns Whether it is this keeper's to give back.
   */
  isNew(mapping: MappingKey): boolean {
    return this.#known(mapping) === undefined;
  }

  /** The mappings of the wish, in its order. */
  get mappings(): readonly MappingKey[] {
    return this.wish.protocols.map((protocol) => ({ protocol, internalPort: this.wish.internalPort }));
  }

  /** Whether a lease lives. */
  get isHeld(): boolean {
    return this.#held.size > 0;
  }

  /** The leases that live. */
  get leases(): readonly Lease[] {
    return this.wish.protocols.flatMap((protocol) => this.#held.get(protocol)?.lease ?? []);
  }

  /** When the first of the leases ends; `Infinity` without one. */
  get expiresAtMs(): number {
    return this.#expiresAtMs;
  }

  /** The shortest life that was granted to one of the leases; `Infinity` without one. */
  get lifeMs(): number {
    return this.#lifeMs;
  }

  /** What may stand at the gateway: what is held, and what may have been granted without anybody knowing. */
  get standing(): readonly MappingKey[] {
    return this.mappings.filter(({ protocol }) => this.#held.has(protocol) || this.#untold.has(protocol));
  }

  /**
   * Adds the known external port and end to a mapping that is to be deleted.
   *
   * @param mapping The mapping.
   * @returns The mapping with its external port and its end, where they are known.
   */
  toDelete({ protocol, internalPort }: MappingKey): UnmapRequest {
    const { externalPort, expiresAtMs }: Partial<UnmapRequest> = this.lease(protocol) ??
      this.#untold.get(protocol) ?? {};
    return { protocol, internalPort, externalPort, expiresAtMs };
  }

  /**
   * The lease for a protocol.
   *
   * @param protocol The protocol.
   * @returns The lease, if one lives.
   */
  lease(protocol: TransportProtocol): Lease | undefined {
    return this.#held.get(protocol)?.lease;
  }

  /**
   * Tells whether a lease stands at the gateway as it is now, and not only as it was before it may have lost it.
   *
   * @param protocol The protocol.
   * @param state The gateway's state.
   * @returns Whether one lives and does.
   */
  isCurrent(protocol: TransportProtocol, state: number): boolean {
    return this.#held.get(protocol)?.state === state;
  }

  /**
   * When the wish is due.
   *
   * @param state The gateway's state.
   * @returns The time; `-Infinity` when something is missing.
   */
  dueAtMs(state: number): number {
    if (this.retryAtMs !== undefined) return this.retryAtMs;
    if (this.#held.size < this.wish.protocols.length || this.#state < state) return -Infinity;
    return this.#renewAtMs;
  }

  /**
   * What to ask for: what is missing or forgotten, and what is due or may be renewed together with that.
   *
   * @param state The gateway's state.
   * @param nowMs The time.
   * @returns The protocols, in the wish's order.
   */
  protocolsToAsk(state: number, nowMs: number): readonly TransportProtocol[] {
    return this.wish.protocols.filter((protocol) => {
      const held = this.#held.get(protocol);
      return held === undefined || held.state !== state || joinsAtMs(held.lease) <= nowMs;
    });
  }

  /**
   * When the wish may be renewed together with others.
   *
   * @param state The gateway's state.
   * @returns The time.
   */
  joinsAtMs(state: number): number {
    return this.retryAtMs ?? Math.min(this.dueAtMs(state), this.#joinsAtMs);
  }

  /**
   * Takes what was granted. Halves of a new pair are not held before the other half is.
   *
   * @param outcomes What became of the requests.
   * @param stateOf The gateway's state when it granted a protocol's mapping.
   */
  grant(outcomes: readonly AcquireOutcome[], stateOf: (protocol: TransportProtocol) => number): void {
    const leases = outcomes.flatMap((outcome) => "lease" in outcome ? [outcome.lease] : []);
    const isHalf = !this.isHeld && leases.length < this.wish.protocols.length;
    for (const lease of leases) {
      if (isHalf) {
        this.#untold.set(lease.protocol, lease);
        continue;
      }
      this.#untold.delete(lease.protocol);
      this.#held.set(lease.protocol, { lease, state: stateOf(lease.protocol) });
      this.#told.note(lease);
      this.#lastPort = this.lease(this.wish.protocols[0]!)?.externalPort ?? lease.externalPort;
    }
    this.#refresh();
  }

  /**
   * Notes that nobody knows whether a mapping stands at the gateway, as a request for it had no answer.
   *
   * @param mapping The mapping, and what is known of it.
   */
  suspect(mapping: UnmapRequest): void {
    this.#untold.set(mapping.protocol, { ...this.#untold.get(mapping.protocol), ...mapping });
  }

  /** Notes a try that succeeded. */
  succeed(): void {
    this.hurry();
    this.isDoubtful = false;
    this.#cause = undefined;
    this.untoldError = undefined;
  }

  /** Makes the wish due when its leases are, whatever failed before. */
  hurry(): void {
    this.retryAtMs = undefined;
    this.failures = 0;
    this.failedAtMs = -Infinity;
  }

  /**
   * Makes the leases due now, and older than the monotonic clock knows.
   *
   * @param ms By how much older.
   * @param nowMs The time.
   */
  age(ms: number, nowMs: number): void {
    this.hurry();
    if (ms > 0) this.isDoubtful = this.isHeld;
    for (const [protocol, { lease, state }] of this.#held) {
      const expiresAtMs = lease.expiresAtMs - ms;
      this.#held.set(protocol, { lease: { ...lease, renewAtMs: nowMs, expiresAtMs }, state });
    }
    this.#refresh();
  }

  /**
   * Drops the leases that are over.
   *
   * @param nowMs The time.
   * @returns What to tell about them.
   */
  expire(nowMs: number): MappingEvent[] {
    if (this.isDoubtful || nowMs < this.#expiresAtMs) return [];
    const over = this.leases.filter(({ expiresAtMs }) => expiresAtMs <= nowMs);
    if (over.length > 0) this.hurry();
    return over.flatMap((lease) => this.drop(lease, "expired"));
  }

  /**
   * Drops one lease.
   *
   * @param mapping Whose.
   * @param type Why.
   * @returns What to tell about it; nothing if it was never told of.
   */
  drop({ protocol }: MappingKey, type: "expired" | "unmapped"): MappingEvent[] {
    this.#held.delete(protocol);
    this.#untold.delete(protocol);
    this.#refresh();
    return this.#told.end({ protocol, internalPort: this.wish.internalPort }, type);
  }

  /** Forgets every lease, as they belong to another gateway. The ports are asked for again. */
  forget(): void {
    this.#held.clear();
    this.#told.clear();
    this.#untold.clear();
    this.#refresh();
    this.succeed();
  }

  /**
   * What is new about the mappings since the last time. What the gateway may have lost has no news before it is granted
   * again.
   *
   * @param externalAddress The external address, where it is known.
   * @param state The gateway's state.
   * @returns One event for each mapping that has news.
   */
  news(externalAddress: string | undefined, state: number): MappingEvent[] {
    return this.leases
      .filter(({ protocol }) => this.isCurrent(protocol, state))
      .flatMap((lease) => this.#told.news(lease, externalAddress));
  }

  /** The error of the last try if its cause was not told before; it counts as told from now on. */
  takeNewError(): unknown {
    const error = this.untoldError;
    this.untoldError = undefined;
    if (error === undefined || causeOf(error) === this.#cause) return undefined;
    this.#cause = causeOf(error);
    return error;
  }

  /** These are asked for far more often than they change. */
  #refresh(): void {
    const { leases } = this;
    this.#renewAtMs = Math.min(...leases.map(({ renewAtMs }) => renewAtMs));
    this.#joinsAtMs = Math.min(...leases.map(joinsAtMs));
    this.#expiresAtMs = Math.min(...leases.map(({ expiresAtMs }) => expiresAtMs));
    this.#lifeMs = Math.min(...leases.map(({ lifetimeSeconds }) => lifetimeSeconds * 1000));
    this.#state = Math.min(...[...this.#held.values()].map(({ state }) => state));
  }
}
