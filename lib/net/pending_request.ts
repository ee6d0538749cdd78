/**
 * One request under way, and what it is made of.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { type Effort, NoAnswerError, NotSupportedError, SocketError } from "../errors.ts";
import {
  type ConnectSocket,
  type Datagram,
  type DatagramSocket,
  type Endpoint,
  formatEndpoint,
  type OpenSocket,
  PortUnreachable,
  sameEndpoint,
} from "./datagram.ts";

/** The verdict on a datagram from the server: whether it answers the request under way. */
export type Match<T> =
  /** It is the answer. */
  | { readonly reply: T }
  /** It is not the answer, for this reason; it is counted, and waiting goes on. */
  | {
    readonly discarded: string;
    /** The answer to take if the server sends nothing but such datagrams until the deadline. */
    readonly lastResort?: T;
  };

/** A request, and how its answer is known. */
export interface ExchangeRequest<T> {
  /** The payload of every send. */
  readonly data: Uint8Array;
  /** Judges a datagram that came from the server's address and port. It must not throw. */
  readonly match: (data: Uint8Array) => Match<T>;
}

/** Limits of one request. */
export interface ExchangeOptions {
  /** How long each send waits for its answer, in whole milliseconds; as many sends as there are waits. */
  readonly waitsMs: Iterable<number>;
  /** How many of these sends are made at most; all by default. */
  readonly maxAttempts?: number | undefined;
  /** Milliseconds after which the request fails, if the waits do not end sooner. */
  readonly timeoutMs: number;
  /** Abandons the request. */
  readonly signal?: AbortSignal | undefined;
  /** Takes over the socket that the answer came to, where that is one of `openSocket`; by default it is closed. */
  readonly takeSocket?: ((socket: DatagramSocket) => void) | undefined;
}

/** An answered request. */
export interface Exchanged<T> extends Effort {
  /** The reply that the matcher made of the answer. */
  readonly reply: T;
  /** When the first datagram was sent, in milliseconds of the clock. */
  readonly startedAtMs: number;
}

/** An event on the wire, for those who want to watch. */
export type ExchangeEvent =
  | { readonly kind: "sent"; readonly to: Endpoint; readonly data: Uint8Array; readonly attempt: number }
  | { readonly kind: "send-failed"; readonly to: Endpoint; readonly reason: string; readonly attempt: number }
  | {
    readonly kind: "received";
    readonly from: Endpoint;
    readonly data: Uint8Array;
    readonly discarded?: string;
  }
  | { readonly kind: "unreachable"; readonly from: Endpoint }
  /** Something else than a datagram was sent or came, in words. */
  | { readonly kind: "noted"; readonly text: string }
  | { readonly kind: "ended" }
  /** A conversation of several messages begins, and is over. */
  | { readonly kind: "conversation-began" | "conversation-ended"; readonly partner: string };

/** Lets one request at a time through to a server, from every process that shares it. */
export interface RequestLock {
  /**
   * Waits for a turn.
   *
   * @param signal Ends the wait.
   */
  take(signal: AbortSignal | undefined): Promise<void>;
  /**
   * Lets those who wait have a turn, and waits for the next one.
   *
   * @param signal Ends the wait.
   */
  yieldToOthers(signal: AbortSignal): Promise<void>;
  /** Ends the turn. Without one it does nothing. */
  release(): void;
}

/**
 * Ours: how long a request may be unanswered before others may go first, in milliseconds. Its answer is unlikely then.
 * Others wait longer than this by default, so a `watch` on a silent gateway does not keep them out.
 */
export const YIELD_AFTER_MS = 4000;

/** The parts that an {@linkcode Exchange} works with. */
export interface ExchangeParts {
  /** Measures and waits. */
  readonly clock: Clock;
  /** Opens the socket of each request. */
  readonly openSocket: OpenSocket;
  /** The local address to send from; without it the system's choice. */
  readonly localAddress?: string | undefined;
  /** The interface to send through although a route may lead through another one; it takes a connected socket. */
  readonly boundInterface?: string | undefined;
  /**
   * Opens a socket that hears when nobody listens at the server. Where there is one, every send but the first goes
   * through it.
   */
  readonly connectSocket?: ConnectSocket | undefined;
  /** Keeps requests of other processes to the same server apart from these. */
  readonly requestLock?: RequestLock | undefined;
  /** Called with each event on the wire. */
  readonly observe?: ((event: ExchangeEvent) => void) | undefined;
}

