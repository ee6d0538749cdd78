/**
 * A client of one gateway over the protocols that it may speak: it finds out which, and keeps to it.
 *
 * @module
 */

import {
  isSpoken,
  joinedMemory,
  memoriesIn,
  SPOKEN,
  type Spoken,
  spokenIn,
  type SpokenLast,
} from "./auto_memory.ts";
import { NoAnswerError, NotSupportedError, RefusedError } from "./errors.ts";
import type { Datagram } from "./net/datagram.ts";
import {
  type GatewayInfo,
  type GatewayMemory,
  type KnownLease,
  type Lease,
  type MappingKey,
  type MappingList,
  mappingName,
  type MapRequest,
  type PortMapper,
  type RecallOptions,
  type RequestOptions,
  type TransportProtocol,
  type Unmapped,
  type UnmapRequest,
  type Via,
} from "./port_mapper.ts";
import { type Operation, ProtocolFinder, type ProtocolFinderOptions } from "./protocol_finder.ts";

/** An epoch has whole seconds, and is on its way for a while. */
const EPOCH_STEP_MS = 2000;

/** A client over every protocol. */
export class AutoMapper implements PortMapper {
  readonly gateway: string;
  readonly #options: ProtocolFinderOptions;
  readonly #finder: ProtocolFinder;
  readonly #listeners = new Set<() => void>();
  /** Those who want to hear of updates, and what ends that at the clients that there are. */
  readonly #updateListeners = new Map<() => void, readonly (() => void)[]>();
  /** The leases, of this client and of earlier ones, by the mapping's name. */
  readonly #leases = new Map<string, KnownLease & { readonly via: Spoken }>();
  readonly #recalled = new Map<Spoken, { memory: GatewayMemory; options: RecallOptions }>();
  /** The last loss of state, and the protocol that showed it. */
  #loss: SpokenLast | undefined;

  /** Nothing is sent yet. */
  constructor(gateway: string, options: ProtocolFinderOptions) {
    this.gateway = gateway;
    this.#options = options;
    this.#finder = new ProtocolFinder(options, (via, mapper) => this.#begin(via, mapper));
  }

  /** The protocol that the gateway spoke last; before that the one that is asked first. */
  get via(): Via {
    return this.#finder.via;
  }

