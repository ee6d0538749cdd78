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
import { untilAborted } from "./net/exchange.ts";
import type { GatewayInfo, PortMapper, RequestOptions, Via } from "./port_mapper.ts";

/** The protocol to use, or that it is to be found out. */
export type ViaChoice = "auto" | "pcp" | "nat-pmp" | "upnp";

/** Ours: for this long a gateway is taken to speak what it spoke last. RFC 6886 §1.1 warns against remembering it for ever. */
const HINT_MS = 10 * 60_000;

/** Ours: for this long a UPnP router is searched for where nobody knows whether there is one. */
const SEARCH_MS = 2000;

/** Ours: for this long, nothing of UPnP is sent where a protocol was guessed that may answer. */
const GUESS_MS = 300;

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

/** Options of {@linkcode ProtocolFinder.run}. */
export interface RunOptions {
  /** Picks the protocol to begin with; by default the one that the gateway spoke lately. */
  readonly choose?: () => Spoken | undefined;
  /** Whether that may not be spoken, so that a UPnP router is searched for while nobody answers. */
  readonly isGuess?: boolean;
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
  #last: Promise<void> = Promise.resolve();
  /** Called whenever a datagram of PCP or NAT-PMP is sent. */
  #onSend = () => {};

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
    const onSend = () => this.#onSend();
    const mapper = await this.#options.open(via, via === "upnp" ? {} : { onSend });
    this.#onMade(via, mapper);
    this.#ready.set(via, mapper);
    return mapper;
  }

  /** One operation at a time: a race has two requests under way, of which only one may change anything. */
  async inTurn<T>({ signal }: RequestOptions, perform: () => Promise<T>): Promise<T> {
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
  run<T extends object>(
    operation: Operation<T>,
    options: RequestOptions,
    { choose = () => this.#hint(), isGuess = false }: RunOptions = {},
  ): Promise<T> {
    return this.inTurn(options, async () => {
      const { via } = this.#options;
      if (via !== "auto") return await this.by(via, operation, options);
      const chosen = choose();
      if (chosen === undefined) return await this.#race(operation, options);
      try {
        return await (isGuess
          ? this.#byGuess(chosen, operation, options)
          : this.by(chosen, operation, options));
      } catch (error) {
        const isSilent = error instanceof NoAnswerError;
        if (isSilent) this.#silent = chosen;
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
    const mapper = await this.client(via);
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

  /** Performs an operation by UPnP; in `auto` a router is searched for no longer than where it is one of several protocols. */
  async byUpnp<T extends object>(operation: Operation<T>, options: RequestOptions): Promise<T> {
    if (this.#options.via !== "auto") return await this.by("upnp", operation, options);
    const { clock } = this.#options;
    const startedAtMs = clock.now();
    await this.#search(this.rest(options, 0)).catch((error) => {
      if (error instanceof PortMapperError) error.via ??= "upnp";
      throw error;
    });
    const rest = this.rest(options, clock.now() - startedAtMs);
    return await this.by("upnp", operation, { ...rest, timeoutMs: Math.max(1, rest.timeoutMs) });
  }

  #note(via: Spoken, reason: string): void {
    if (this.#spoken?.via !== via) this.#options.onChoice?.(via, reason);
    this.#spoken = { via, atMs: this.#options.clock.now() };
    if (this.#silent === via) this.#silent = undefined;
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

  /** Performs an operation by a guess. While nobody answers, a UPnP router is searched for, and taken when it is found. */
  async #byGuess<T extends object>(
    guess: Spoken,
    operation: Operation<T>,
    options: RequestOptions,
  ): Promise<T> {
    const { clock, triesUpnp } = this.#options;
    if (!triesUpnp || guess === "upnp") return await this.by(guess, operation, options);
    const over = new AbortController();
    const signal = options.signal === undefined
      ? over.signal
      : AbortSignal.any([over.signal, options.signal]);
    // Before its turn at the gateway nothing is sent.
    const sent = Promise.withResolvers<void>();
    let sentAtMs: number | undefined;
    this.#onSend = () => {
      sentAtMs ??= clock.now();
      sent.resolve();
    };
    const search = async () => {
      await untilAborted(sent.promise, signal);
      await clock.sleep(GUESS_MS, { signal });
      const limits = this.rest(options, GUESS_MS);
      if (limits.timeoutMs <= 0) throw new NotSupportedError("No time to search", "no-service");
      await this.#search({ ...limits, signal });
    };
    const asking = settled(this.by(guess, operation, { ...options, signal }));
    const searching = settled(search());
    await Promise.race([asking, searching.then((found) => "value" in found ? undefined : asking)]);
    over.abort();
    const [answer, found] = [await asking, await searching];
    this.#onSend = () => {};
    if ("value" in answer) return answer.value;
    options.signal?.throwIfAborted();
    if (!("value" in found)) throw answer.error;
    const { timeoutMs } = this.rest(options, clock.now() - sentAtMs!);
    return await this.by("upnp", operation, { ...options, timeoutMs: Math.max(1, timeoutMs) });
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

  /** Searches for a UPnP router, for a while that is short enough to wait for where there is none. */
  async #search(limits: RequestOptions & { readonly timeoutMs: number }): Promise<void> {
    const mapper = await this.client("upnp");
    await mapper.find?.({ ...limits, timeoutMs: Math.min(SEARCH_MS, limits.timeoutMs) });
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
          this.#onSend = onSend;
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
      throw upnpError !== undefined && isClosed(error) ? withOther(error, upnpError) : error;
    } finally {
      this.#onSend = () => {};
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
