/**
 * A request to one PCP server and its reply: from which address, how often, what follows from the epoch, and that a
 * refusal is an error.
 *
 * @module
 */

import { type Clock, systemClock } from "../clock.ts";
import { EpochTracker } from "../epoch_tracker.ts";
import { PortMapperError, RefusedError } from "../errors.ts";
import type { ConnectSocket, DatagramSocket, Endpoint, OpenSocket } from "../net/datagram.ts";
import {
  Exchange,
  type Exchanged,
  type ExchangeEvent,
  type ExchangeOptions,
  type ExchangeParts,
  type RequestLock,
} from "../net/exchange.ts";
import { withSystemSockets } from "../net/udp_socket.ts";
import { effortOf, effortOfBoth, type RequestOptions, type Unmapped } from "../port_mapper.ts";
import { FIRST_WAIT_MS, ONE_SHOT_FIRST_WAIT_MS, RESULT } from "./constants.ts";
import { isStateLost } from "./epoch.ts";
import { type AskedRequest, encodeRequest, type MapFields, type Response } from "./message.ts";
import { NO_PREFERENCE } from "./known_mappings.ts";
import { MappingUpdates } from "./mapping_updates.ts";
import { refusalError } from "./refusal_error.ts";
import { matchResponse } from "./response_match.ts";
import { DEFAULT_TIMEOUT_MS, retransmissionWaitsMs } from "./retransmission.ts";

/** Options of `PcpClient`, of which a {@linkcode PcpExchange} needs those about requests. */
export interface PcpClientOptions {
  /** The gateway's UDP port; 5351 by §19.1. */
  readonly port?: number | undefined;
  /** The local address to send from, which is the address that mappings lead to. */
  readonly localAddress?: string | undefined;
  /**
   * Finds the address that the system sends from to this gateway, which every request has to name (§8.1); `undefined`
   * where that is unknown. Not asked where there is a `localAddress`.
   */
  readonly clientAddress?: (() => Promise<string | undefined>) | undefined;
  /**
   * The interface to send through although a route may lead through another one. It takes sockets of `connectSocket`;
   * the system's, unless others are given.
   */
  readonly boundInterface?: string | undefined;
  /** The host that mappings lead to instead of this one (THIRD_PARTY, §13.1), where the server allows that. */
  readonly forHost?: string | undefined;
  /** How long one request lasts at most, unless it says otherwise; 7750 ms. */
  readonly timeoutMs?: number | undefined;
  /** How many datagrams one request sends at most, unless it says otherwise; as many as there is time for. */
  readonly maxAttempts?: number | undefined;
  /** Whether a request waits 3 s before it is sent again, as §8.1.1 has it, and not 250 ms. */
  readonly isPatient?: boolean | undefined;
  /** Measures and waits; the machine's own clock. */
  readonly clock?: Clock | undefined;
  /** Uniform in [0, 1), for the jitter of re-sends and renewals; `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Makes 12 bytes that nobody can guess, for a nonce (§11.2); the system's. */
  readonly randomBytes?: (() => Uint8Array) | undefined;
  /** Opens sockets; the system's. */
  readonly openSocket?: OpenSocket | undefined;
  /** Opens sockets that hear ICMP port unreachable; none unless given. */
  readonly connectSocket?: ConnectSocket | undefined;
  /** Keeps requests of other processes to the same gateway apart from these; none unless given. */
  readonly requestLock?: RequestLock | undefined;
  /** Called with each datagram. */
  readonly observe?: ((event: ExchangeEvent) => void) | undefined;
}

/** A request for a mapping, without what it has in common with all others. */
export type AskedMapping = Omit<Extract<AskedRequest, { kind: "map" }>, "kind" | "clientAddress">;

/** Limits of the requests for a mapping, and what they are for. */
export interface MapOptions extends RequestOptions {
  /** Whether the mapping lives. */
  readonly isRenewal?: boolean | undefined;
}

type Success<K extends AskedRequest["kind"]> = Extract<Response, { kind: K }>;