/** Options of {@linkcode PendingRequest}. */
export interface PendingRequestOptions extends ExchangeOptions {
  /** Whether one refused datagram ends the request, or only a deadline that passes without an answer. */
  readonly refusalIsVerdict: boolean;
}

/** One request under way: sent, sent again, answered or given up. */
export class PendingRequest<T> {
  readonly #server: Endpoint;
  readonly #parts: ExchangeParts;
  readonly #request: ExchangeRequest<T>;
  readonly #options: PendingRequestOptions;
  readonly #startedAtMs: number;
  /** Aborted once the outcome is known; ends the wait between sends. */
  readonly #settled = new AbortController();
  readonly #outcome = Promise.withResolvers<Exchanged<T>>();
  readonly #sockets: DatagramSocket[] = [];
  readonly #readers: Promise<void>[] = [];
  readonly #discarded = new Map<string, number>();
  #connecting: Promise<DatagramSocket> | undefined;
  #attempts = 0;
  #isYielding = false;
  /** The waits so far, as scheduled: sums of whole milliseconds are exact, which sums of clock readings are not. */
  #waitedMs = 0;
  #wasRefused = false;
  #socketFailure: string | undefined;
  /** The answer to take at the deadline if the server sends nothing better. */
  #lastResort: { readonly reply: T } | undefined;
  /** Whether the server sent a datagram from which nothing follows. */
  #sentJunk = false;
  /** The socket that the answer came to. */
  #answered: DatagramSocket | undefined;

  constructor(
    server: Endpoint,
    parts: ExchangeParts,
    request: ExchangeRequest<T>,
    options: PendingRequestOptions,
  ) {
    this.#server = server;
    this.#parts = parts;
    this.#request = request;
    this.#options = options;
    this.#startedAtMs = parts.clock.now();
  }

