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
import type { Clock } from "./clock.ts";
import { NoAnswerError, NotSupportedError, PortMapperError, RefusedError } from "./errors.ts";
import type { Datagram } from "./net/datagram.ts";
import { untilAborted } from "./net/exchange.ts";
import {
  type GatewayInfo,
  type GatewayMemory,
  type KnownLease,
  type Lease,
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
import { type Heard, type Move, nextMove } from "./protocol_choice.ts";

/** The protocol to use, or that it is to be found out. */
export type ViaChoice = "auto" | "pcp" | "nat-pmp";

/** Ours: for this long a gateway is taken to speak what it spoke last. RFC 6886 §1.1 warns against remembering it for ever. */
const HINT_MS = 10 * 60_000;

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
  /** The leases, of this client and of earlier ones, by the mapping's name. */
  readonly #leases = new Map<string, KnownLease & { readonly via: Spoken }>();
  readonly #recalled = new Map<Spoken, GatewayMemory>();
  #spoken: SpokenLast | undefined;
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

  findAddress(
    options: RequestOptions = {},
  ): Promise<GatewayInfo & { readonly externalAddress: string }> {
    return this.#run({ perform: addressBy, fromAnswer: (answer) => answer as AddressInfo }, options);
  }

  async map(request: MapRequest, options: RequestOptions = {}): Promise<Lease> {
    const name = mappingName(request);
    const { via } = this.#options;
    const before = this.#leases.get(name);
    if (before !== undefined && via !== "auto" && before.via !== via) await this.#leave(before, options);
    const known = this.#leases.get(name);
    const perform = (mapper: PortMapper, limits: RequestOptions) =>
      mapper.map(mapper.via === known?.via ? this.#renewal(request, known) : request, limits);
    const lease = await this.#run({ perform }, options, known?.via);
    this.#leases.set(name, lease as Lease & { via: Spoken });
    return lease;
  }

  /** A living mapping keeps its port: with another suggestion some PCP servers (miniupnpd) open a second one. */
  #renewal(request: MapRequest, { via, token, externalPort, expiresAtMs = 0 }: KnownLease): MapRequest {
    const keepsPort = via === "pcp" && externalPort !== undefined && expiresAtMs > this.#options.clock.now();
    return { ...request, token, ...(keepsPort ? { externalPort, exact: false } : {}) };
  }

  async unmap(mapping: UnmapRequest, options: RequestOptions = {}): Promise<Unmapped> {
    const name = mappingName(mapping);
    const known = this.#leases.get(name);
    const operation = {
      perform: (mapper: PortMapper, limits: RequestOptions) =>
        mapper.unmap({ ...mapping, token: known?.token }, limits),
    };
    const unmapped = known === undefined
      // Over PCP only who made a mapping can delete it.
      ? await this.#run(operation, options, this.#options.via === "auto" ? "nat-pmp" : undefined)
      : await this.#inTurn(options, () => this.#by(known.via, operation, options));
    this.#leases.delete(name);
    return unmapped;
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

  /** The memory of each client, and what the gateway spoke last. */
  get memory(): GatewayMemory | undefined {
    const memories = SPOKEN.flatMap((via) => {
      const memory = this.#ready.get(via)?.memory ?? this.#recalled.get(via);
      return memory === undefined ? [] : [[via, memory] as const];
    });
    return joinedMemory(memories, this.#spoken, this.#options.clock.now());
  }

  recall(memory: GatewayMemory, { holdsNothing = false }: RecallOptions = {}): void {
    for (const [via, remembered] of holdsNothing ? [] : memoriesIn(memory)) {
      this.#recalled.set(via, remembered);
      this.#ready.get(via)?.recall(remembered);
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
      if (isSpoken(via)) this.#leases.set(mappingName(lease), { ...lease, via });
    }
  }

  onStateLost(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Announcements of both protocols come to one socket, and NAT-PMP's client knows those of both. */
  async *hints(datagrams: AsyncIterable<Datagram>): AsyncGenerator<void> {
    const mapper = await this.#client("nat-pmp");
    yield* mapper.hints!(datagrams);
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

  #run<T extends object>(operation: Operation<T>, options: RequestOptions, own?: Spoken): Promise<T> {
    return this.#inTurn(options, async () => {
      const { via } = this.#options;
      if (via !== "auto") return await this.#by(via, operation, options);
      const hint = own ?? this.#hint();
      if (hint === undefined) return await this.#race(operation, options);
      try {
        return await this.#by(hint, operation, options);
      } catch (error) {
        if (error instanceof NoAnswerError) this.#spoken = undefined;
        if (isClosed(error)) throw ofNeither(error);
        if (!this.#options.isUnsuitable(error)) throw error;
        this.#spoken = undefined;
        return await this.#byOther(hint, operation, { options, error });
      }
    });
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
  }

  /** Sends the operation over PCP and, when that takes long, a question over NAT-PMP. */
  async #race<T extends object>(operation: Operation<T>, options: RequestOptions): Promise<T> {
    const { clock, isUnsuitable } = this.#options;
    const over = new AbortController();
    const signal = options.signal === undefined
      ? over.signal
      : AbortSignal.any([over.signal, options.signal]);
    let change = Promise.withResolvers<void>();
    let heard: Omit<Heard, "elapsedMs"> = { pcp: "pending", natPmp: "unasked" };
    const hear = (more: Partial<typeof heard>) => {
      heard = { ...heard, ...more };
      change.resolve();
    };
    // Before its turn at the gateway nothing is sent, over neither protocol.
    let sentAtMs = Infinity;
    const spentMs = () => Math.max(0, clock.now() - sentAtMs);
    this.#onPcpSend = () => {
      if (sentAtMs !== Infinity) return;
      sentAtMs = clock.now();
      change.resolve();
    };
    const pcp = settled(this.#by("pcp", operation, { ...options, signal }));
    void pcp.then((outcome) =>
      hear({ pcp: "value" in outcome ? "answered" : kindOf(outcome.error, isUnsuitable) })
    );
    let question: Promise<Settled<GatewayInfo>> | undefined;
    try {
      for (;;) {
        const move: Move = nextMove({ ...heard, elapsedMs: clock.now() - sentAtMs });
        switch (move.kind) {
          case "take-pcp":
          case "give-up":
            return await this.#outcomeOf(await pcp, question && await question);
          case "ask-nat-pmp":
            question = settled(this.#ask({ ...this.#rest(options, spentMs()), signal }));
            void question.then((outcome) =>
              hear({ natPmp: "value" in outcome ? "answered" : answerOf(outcome.error) })
            );
            hear({ natPmp: "pending" });
            break;
          case "use-nat-pmp": {
            const answer = question && await question;
            if (answer !== undefined && "value" in answer && operation.fromAnswer !== undefined) {
              this.#note("nat-pmp", "PCP was not answered");
              return operation.fromAnswer({ ...answer.value, via: "nat-pmp" });
            }
            over.abort();
            const limits = this.#rest(options, spentMs());
            if (limits.timeoutMs <= 0) return this.#outcomeOf(await pcp, question && await question);
            return await this.#instead(await pcp, operation, limits);
          }
          case "wait": {
            const timer = new AbortController();
            const ms = move.untilMs - (clock.now() - sentAtMs);
            const sleeping = ms === Infinity
              ? []
              : [clock.sleep(ms, { signal: timer.signal }).catch(() => {})];
            await Promise.race([change.promise, ...sleeping]);
            timer.abort();
          }
        }
        change = Promise.withResolvers();
      }
    } finally {
      over.abort();
      this.#onPcpSend = () => {};
    }
  }

  /** Where NAT-PMP is not spoken either, a refusal over PCP has the better story. */
  async #instead<T extends object>(
    pcp: Settled<T>,
    operation: Operation<T>,
    limits: RequestOptions,
  ): Promise<T> {
    try {
      return await this.#by("nat-pmp", operation, limits, "PCP is not spoken");
    } catch (error) {
      const hasRefused = "error" in pcp && pcp.error instanceof RefusedError;
      throw hasRefused && this.#options.isUnsuitable(error) ? pcp.error : error;
    }
  }

  /** NAT-PMP's question takes no turn at the gateway, as the request over PCP has it. */
  async #ask(limits: RequestOptions): Promise<GatewayInfo> {
    const mapper = await this.#options.open("nat-pmp", { takesNoTurn: true });
    return await mapper.probe(limits);
  }

  #outcomeOf<T>(pcp: Settled<T>, question: Settled<GatewayInfo> | undefined): T {
    if ("value" in pcp) return pcp.value;
    const { error } = pcp;
    if (isClosed(error)) throw ofNeither(error);
    // Where neither answered, the one that was asked longer has the better story.
    if (question !== undefined && "error" in question && question.error instanceof NotSupportedError) {
      throw question.error;
    }
    if (question !== undefined && "error" in question && this.#options.isUnsuitable(error)) {
      throw question.error;
    }
    throw error instanceof NoAnswerError ? ofNeither(error) : error;
  }

  /** Deletes what another protocol made, before it is made anew by the one that was named. */
  async #leave(lease: KnownLease & { readonly via: Spoken }, options: RequestOptions): Promise<void> {
    const perform = (mapper: PortMapper, limits: RequestOptions) => mapper.unmap(lease, limits);
    try {
      await this.#inTurn(options, () => this.#by(lease.via, { perform }, options));
    } catch (error) {
      // It may not be spoken any more; the mapping ends with its lifetime.
      if (!(error instanceof PortMapperError)) throw error;
    }
    this.#leases.delete(mappingName(lease));
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
    const remembered = this.#recalled.get(via);
    if (remembered !== undefined) mapper.recall(remembered);
    mapper.onStateLost(() => {
      for (const listener of this.#listeners) listener();
    });
    this.#ready.set(via, mapper);
    return mapper;
  }
}