/**
 * Requests to one server, sent one after the other. Each has a fresh socket, so that a late reply to one cannot answer the
 * next: a deviation from §8.1, where a client keeps one port. Those of the newest grants stay open while somebody listens
 * for updates.
 */
export class PcpExchange {
  readonly clock: Clock;
  readonly random: () => number;
  /** The epochs of the replies. */
  readonly epochs: EpochTracker;
  /** The news of mappings that the server sends by itself. */
  readonly updates: MappingUpdates;
  readonly #server: Endpoint;
  readonly #options: PcpClientOptions;
  readonly #parts: ExchangeParts;
  readonly #exchange: Exchange;
  /** Whether the server has refused the option PREFER_FAILURE. */
  #lacksPreferFailure = false;

  constructor(server: Endpoint, options: PcpClientOptions) {
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? Math.random;
    this.epochs = new EpochTracker(this.clock, isStateLost);
    this.updates = new MappingUpdates(server);
    this.#server = server;
    this.#options = options;
    this.#parts = withSystemSockets({ ...options, clock: this.clock });
    this.#exchange = new Exchange(server, this.#parts);
  }

  /** Asks a question that changes nothing (§14.1.2). */
  async announce(options: RequestOptions): Promise<Exchanged<Success<"announce">>> {
    const clientAddress = await this.#clientAddress();
    return this.#accept(await this.#ask({ kind: "announce", clientAddress }, options));
  }

  /**
   * Asks for a mapping (§11). Ours: servers that keep their mappings as rules of pf answer NO_RESOURCES to a renewal; there
   * the mapping is deleted and made anew (OPNsense issue 4010).
   */
  async map(asked: AskedMapping, options: MapOptions): Promise<Exchanged<Success<"map">>> {
    const { isRenewal = false, ...limits } = options;
    try {
      return await this.#mapOnce(asked, limits);
    } catch (error) {
      const isOfPf = isRenewal && error instanceof RefusedError && error.resultCode === RESULT.noResources;
      if (!isOfPf) throw error;
      return await this.#mapAnew(asked, limits, error);
    }
  }

