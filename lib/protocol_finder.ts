/**
 * The clients of one gateway, one for each protocol, and which of them carries an operation: the one that is named, the
 * one that the gateway spoke last, or the one that is found out.
 *
 * @module
 */

import type { Spoken, SpokenLast } from "./auto_memory.ts";
import { isClosed, ofNeither, race, reasonAgainst, settled, withOther } from "./auto_race.ts";
import type { Clock } from "./clock.ts";
import { NoAnswerError, NotSupportedError, PortMapperError, RefusedError } from "./errors.ts";
import { Turns } from "./net/exchange.ts";
import type { GatewayInfo, PortMapper, RequestOptions, Via } from "./port_mapper.ts";
import { UPNP_AFTER_MS } from "./protocol_choice.ts";

/** The protocol to use, or that it is to be found out. */
export type ViaChoice = "auto" | "pcp" | "nat-pmp" | "upnp";

/** Ours: for this long a gateway is taken to speak what it spoke last. RFC 6886 §1.1 warns against remembering it for ever. */
const HINT_MS = 10 * 60_000;

/** The version of PCP (RFC 6887 §7.1), as NAT-PMP's client finds it in an answer. */
const PCP_VERSION = 2;

/** Options of {@linkcode ProtocolFinder}. */
export interface ProtocolFinderOptions {
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
  /** Whether UPnP is tried where nobody listens on UDP port 5351, or nobody answers there. */
  readonly triesUpnp?: boolean | undefined;
}

/** Options of a new client of one protocol. */
export interface OpenOptions {
  /** Whether its requests take no turn at the gateway. */
  readonly takesNoTurn?: boolean;
  /** Called whenever it sends a datagram. */
  readonly onSend?: () => void;
}

/** One operation, in whichever protocol. */
export interface Operation<T> {
  readonly perform: (mapper: PortMapper, limits: RequestOptions) => Promise<T>;
  /** The outcome where the answer to NAT-PMP's question is all of it. */
  readonly fromAnswer?: (answer: GatewayInfo) => T;
}

/** Finds out which protocol a gateway speaks, by the operations themselves. */
export class ProtocolFinder {
  readonly #options: ProtocolFinderOptions;
  readonly #onMade: (via: Spoken, mapper: PortMapper) => void;
  readonly #clients = new Map<Spoken, Promise<PortMapper>>();
  readonly #ready = new Map<Spoken, PortMapper>();
  #spoken: SpokenLast | undefined;
  /** The protocol in which the gateway left a request unanswered, until it answers in it. */
  #silent: Spoken | undefined;
  /** The silence of a router that has spoken UPnP. */
  #upnpSilence: NoAnswerError | undefined;
  readonly #turns = new Turns();
  /** Called whenever a datagram of PCP is sent. */
  #onPcpSend = () => {};

  /** Calls `onMade` with each new client, before it is asked anything. */
  constructor(options: ProtocolFinderOptions, onMade: (via: Spoken, mapper: PortMapper) => void) {
    this.#options = options;
    this.#onMade = onMade;
  }

  /** The clients that have been made. */
  get ready(): ReadonlyMap<Spoken, PortMapper> {
    return this.#ready;
  }

  /** The protocol that the gateway spoke last, and when. */
  get spoken(): SpokenLast | undefined {
    return this.#spoken;
  }

  /** The protocol that the gateway spoke last; before that the one that is asked first. */
  get via(): Via {
    const { via } = this.#options;
    return this.#spoken?.via ?? (via === "auto" ? "pcp" : via);
  }

  /** The client of the protocol that the gateway spoke last, where it has been made. */
  get speaker(): PortMapper | undefined {
    return this.#spoken === undefined ? undefined : this.#ready.get(this.#spoken.via);
  }

  /** Takes what an earlier client found out, unless this one knows better. */
  recall(spoken: SpokenLast | undefined): void {
    this.#spoken ??= spoken;
  }

  /** The client of one protocol. */
  client(via: Spoken): Promise<PortMapper> {
    const made = this.#clients.get(via);
    if (made !== undefined) return made;
    const making = this.#make(via);
    this.#clients.set(via, making);
    return making;
  }