  async run(): Promise<Exchanged<T>> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    const onAbort = () => this.#fail(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      const { boundInterface, localAddress, openSocket } = this.#parts;
      this.#read(
        boundInterface === undefined
          ? openSocket(localAddress === undefined ? {} : { hostname: localAddress })
          : await this.#openBound(boundInterface),
      );
      await this.#sendBySchedule();
      return await this.#outcome.promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      for (const socket of this.#sockets) if (socket !== this.#answered) socket.close();
      await Promise.all(this.#readers);
      if (this.#answered !== undefined) this.#handOver(this.#answered);
      this.#parts.observe?.({ kind: "ended" });
    }
  }

  /** Neither a send nor the opening of a socket is waited for, as both may hang: the schedule is the clock's alone. */
  async #sendBySchedule(): Promise<void> {
    const { clock } = this.#parts;
    const { waitsMs, maxAttempts = Infinity, timeoutMs } = this.#options;
    let sends = 0;
    for (const waitMs of waitsMs) {
      sends++;
      this.#send(this.#waitedMs);
      this.#waitedMs = Math.min(this.#waitedMs + waitMs, timeoutMs);
      try {
        await clock.sleep(this.#startedAtMs + this.#waitedMs - clock.now(), { signal: this.#settled.signal });
      } catch {
        return;
      }
      if (sends >= maxAttempts || this.#waitedMs >= timeoutMs) break;
    }
    if (this.#lastResort === undefined || this.#sentJunk) this.#fail(this.#noAnswer());
    else this.#succeed(this.#lastResort.reply);
  }

  /** @param afterMs Milliseconds since the start, as scheduled. */
  async #send(afterMs: number): Promise<void> {
    const { data } = this.#request;
    const first = this.#sockets[0]!;
    const socket = this.#attempts === 0 ? first : await this.#connected();
    if (!await this.#hasTurn(afterMs)) return;
    const attempt = ++this.#attempts;
    this.#parts.observe?.({ kind: "sent", to: this.#server, data, attempt });
    try {
      // Where the connected socket cannot send, the first one can at least say why.
      await socket.send(data, this.#server)
        .catch((error) => socket === first ? Promise.reject(error) : first.send(data, this.#server));
    } catch (error) {
      if (this.#settled.signal.aborted) return;
      // A lost attempt: the interface may be back before the next one.
      this.#socketFailure = reasonOf(error);
      this.#parts.observe?.({ kind: "send-failed", to: this.#server, reason: this.#socketFailure, attempt });
    }
  }

  /** Whether a send may go out now. A request that is unanswered for long lets other processes go first. */
  async #hasTurn(afterMs: number): Promise<boolean> {
    const { requestLock } = this.#parts;
    const { signal } = this.#settled;
    if (this.#isYielding) return false;
    if (requestLock !== undefined && afterMs >= YIELD_AFTER_MS) {
      this.#isYielding = true;
      await requestLock.yieldToOthers(signal).catch((error) => this.#fail(error));
      this.#isYielding = false;
    }
    return !signal.aborted;
  }

  async #openBound(interfaceName: string): Promise<DatagramSocket> {
    const { connectSocket, localAddress } = this.#parts;
    const socket = await connectSocket?.(this.#server, { source: localAddress, interfaceName });
    if (socket !== undefined) return socket;
    throw new SocketError(`Cannot open a socket that sends through ${interfaceName}: the system refuses it`);
  }

  /** The socket of every send but the first, opened once; the first one where the system gives no better. */
  #connected(): Promise<DatagramSocket> {
    return this.#connecting ??= this.#connect();
  }

  async #connect(): Promise<DatagramSocket> {
    const { boundInterface, connectSocket, localAddress } = this.#parts;
    // A bound socket is a connected one already.
    if (boundInterface !== undefined) return this.#sockets[0]!;
    const socket = await connectSocket?.(this.#server, { source: localAddress }).catch(() => undefined);
    if (socket === undefined) return this.#sockets[0]!;
    if (this.#settled.signal.aborted) socket.close();
    else this.#read(socket);
    return socket;
  }

  /** Starts the one reader that a socket has for its whole life. */
  #read(socket: DatagramSocket): void {
    this.#sockets.push(socket);
    this.#readers.push(this.#readAll(socket));
  }

  async #readAll(socket: DatagramSocket): Promise<void> {
    while (!this.#settled.signal.aborted) {
      try {
        const datagram = await socket.receive();
        if (datagram === undefined) return;
        if (this.#judge(datagram)) this.#answered = socket;
      } catch (error) {
        if (!(error instanceof PortUnreachable)) {
          this.#socketFailure = reasonOf(error);
          return;
        }
        this.#wasRefused = true;
        this.#parts.observe?.({ kind: "unreachable", from: this.#server });
        if (this.#options.refusalIsVerdict) return this.#fail(this.#portUnreachable());
      }
    }
  }

  #handOver(socket: DatagramSocket): void {
    const { takeSocket } = this.#options;
    const isPlain = socket === this.#sockets[0] && this.#parts.boundInterface === undefined;
    if (takeSocket !== undefined && isPlain) takeSocket(socket);
    else socket.close();
  }

  /** Returns whether the datagram is the answer. */
  #judge({ data, source }: Datagram): boolean {
    const isServers = sameEndpoint(source, this.#server);
    const match: Match<T> = isServers ? this.#request.match(data) : {
      discarded: source.hostname === this.#server.hostname ? "from another port" : "from another address",
    };
    if ("reply" in match) {
      this.#parts.observe?.({ kind: "received", from: source, data });
      this.#succeed(match.reply);
      return true;
    }
    this.#parts.observe?.({ kind: "received", from: source, data, discarded: match.discarded });
    this.#discarded.set(match.discarded, (this.#discarded.get(match.discarded) ?? 0) + 1);
    if (match.lastResort !== undefined) this.#lastResort = { reply: match.lastResort };
    else if (isServers) this.#sentJunk = true;
    return false;
  }

  #succeed(reply: T): void {
    this.#outcome.resolve({ reply, startedAtMs: this.#startedAtMs, ...this.#effort() });
    this.#settled.abort();
  }

  #fail(error: unknown): void {
    this.#outcome.promise.catch(() => {});
    this.#outcome.reject(error);
    this.#settled.abort();
  }

  #effort(): Effort {
    return { attempts: this.#attempts, elapsedMs: this.#parts.clock.now() - this.#startedAtMs };
  }

  #noAnswer(): Error {
    if (this.#wasRefused) return this.#portUnreachable();
    const effort = this.#effort();
    const seconds = Math.round(this.#waitedMs) / 1000;
    const failed = this.#discarded.size > 0 ? "gave no valid answer" : "did not answer";
    return new NoAnswerError(
      `${formatEndpoint(this.#server)} ${failed} within ${seconds} s (attempts: ${effort.attempts})`,
      effort,
      {
        discarded: this.#discarded,
        ...(this.#socketFailure === undefined ? {} : { socketFailure: this.#socketFailure }),
      },
    );
  }

  #portUnreachable(): Error {
    const { hostname, port } = this.#server;
    return new NotSupportedError(
      `No program listens on UDP port ${port} of ${hostname} (ICMP port unreachable)`,
      "port-unreachable",
      {
        effort: this.#effort(),
      },
    );
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