  probe(options: RequestOptions = {}): Promise<GatewayInfo> {
    return this.#finder.run({
      perform: (mapper, limits) => mapper.probe(limits),
      fromAnswer: (answer) => answer,
    }, options);
  }

  findAddress(options: RequestOptions = {}): Promise<AddressInfo> {
    return this.#finder.run({ perform: addressBy, fromAnswer: (answer) => answer as AddressInfo }, options);
  }

  async map(request: MapRequest, options: RequestOptions = {}): Promise<Lease> {
    const name = mappingName(request);
    const { via } = this.#options;
    const before = this.#leases.get(name);
    const limits = before !== undefined && via !== "auto" && before.via !== via
      ? await this.#leave(before, via, options)
      : options;
    const known = this.#leases.get(name);
    const perform = (mapper: PortMapper, limits: RequestOptions) =>
      mapper.map(mapper.via === known?.via ? this.#renewal(request, known) : request, limits);
    const own = known !== undefined && this.#lives(known) ? known.via : undefined;
    const lease = await this.#finder.run({ perform }, limits, () => this.#finder.choose(own));
    this.#leases.set(name, lease as Lease & { via: Spoken });
    for (const mapper of this.#finder.ready.values()) if (mapper.via !== lease.via) mapper.adopt?.([lease]);
    return lease;
  }

  #lives({ expiresAtMs = 0 }: KnownLease): boolean {
    return expiresAtMs > this.#options.clock.now();
  }

  /** A living mapping keeps its port: with another suggestion some PCP servers (miniupnpd) open a second one. */
  #renewal(request: MapRequest, known: KnownLease): MapRequest {
    const { via, token, externalPort, expiresAtMs } = known;
    if (!this.#lives(known)) return { ...request, token };
    const keepsPort = via === "pcp" && externalPort !== undefined;
    return { ...request, token, expiresAtMs, ...(keepsPort ? { externalPort, exact: false } : {}) };
  }

  async unmap(mapping: UnmapRequest, options: RequestOptions = {}): Promise<Unmapped> {
    const name = mappingName(mapping);
    const { via } = this.#options;
    const lease = this.#leases.get(name);
    // A host may have several mappings of one port in the table of UPnP.
    const isAnother = via === "upnp" && mapping.externalPort !== undefined && !mapping.isPortGuess &&
      mapping.externalPort !== lease?.externalPort;
    const known = isAnother ? undefined : lease;
    const operation = {
      perform: (mapper: PortMapper, limits: RequestOptions) =>
        mapper.unmap({ ...requestFor(mapper, mapping), token: known?.token }, limits),
    };
    const unmapped = await this.#unmapBy(known?.via ?? this.#guess(mapping), operation, {
      options,
      isGuess: known === undefined,
    });
    if (!isAnother) this.#leases.delete(name);
    return unmapped;
  }

  async #unmapBy(
    own: Spoken,
    operation: Operation<Unmapped>,
    { options, isGuess }: { readonly options: RequestOptions; readonly isGuess: boolean },
  ): Promise<Unmapped> {
    const isAuto = this.#options.via === "auto";
    if (!isGuess && !isAuto) {
      return await this.#finder.inTurn(options, () => this.#byOwn(own, operation, options));
    }
    const isUnknown = isAuto && isGuess && own === "nat-pmp" && this.#finder.choose(undefined) === undefined;
    return isUnknown
      ? await this.#finder.byNatPmpOrUpnp(operation, options)
      : await this.#finder.run(operation, options, () => this.#finder.choose(own) ?? own);
  }

  /** By a lease's own protocol. UPnP can delete any, where the router does not speak that any more. */
  #byOwn(own: Spoken, operation: Operation<Unmapped>, options: RequestOptions): Promise<Unmapped> {
    const isSpare = this.#options.via === "upnp" && own !== "upnp";
    return this.#finder.by(own, operation, options).catch((error) => {
      if (!isSpare || !(error instanceof NotSupportedError)) throw error;
      const limits = this.#finder.rest(options, error.effort?.elapsedMs ?? 0);
      return this.#finder.by("upnp", operation, { ...limits, timeoutMs: Math.max(1, limits.timeoutMs) });
    });
  }

  /** Over PCP only who asked for a mapping can delete it, which this client may have done without an answer. */
  #guess(mapping: MappingKey): Spoken {
    const spoken = this.#finder.spoken?.via;
    if (spoken === "upnp") return spoken;
    return spoken !== "nat-pmp" && this.tokenOf(mapping) !== undefined ? "pcp" : "nat-pmp";
  }

  tokenOf(mapping: MappingKey): string | undefined {
    return this.#leases.get(mappingName(mapping))?.token ?? this.#finder.ready.get("pcp")?.tokenOf?.(mapping);
  }

  /** Only UPnP shows the table, whatever else the gateway speaks and is used for all the rest. */
  list(options: RequestOptions = {}): Promise<MappingList> {
    const operation = { perform: (mapper: PortMapper, limits: RequestOptions) => mapper.list!(limits) };
    const isNamed = this.#options.via === "upnp";
    return this.#finder.inTurn(
      options,
      () =>
        isNamed
          ? this.#finder.by("upnp", operation, options)
          : this.#finder.aside("upnp", operation, options),
    );
  }

  get needsPolling(): boolean {
    return this.#finder.speaker?.needsPolling ?? false;
  }

  unmapAll(protocol: TransportProtocol, options: RequestOptions = {}): Promise<Unmapped> {
    const operation = {
      perform: (mapper: PortMapper, limits: RequestOptions) => mapper.unmapAll!(protocol, limits),
    };
    return this.#finder.inTurn(options, () => this.#finder.by("nat-pmp", operation, options));
  }

  get ignoresEpoch(): boolean {
    return this.#finder.speaker?.ignoresEpoch ?? false;
  }

  get tableAgeMs(): number | undefined {
    return this.#finder.speaker?.tableAgeMs;
  }

  /** The memory of each client, and what the gateway spoke last. An epoch from before a known loss shows no other one. */
  get memory(): GatewayMemory | undefined {
    const memories = SPOKEN.flatMap((via) => {
      const { memory: earlier, options } = this.#recalled.get(via) ?? {};
      const memory = this.#finder.ready.get(via)?.memory ?? (options?.holdsNothing ? undefined : earlier);
      return memory === undefined || memory.atMs < (this.#loss?.atMs ?? -Infinity)
        ? []
        : [[via, memory] as const];
    });
    return joinedMemory(memories, this.#finder.spoken, this.#options.clock.now());
  }

  recall(memory: GatewayMemory, options: RecallOptions = {}): void {
    for (const [via, remembered] of memoriesIn(memory)) {
      if (!this.#recalled.has(via)) this.#recalled.set(via, { memory: remembered, options });
      this.#finder.ready.get(via)?.recall(remembered, options);
    }
    this.#finder.recall(spokenIn(memory));
  }

  hasForgottenSince(memory: GatewayMemory): boolean {
    return [...memoriesIn(memory)].some(([via, remembered]) =>
      this.#finder.ready.get(via)?.hasForgottenSince(remembered) ?? false
    );
  }

  adopt(leases: Iterable<KnownLease>): void {
    for (const { via, ...lease } of leases) {
      if (!isSpoken(via)) continue;
      const own = { ...lease, via };
      this.#leases.set(mappingName(lease), own);
      for (const mapper of this.#finder.ready.values()) mapper.adopt?.([own]);
    }
  }

  onStateLost(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A client that is made later hears for the listener too. */
  onUpdate(listener: () => void): () => void {
    const subscriptions = [...this.#finder.ready.values()].map((mapper) => mapper.onUpdate?.(listener));
    this.#updateListeners.set(listener, subscriptions.filter((one) => one !== undefined));
    return () => {
      for (const end of this.#updateListeners.get(listener) ?? []) end();
      this.#updateListeners.delete(listener);
    };
  }

  /** Announcements of both protocols come to one socket: the client that is in use knows what they let expect. */
  async *hints(datagrams: AsyncIterable<Datagram>): AsyncGenerator<void> {
    for await (const datagram of datagrams) {
      const mapper = await this.#finder.client(this.#finder.spoken?.via ?? "nat-pmp");
      yield* mapper.hints?.(only(datagram)) ?? [];
    }
  }

  /**
   * Deletes what another protocol made, before it is made anew by the one that was named; not before that one has answered.
   *
   * @returns The limits for the rest.
   */
  async #leave(
    lease: KnownLease & { readonly via: Spoken },
    via: Spoken,
    options: RequestOptions,
  ): Promise<RequestOptions> {
    const unmap = (mapper: PortMapper, limits: RequestOptions) => mapper.unmap(lease, limits);
    return await this.#finder.inTurn(options, async () => {
      const { elapsedMs } = await this.#finder.by(
        via,
        { perform: (mapper, limits) => mapper.probe(limits) },
        options,
      );
      // Half of what is left is for the new mapping.
      const { timeoutMs } = this.#finder.rest(options, elapsedMs);
      const limits = { ...options, timeoutMs: Math.max(1, Math.floor(timeoutMs / 2)) };
      const effort = await this.#finder.by(lease.via, { perform: unmap }, limits).catch((error) => {
        // It may not be spoken any more; the mapping ends with its lifetime.
        const isAnswer = error instanceof NoAnswerError || error instanceof NotSupportedError ||
          error instanceof RefusedError;
        if (!isAnswer) throw error;
        return error.effort;
      });
      this.#leases.delete(mappingName(lease));
      const rest = this.#finder.rest(options, elapsedMs + (effort?.elapsedMs ?? 0));
      return { ...rest, timeoutMs: Math.max(1, rest.timeoutMs) };
    });
  }

  #begin(via: Spoken, mapper: PortMapper): void {
    const recalled = this.#recalled.get(via);
    if (recalled !== undefined) mapper.recall(recalled.memory, recalled.options);
    mapper.adopt?.(this.#leases.values());
    mapper.onStateLost(() => this.#noteLoss(via, mapper));
    for (const [listener, subscriptions] of this.#updateListeners) {
      const end = mapper.onUpdate?.(listener);
      if (end !== undefined) this.#updateListeners.set(listener, [...subscriptions, end]);
    }
  }

  /** Where both protocols have one table, each of them shows its loss. */
  #noteLoss(via: Spoken, { tableAgeMs = 0 }: PortMapper): void {
    const nowMs = this.#options.clock.now();
    const loss = this.#loss;
    const isKnown = loss !== undefined && loss.via !== via && nowMs - tableAgeMs <= loss.atMs + EPOCH_STEP_MS;
    if (isKnown) return;
    this.#loss = { via, atMs: nowMs };
    for (const other of SPOKEN) if (other !== via) this.#recalled.delete(other);
    for (const [name, { externalPort: _, expiresAtMs: _end, ...lease }] of this.#leases) {
      this.#leases.set(name, lease);
    }
    for (const listener of this.#listeners) listener();
  }
}

async function* only<T>(item: T): AsyncGenerator<T> {
  yield await Promise.resolve(item);
}

/** UPnP names a mapping by its external port, and finds that out where it is not known. */
function requestFor({ via }: PortMapper, mapping: UnmapRequest): UnmapRequest {
  return via === "upnp" && mapping.isPortGuess ? { ...mapping, externalPort: undefined } : mapping;
}

type AddressInfo = GatewayInfo & { readonly externalAddress: string };

/** NAT-PMP's probe has the address. */
async function addressBy(mapper: PortMapper, limits: RequestOptions): Promise<AddressInfo> {
  if (mapper.findAddress !== undefined) return await mapper.findAddress(limits);
  return await mapper.probe(limits) as AddressInfo;
}
