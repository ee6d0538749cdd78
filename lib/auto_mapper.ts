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
import { isClosed, ofNeither, race, reasonAgainst } from "./auto_race.ts";
import type { Clock } from "./clock.ts";
import { NoAnswerError, NotSupportedError, PortMapperError, RefusedError } from "./errors.ts";
import type { Datagram } from "./net/datagram.ts";
import { untilAborted } from "./net/exchange.ts";
import {
  type GatewayInfo,
  type GatewayMemory,
  type KnownLease,
  type Lease,
  type MappingKey,
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

/** The protocol to use, or that it is to be found out. */
export type ViaChoice = "auto" | "pcp" | "nat-pmp";

/** Ours: for this long a gateway is taken to speak what it spoke last. RFC 6886 §1.1 warns against remembering it for ever. */
const HINT_MS = 10 * 60_000;

/** An epoch has whole seconds, and is on its way for a while. */
const EPOCH_STEP_MS = 2000;

/** Options of {@linkcode AutoMapper}. */
export interface AutoMapperOptions {
  readonly clock: Clock;
  readonly via: ViaChoice;
  /** How long one operation lasts unless it says otherwise, in milliseconds. */
  readonly timeoutMs: number;
  /** Makes the client of one protocol; one that asks while another request is under way takes no turn of its own. */
  readonly open: (via: Spoken, options?: OpenOptions) => Promise<PortMapper>;
  /** Checks whether an error means that this protocol will not do with a gateway that is there. */
  readonly isUnsuitable: (error: unknown) => boolean;
  /** Called with the protocol that is used, and why. */
  readonly onChoice?: ((via: Spoken, reason: string) => void) | undefined;
}

/** Options of a new client of one protocol. */
export interface OpenOptions {
  /** Whether its requests take no turn at the gateway. */
  readonly takesNoTurn?: boolean;
  /** Called whenever it sends a datagram. */
  readonly onSend?: () => void;
}

/** One operation, in whichever protocol. */
interface Operation<T> {
  readonly perform: (mapper: PortMapper, limits: RequestOptions) => Promise<T>;
  /** The outcome where the answer to NAT-PMP's question is all of it. */
  readonly fromAnswer?: (answer: GatewayInfo) => T;
}

/** A client over the protocols of UDP port 5351. */
export class AutoMapper implements PortMapper {
  readonly gateway: string;
  readonly #options: AutoMapperOptions;
  readonly #clients = new Map<Spoken, Promise<PortMapper>>();
  /** The clients that have been made. */
  readonly #ready = new Map<Spoken, PortMapper>();
  readonly #listeners = new Set<() => void>();
  /** Those who want to hear of updates, and what ends that at the client that sends them, once there is one. */
  readonly #updateListeners = new Map<() => void, () => void>();
  /** The leases, of this client and of earlier ones, by the mapping's name. */
  readonly #leases = new Map<string, KnownLease & { readonly via: Spoken }>();
  readonly #recalled = new Map<Spoken, { memory: GatewayMemory; options: RecallOptions }>();
  #spoken: SpokenLast | undefined;
  /** The protocol in which the gateway left a request unanswered, until it answers in it. */
  #silent: Spoken | undefined;
  /** The last loss of state, and the protocol that showed it. */
  #loss: SpokenLast | undefined;
  #last: Promise<void> = Promise.resolve();
  /** Called whenever a datagram of PCP is sent. */
  #onPcpSend = () => {};

  /** Nothing is sent yet. */
  constructor(gateway: string, options: AutoMapperOptions) {
    this.gateway = gateway;
    this.#options = options;
  }

  /** The protocol that the gateway spoke last; before that the one that is asked first. */
  get via(): Via {
    const { via } = this.#options;
    return this.#spoken?.via ?? (via === "auto" ? "pcp" : via);
  }

  probe(options: RequestOptions = {}): Promise<GatewayInfo> {
    return this.#run({
      perform: (mapper, limits) => mapper.probe(limits),
      fromAnswer: (answer) => answer,
    }, options);
  }

  findAddress(options: RequestOptions = {}): Promise<AddressInfo> {
    return this.#run({ perform: addressBy, fromAnswer: (answer) => answer as AddressInfo }, options);
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
    const lease = await this.#run({ perform }, limits, () => this.#choose(own));
    this.#leases.set(name, lease as Lease & { via: Spoken });
    for (const mapper of this.#ready.values()) if (mapper.via !== lease.via) mapper.adopt?.([lease]);
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
    const known = this.#leases.get(name);
    const operation = {
      perform: (mapper: PortMapper, limits: RequestOptions) =>
        mapper.unmap({ ...mapping, token: known?.token }, limits),
    };
    const own = known?.via ?? this.#guess(mapping);
    const unmapped = known !== undefined && this.#options.via !== "auto"
      ? await this.#inTurn(options, () => this.#by(known.via, operation, options))
      : await this.#run(operation, options, () => this.#choose(own) ?? own);
    this.#leases.delete(name);
    return unmapped;
  }

  /** Over PCP only who asked for a mapping can delete it, which this client may have done without an answer. */
  #guess(mapping: MappingKey): Spoken {
    return this.#spoken?.via !== "nat-pmp" && this.tokenOf(mapping) !== undefined ? "pcp" : "nat-pmp";
  }

  tokenOf(mapping: MappingKey): string | undefined {
    return this.#leases.get(mappingName(mapping))?.token ?? this.#ready.get("pcp")?.tokenOf?.(mapping);
  }

  unmapAll(protocol: TransportProtocol, options: RequestOptions = {}): Promise<Unmapped> {
    const operation = {
      perform: (mapper: PortMapper, limits: RequestOptions) => mapper.unmapAll!(protocol, limits),
    };
    return this.#inTurn(options, () => this.#by("nat-pmp", operation, options));
  }

  get ignoresEpoch(): boolean {
    return this.#speaker?.ignoresEpoch ?? false;
  }

  get tableAgeMs(): number | undefined {
    return this.#speaker?.tableAgeMs;
  }

  /** The memory of each client, and what the gateway spoke last. An epoch from before a known loss shows no other one. */
  get memory(): GatewayMemory | undefined {
    const memories = SPOKEN.flatMap((via) => {
      const { memory: earlier, options } = this.#recalled.get(via) ?? {};
      const memory = this.#ready.get(via)?.memory ?? (options?.holdsNothing ? undefined : earlier);
      return memory === undefined || memory.atMs < (this.#loss?.atMs ?? -Infinity)
        ? []
        : [[via, memory] as const];
    });
    return joinedMemory(memories, this.#spoken, this.#options.clock.now());
  }

  recall(memory: GatewayMemory, options: RecallOptions = {}): void {
    for (const [via, remembered] of memoriesIn(memory)) {
      if (!this.#recalled.has(via)) this.#recalled.set(via, { memory: remembered, options });
      this.#ready.get(via)?.recall(remembered, options);
    }
    this.#spoken ??= spokenIn(memory);
  }

  hasForgottenSince(memory: GatewayMemory): boolean {
    return [...memoriesIn(memory)].some(([via, remembered]) =>
      this.#ready.get(via)?.hasForgottenSince(remembered) ?? false
    );
  }

  adopt(leases: Iterable<KnownLease>): void {
    for (const { via, ...lease } of leases) {
      if (!isSpoken(via)) continue;
      const own = { ...lease, via };
      this.#leases.set(mappingName(lease), own);
      for (const mapper of this.#ready.values()) mapper.adopt?.([own]);
    }
  }

  onStateLost(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A client that is made later hears for the listener too. */
  onUpdate(listener: () => void): () => void {
    this.#updateListeners.set(listener, this.#ready.get("pcp")?.onUpdate?.(listener) ?? (() => {}));
    return () => {
      this.#updateListeners.get(listener)?.();
      this.#updateListeners.delete(listener);
    };
  }

  /** Announcements of both protocols come to one socket: the client that is in use knows what they let expect. */
  async *hints(datagrams: AsyncIterable<Datagram>): AsyncGenerator<void> {
    for await (const datagram of datagrams) {
      const mapper = await this.#client(this.#spoken?.via ?? "nat-pmp");
      yield* mapper.hints!(only(datagram));
    }
  }

  get #speaker(): PortMapper | undefined {
    return this.#spoken === undefined ? undefined : this.#ready.get(this.#spoken.via);
  }

  /** One operation at a time: a race has two requests under way, of which only one may change anything. */
  async #inTurn<T>({ signal }: RequestOptions, perform: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const turn = Promise.withResolvers<void>();
    this.#last = before.then(() => turn.promise);
    try {
      await untilAborted(before, signal);
      return await perform();
    } finally {
      turn.resolve();
    }
  }

  /** In `auto`, `choose` picks the protocol to begin with; without one it is found out. */
  #run<T extends object>(
    operation: Operation<T>,
    options: RequestOptions,
    choose = () => this.#hint(),
  ): Promise<T> {
    return this.#inTurn(options, async () => {
      const { via } = this.#options;
      if (via !== "auto") return await this.#by(via, operation, options);
      const chosen = choose();
      if (chosen === undefined) return await this.#race(operation, options);
      try {
        return await this.#by(chosen, operation, options);
      } catch (error) {
        if (isClosed(error)) throw ofNeither(error);
        const isSilent = error instanceof NoAnswerError;
        if (isSilent) this.#silent = chosen;
        const isUnsuitable = this.#options.isUnsuitable(error);
        if ((isSilent || isUnsuitable) && this.#spoken?.via === chosen) this.#spoken = undefined;
        if (!isUnsuitable) throw error;
        return await this.#byOther(chosen, operation, { options, error });
      }
    });
  }

  /** A lease's own protocol, unless the gateway was silent in that; else what it spoke last. */
  #choose(own: Spoken | undefined): Spoken | undefined {
    return own !== undefined && own !== this.#silent ? own : this.#hint();
  }

  /** The gateway may run other software than before. */
  async #byOther<T extends object>(
    via: Spoken,
    operation: Operation<T>,
    { options, error }: { options: RequestOptions; error: unknown },
  ): Promise<T> {
    const spentMs = error instanceof PortMapperError ? error.effort?.elapsedMs ?? 0 : 0;
    const limits = this.#rest(options, spentMs);
    if (limits.timeoutMs <= 0) throw error;
    try {
      const other = via === "pcp" ? "nat-pmp" : "pcp";
      return await this.#by(other, operation, limits, "the other one is not spoken");
    } catch (second) {
      throw this.#options.isUnsuitable(second) ? error : second;
    }
  }

  #hint(): Spoken | undefined {
    const { via, atMs } = this.#spoken ?? { atMs: -Infinity };
    return this.#options.clock.now() - atMs < HINT_MS ? via : undefined;
  }

  /** The limits for what is left of an operation, which begins with its first datagram. */
  #rest(options: RequestOptions, spentMs: number): RequestOptions & { readonly timeoutMs: number } {
    const { timeoutMs } = this.#options;
    return { ...options, timeoutMs: Math.round((options.timeoutMs ?? timeoutMs) - spentMs) };
  }

  async #by<T extends object>(
    via: Spoken,
    operation: Operation<T>,
    limits: RequestOptions,
    reason?: string,
  ): Promise<T> {
    const mapper = await this.#client(via);
    try {
      const result = await operation.perform(mapper, limits);
      this.#note(via, reason ?? "it answered");
      return { ...result, via };
    } catch (error) {
      if (error instanceof PortMapperError) error.via ??= via;
      if (error instanceof RefusedError && !this.#options.isUnsuitable(error)) this.#note(via, "it answered");
      throw error;
    }
  }

  #note(via: Spoken, reason: string): void {
    if (this.#spoken?.via !== via) this.#options.onChoice?.(via, reason);
    this.#spoken = { via, atMs: this.#options.clock.now() };
    if (this.#silent === via) this.#silent = undefined;
  }

  async #race<T extends object>(operation: Operation<T>, options: RequestOptions): Promise<T> {
    const { clock, isUnsuitable } = this.#options;
    try {
      const outcome = await race({
        clock,
        signal: options.signal,
        isUnsuitable,
        usesAnswer: operation.fromAnswer !== undefined,
        request: (signal, onSend) => {
          this.#onPcpSend = onSend;
          return this.#by("pcp", operation, { ...options, signal });
        },
        // It ends a little sooner than the request, so that it is known what became of it.
        ask: (signal, spentMs) => this.#ask({ ...this.#rest(options, spentMs + 1), signal }),
      });
      if (outcome.via === "pcp") return outcome.value;
      const { answer, error, questionError, spentMs } = outcome;
      if (answer !== undefined && operation.fromAnswer !== undefined) {
        this.#note("nat-pmp", "PCP was not answered");
        return operation.fromAnswer({ ...answer, via: "nat-pmp" });
      }
      const limits = this.#rest(options, spentMs);
      if (limits.timeoutMs <= 0) throw questionError ?? error;
      return await this.#instead(error, operation, limits);
    } finally {
      this.#onPcpSend = () => {};
    }
  }

  /** Where NAT-PMP is not spoken either, a refusal over PCP has the better story, and any failure where only PCP is. */
  async #instead<T extends object>(
    overPcp: unknown,
    operation: Operation<T>,
    limits: RequestOptions,
  ): Promise<T> {
    try {
      return await this.#by("nat-pmp", operation, limits, reasonAgainst(overPcp));
    } catch (error) {
      const isOnlyPcp = error instanceof NotSupportedError && error.version === PCP_VERSION;
      const isRefused = overPcp instanceof RefusedError && this.#options.isUnsuitable(error);
      throw isOnlyPcp || isRefused ? overPcp : error;
    }
  }

  /** NAT-PMP's question takes no turn at the gateway, as the request over PCP has it. */
  async #ask(limits: RequestOptions): Promise<GatewayInfo> {
    const mapper = await this.#options.open("nat-pmp", { takesNoTurn: true });
    return await mapper.probe(limits);
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
    return await this.#inTurn(options, async () => {
      const { elapsedMs } = await this.#by(
        via,
        { perform: (mapper, limits) => mapper.probe(limits) },
        options,
      );
      // Half of what is left is for the new mapping.
      const { timeoutMs } = this.#rest(options, elapsedMs);
      const limits = { ...options, timeoutMs: Math.max(1, Math.floor(timeoutMs / 2)) };
      const effort = await this.#by(lease.via, { perform: unmap }, limits).catch((error) => {
        // It may not be spoken any more; the mapping ends with its lifetime.
        const isAnswer = error instanceof NoAnswerError || error instanceof NotSupportedError ||
          error instanceof RefusedError;
        if (!isAnswer) throw error;
        return error.effort;
      });
      this.#leases.delete(mappingName(lease));
      const rest = this.#rest(options, elapsedMs + (effort?.elapsedMs ?? 0));
      return { ...rest, timeoutMs: Math.max(1, rest.timeoutMs) };
    });
  }

  #client(via: Spoken): Promise<PortMapper> {
    const made = this.#clients.get(via);
    if (made !== undefined) return made;
    const making = this.#make(via);
    this.#clients.set(via, making);
    return making;
  }

  async #make(via: Spoken): Promise<PortMapper> {
    const onSend = () => this.#onPcpSend();
    const mapper = await this.#options.open(via, via === "pcp" ? { onSend } : {});
    const recalled = this.#recalled.get(via);
    if (recalled !== undefined) mapper.recall(recalled.memory, recalled.options);
    mapper.adopt?.(this.#leases.values());
    mapper.onStateLost(() => this.#noteLoss(via, mapper));
    for (const listener of mapper.onUpdate === undefined ? [] : [...this.#updateListeners.keys()]) {
      this.#updateListeners.set(listener, mapper.onUpdate!(listener));
    }
    this.#ready.set(via, mapper);
    return mapper;
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

/** The version of PCP (RFC 6887 §7.1), as NAT-PMP's client finds it in an answer. */
const PCP_VERSION = 2;

async function* only<T>(item: T): AsyncGenerator<T> {
  yield await Promise.resolve(item);
}

type AddressInfo = GatewayInfo & { readonly externalAddress: string };

/** NAT-PMP's probe has the address. */
async function addressBy(mapper: PortMapper, limits: RequestOptions): Promise<AddressInfo> {
  if (mapper.findAddress !== undefined) return await mapper.findAddress(limits);
  return await mapper.probe(limits) as AddressInfo;
}