  async #make(via: Spoken): Promise<PortMapper> {
    const onSend = () => this.#onPcpSend();
    const mapper = await this.#options.open(via, via === "pcp" ? { onSend } : {});
    this.#onMade(via, mapper);
    this.#ready.set(via, mapper);
    return mapper;
  }

  /** One operation at a time: a race has two requests under way, of which only one may change anything. */
  inTurn<T>({ signal }: RequestOptions, perform: () => Promise<T>): Promise<T> {
    return this.#turns.take(signal, perform);
  }

  /** In `auto`, `choose` picks the protocol to begin with; without one it is found out. */
  run<T extends object>(
    operation: Operation<T>,
    options: RequestOptions,
    choose = () => this.#hint(),
  ): Promise<T> {
    return this.inTurn(options, async () => {
      const { via } = this.#options;
      if (via !== "auto") return await this.by(via, operation, options);
      const chosen = choose();
      if (chosen === undefined) return await this.#race(operation, options);
      try {
        return await this.by(chosen, operation, options);
      } catch (error) {
        const isSilent = error instanceof NoAnswerError;
        if (isSilent || isClosed(error)) this.#silent = chosen;
        if (isSilent && chosen === "upnp") this.#upnpSilence = error;
        const isOver = isClosed(error) || this.#options.isUnsuitable(error);
        if ((isSilent || isOver) && this.#spoken?.via === chosen) this.#spoken = undefined;
        if (!isOver) throw error;
        return await this.#byAnother(chosen, operation, { options, error });
      }
    });
  }

  /** A lease's own protocol, unless the gateway was silent in that; else what it spoke last. */
  choose(own: Spoken | undefined): Spoken | undefined {
    return own !== undefined && own !== this.#silent ? own : this.#hint();
  }

  #hint(): Spoken | undefined {
    const { via, atMs } = this.#spoken ?? { atMs: -Infinity };
    return this.#options.clock.now() - atMs < HINT_MS ? via : undefined;
  }

  /** The limits for what is left of an operation, which begins with its first datagram. */
  rest(options: RequestOptions, spentMs: number): RequestOptions & { readonly timeoutMs: number } {
    const { timeoutMs } = this.#options;
    return { ...options, timeoutMs: Math.round((options.timeoutMs ?? timeoutMs) - spentMs) };
  }

  /** Performs an operation by one protocol. */
  async by<T extends object>(
    via: Spoken,
    operation: Operation<T>,
    limits: RequestOptions,
    reason?: string,
  ): Promise<T> {
    try {
      const result = await this.aside(via, operation, limits);
      this.#note(via, reason ?? "it answered");
      return result;
    } catch (error) {
      if (error instanceof RefusedError && !this.#options.isUnsuitable(error)) this.#note(via, "it answered");
      throw error;
    }
  }

  /** The same, with no consequence for the operations that follow. */
  async aside<T extends object>(
    via: Spoken,
    operation: Operation<T>,
    limits: RequestOptions,
  ): Promise<T & { readonly via: Spoken }> {
    const mapper = await this.client(via);
    try {
      return { ...await operation.perform(mapper, limits), via };
    } catch (error) {
      if (error instanceof PortMapperError) error.via ??= via;
      throw error;
    }
  }

  /**
   * By NAT-PMP, or by UPnP where NAT-PMP is silent and a UPnP router answers: for what PCP cannot do, while nobody knows
   * what the gateway speaks.
   */
  byNatPmpOrUpnp<T extends object>(operation: Operation<T>, options: RequestOptions): Promise<T> {
    const { clock, triesUpnp } = this.#options;
    if (!triesUpnp) return this.run(operation, options, () => "nat-pmp");
    return this.inTurn(options, async () => {
      const startedAtMs = clock.now();
      const over = new AbortController();
      const signal = AbortSignal.any([
        over.signal,
        ...(options.signal === undefined ? [] : [options.signal]),
      ]);
      const asked = settled(this.by("nat-pmp", operation, { ...options, signal }));
      const found = clock.sleep(UPNP_AFTER_MS, { signal })
        .then(() => this.#search({ ...this.rest(options, UPNP_AFTER_MS), signal }))
        .then(() => true, () => false);
      const isUpnp = await Promise.race([found, asked.then(() => false)]);
      if (isUpnp) over.abort();
      const outcome = await asked;
      over.abort();
      await found;
      if ("value" in outcome) return outcome.value;
      options.signal?.throwIfAborted();
      const { error } = outcome;
      if (isUpnp) {
        const rest = this.rest(options, clock.now() - startedAtMs);
        return await this.by("upnp", operation, { ...rest, timeoutMs: Math.max(1, rest.timeoutMs) });
      }
      const isOver = isClosed(error) || this.#options.isUnsuitable(error);
      if (!isOver) throw error;
      return await this.#byAnother("nat-pmp", operation, { options, error });
    });
  }

  #note(via: Spoken, reason: string): void {
    if (this.#spoken?.via !== via) this.#options.onChoice?.(via, reason);
    this.#spoken = { via, atMs: this.#options.clock.now() };
    if (this.#silent === via) this.#silent = undefined;
    this.#upnpSilence = undefined;
  }

  /** The gateway may run other software than before. */
  async #byAnother<T extends object>(
    before: Spoken,
    operation: Operation<T>,
    { options, error }: { options: RequestOptions; error: unknown },
  ): Promise<T> {
    const limits = this.#restAfter(error, options);
    if (limits.timeoutMs <= 0) throw error;
    if (before === "upnp") return await this.#race(operation, limits, error);
    if (isClosed(error)) return await this.#byUpnp(operation, limits, ofNeither(error));
    const other = before === "pcp" ? "nat-pmp" : "pcp";
    try {
      return await this.by(other, operation, limits, "the other one is not spoken");
    } catch (second) {
      const isClosedNow = isClosed(second);
      if (!isClosedNow && !this.#options.isUnsuitable(second)) throw second;
      const left = this.#restAfter(second, limits);
      return await this.#byUpnp(operation, left, isClosedNow ? ofNeither(second) : error);
    }
  }

  #restAfter(error: unknown, options: RequestOptions): ReturnType<ProtocolFinder["rest"]> {
    return this.rest(options, error instanceof PortMapperError ? error.effort?.elapsedMs ?? 0 : 0);
  }

  /** The last protocol that is left. Where it is not spoken either, the error has why the others are not. */
  async #byUpnp<T extends object>(
    operation: Operation<T>,
    limits: RequestOptions & { readonly timeoutMs: number },
    error: unknown,
  ): Promise<T> {
    if (!this.#options.triesUpnp || limits.timeoutMs <= 0) throw error;
    const { clock } = this.#options;
    const startedAtMs = clock.now();
    try {
      await this.#search(limits);
    } catch (other) {
      limits.signal?.throwIfAborted();
      throw error instanceof NotSupportedError ? withOther(error, other) : error;
    }
    const rest = this.rest(limits, clock.now() - startedAtMs);
    return await this.by("upnp", operation, rest, "nothing else is spoken");
  }

  /** Searches for a UPnP router; the client knows for how long, where there may be none. */
  async #search(limits: RequestOptions): Promise<void> {
    const mapper = await this.client("upnp");
    try {
      await mapper.find?.(limits);
    } catch (error) {
      if (error instanceof PortMapperError) error.via ??= "upnp";
      throw error;
    }
  }

  /** Finds the protocol out; `upnpError` is why UPnP will not do, where that is known already. */
  async #race<T extends object>(
    operation: Operation<T>,
    options: RequestOptions,
    upnpError?: unknown,
  ): Promise<T> {
    const { clock, isUnsuitable, triesUpnp } = this.#options;
    const searches = triesUpnp && upnpError === undefined;
    try {
      const outcome = await race({
        clock,
        signal: options.signal,
        isUnsuitable,
        usesAnswer: operation.fromAnswer !== undefined,
        request: (signal, onSend) => {
          this.#onPcpSend = onSend;
          return this.by("pcp", operation, { ...options, signal });
        },
        // It ends a little sooner than the request, so that it is known what became of it.
        ask: (signal, spentMs) => this.#ask({ ...this.rest(options, spentMs + 1), signal }),
        search: searches
          ? (signal, spentMs) => this.#search({ ...this.rest(options, spentMs + 1), signal })
          : undefined,
      });
      if (outcome.via === "pcp") return outcome.value;
      const limits = this.rest(options, outcome.spentMs);
      if (outcome.via === "upnp") {
        return await this.by("upnp", operation, { ...limits, timeoutMs: Math.max(1, limits.timeoutMs) });
      }
      const { answer, error, questionError } = outcome;
      if (answer !== undefined && operation.fromAnswer !== undefined) {
        this.#note("nat-pmp", "PCP was not answered");
        return operation.fromAnswer({ ...answer, via: "nat-pmp" });
      }
      if (limits.timeoutMs <= 0) throw questionError ?? error;
      return await this.#instead(error, operation, limits);
    } catch (error) {
      if (!isClosed(error)) throw error;
      // A port that was closed all the time does not show that a router which spoke UPnP has forgotten it.
      if (this.#upnpSilence !== undefined) throw this.#upnpSilence;
      throw upnpError === undefined ? error : withOther(error, upnpError);
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
      return await this.by("nat-pmp", operation, limits, reasonAgainst(overPcp));
    } catch (error) {
      const isUnsuitable = this.#options.isUnsuitable(error);
      const isOnlyPcp = error instanceof NotSupportedError && error.version === PCP_VERSION;
      const isRefused = overPcp instanceof RefusedError && isUnsuitable;
      const failure = isOnlyPcp || isRefused ? overPcp : error;
      if (!isUnsuitable) throw failure;
      return await this.#byUpnp(operation, this.#restAfter(error, limits), failure);
    }
  }

  /** NAT-PMP's question takes no turn at the gateway, as the request over PCP has it. */
  async #ask(limits: RequestOptions): Promise<GatewayInfo> {
    const mapper = await this.#options.open("nat-pmp", { takesNoTurn: true });
    return await mapper.probe(limits);
  }
}