  async #mapAnew(
    asked: AskedMapping,
    options: RequestOptions,
    refused: RefusedError,
  ): Promise<Exchanged<Success<"map">>> {
    let effort = effortOfBoth(refused.effort, undefined);
    const rest = () => ({ ...options, timeoutMs: this.timeoutMs(options) - effort.elapsedMs });
    // Half of the time is for the new mapping.
    const timeoutMs = Math.floor(rest().timeoutMs / 2);
    if (timeoutMs <= 0) throw refused;
    try {
      effort = effortOfBoth(effort, await this.delete(asked, { ...options, timeoutMs }));
    } catch (error) {
      // The mapping stands as it did.
      throw error instanceof PortMapperError ? refused : error;
    }
    const made = await this.#mapOnce(asked, rest());
    return { ...made, ...effortOfBoth(effort, made) };
  }

  /** A server that lacks PREFER_FAILURE is asked once more without that option (§13.2). */
  async #mapOnce(asked: AskedMapping, options: RequestOptions): Promise<Exchanged<Success<"map">>> {
    const { preferFailure = false, ...plain } = asked;
    const isExact = preferFailure && !this.#lacksPreferFailure;
    const first = await this.#askFor({ ...plain, preferFailure: isExact }, options);
    if (!isExact || !isRefusal(first.reply, RESULT.unsupportedOption)) return this.#accept(first);
    this.#lacksPreferFailure = true;
    const timeoutMs = this.timeoutMs(options) - first.elapsedMs;
    if (timeoutMs <= 0) return this.#accept(first);
    const second = await this.#askFor(plain, { ...options, timeoutMs });
    return this.#accept({ ...second, ...effortOfBoth(first, second) });
  }

  /** Deletes a mapping (§15.1). */
  async delete(
    mapping: MapFields & Pick<AskedMapping, "thirdParty">,
    options: RequestOptions,
  ): Promise<Unmapped> {
    const { nonce, protocol, internalPort, thirdParty } = mapping;
    this.updates.drop(mapping);
    const asked = { nonce, protocol, internalPort, thirdParty, ...NO_PREFERENCE, lifetimeSeconds: 0 };
    const exchanged = await this.#askFor(asked, options);
    const { reply } = exchanged;
    // With no mapping in its table, miniupnpd answers so where §15.1 wants a success.
    if (isRefusal(reply, RESULT.noResources)) {
      return { epochSeconds: reply.epochSeconds, ...effortOf(exchanged) };
    }
    const { epochSeconds, lifetimeSeconds } = this.#accept<"map">(exchanged).reply;
    // A server may wait until there has been no traffic for a while (§15).
    const closesInSeconds = lifetimeSeconds > 0 ? { closesInSeconds: lifetimeSeconds } : {};
    return { epochSeconds, ...closesInSeconds, ...effortOf(exchanged) };
  }

  /** Opens a socket on a free port of the address that requests come from. */
  async openSocket(): Promise<DatagramSocket> {
    return this.#parts.openSocket({ hostname: await this.#clientAddress() });
  }

  /** How long a request lasts at most. */
  timeoutMs({ timeoutMs }: RequestOptions): number {
    return timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  async #askFor(asked: AskedMapping, options: RequestOptions): Promise<Exchanged<Response>> {
    const clientAddress = await this.#clientAddress();
    let socket: DatagramSocket | undefined;
    const takeSocket = (taken: DatagramSocket) => void (socket = taken);
    const exchanged = await this.#ask(
      { ...asked, kind: "map", clientAddress },
      { ...options, takeSocket: this.updates.isWanted ? takeSocket : undefined },
    );
    const { reply } = exchanged;
    if (reply.kind === "map" && reply.lifetimeSeconds > 0 && socket !== undefined) {
      this.updates.keep(socket, reply);
    } else {
      socket?.close();
    }
    return exchanged;
  }

  async #ask(
    asked: AskedRequest,
    options: RequestOptions & Pick<ExchangeOptions, "takeSocket">,
  ): Promise<Exchanged<Response>> {
    const firstWaitMs = this.#options.isPatient ? FIRST_WAIT_MS : ONE_SHOT_FIRST_WAIT_MS;
    const exchanged = await this.#exchange.request(
      { data: encodeRequest(asked), match: (data) => matchResponse(asked, data) },
      {
        waitsMs: retransmissionWaitsMs(firstWaitMs, this.random),
        maxAttempts: options.maxAttempts ?? this.#options.maxAttempts,
        timeoutMs: this.timeoutMs(options),
        signal: options.signal,
        takeSocket: options.takeSocket,
      },
    );
    const epochSeconds = epochOf(exchanged.reply);
    if (epochSeconds !== undefined) this.epochs.note(epochSeconds);
    return exchanged;
  }

  /** A refusal is an answer like any other up to here, and an error from here on. */
  #accept<K extends AskedRequest["kind"]>(exchanged: Exchanged<Response>): Exchanged<Success<K>> {
    const refusal = refusalError(this.#server.hostname, exchanged.reply, effortOf(exchanged));
    if (refusal !== undefined) throw refusal;
    return exchanged as Exchanged<Success<K>>;
  }

  /** Looked up for each request, as it may change: the server refuses one that names another sender (§8.2). */
  async #clientAddress(): Promise<string> {
    const address = this.#options.localAddress ?? await this.#options.clientAddress?.();
    if (address !== undefined) return address;
    throw new PortMapperError(
      `Cannot speak PCP with ${this.#server.hostname}: the address that this host sends from is unknown`,
    );
  }
}

function isRefusal(reply: Response, resultCode: number): reply is Extract<Response, { kind: "refusal" }> {
  return reply.kind === "refusal" && reply.resultCode === resultCode;
}

/** A version error is another protocol's word, or that of a server that did not look further (§9). */
function epochOf(reply: Response): number | undefined {
  if (reply.kind === "version-error" || isRefusal(reply, RESULT.unsupportedVersion)) return undefined;
  return reply.epochSeconds;
}