type AddressInfo = GatewayInfo & { readonly externalAddress: string };

/** NAT-PMP's probe has the address. */
async function addressBy(mapper: PortMapper, limits: RequestOptions): Promise<AddressInfo> {
  if (mapper.findAddress !== undefined) return await mapper.findAddress(limits);
  return await mapper.probe(limits) as AddressInfo;
}

type Settled<T> = { readonly value: T } | { readonly error: unknown };

function settled<T>(promise: Promise<T>): Promise<Settled<T>> {
  return promise.then((value) => ({ value }), (error) => ({ error }));
}

/** Both protocols have the same port. */
function isClosed(error: unknown): error is NotSupportedError {
  return error instanceof NotSupportedError && error.reason === "port-unreachable";
}

/** An error that is not of one protocol alone. */
function ofNeither(error: PortMapperError): PortMapperError {
  delete error.via;
  return error;
}

function kindOf(error: unknown, isUnsuitable: AutoMapperOptions["isUnsuitable"]): Heard["pcp"] {
  if (isClosed(error)) return "closed";
  if (isUnsuitable(error)) return "unsuitable";
  return error instanceof NoAnswerError ? "silent" : "answered";
}

/** A refusal shows that NAT-PMP is spoken, as a success does. */
function answerOf(error: unknown): Heard["natPmp"] {
  if (isClosed(error)) return "closed";
  return error instanceof RefusedError ? "answered" : "silent";
}
