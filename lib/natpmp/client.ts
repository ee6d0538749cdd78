/**
 * The NAT-PMP client: typed requests to one gateway, typed results and errors (RFC 6886).
 *
 * @module
 */

import { type Clock, systemClock } from "../clock.ts";
import { DeletionRefusedError, type Effort, PortMapperError, RefusedError } from "../errors.ts";
import { EpochTracker } from "../epoch_tracker.ts";
import type { ConnectSocket, Datagram, OpenSocket } from "../net/datagram.ts";
import {
  Exchange,
  type Exchanged,
  type ExchangeEvent,
  type RequestLock,
  requireLimits,
} from "../net/exchange.ts";
import { parseIpv4 } from "../net/ipv4.ts";
import { withSystemSockets } from "../net/udp_socket.ts";
import {
  effortOf,
  effortOfBoth,
  type GatewayInfo,
  type GatewayMemory,
  type Lease,
  type MapRequest,
  type PortMapper,
  type RecallOptions,
  type RequestOptions,
  requireLifetime,
  requirePort,
  type TransportProtocol,
  type Unmapped,
  type UnmapRequest,
  wallEndOf,
} from "../port_mapper.ts";
import {
  GATEWAY_PORT,
  MAX_LIFETIME_SECONDS,
  MIN_RETRY_GAP_MS,
  RECOMMENDED_LIFETIME_SECONDS,
  RENEWAL_JITTER,
  RESULT,
  resultName,
} from "./constants.ts";
import type { AnnouncedState } from "./announcements.ts";
import { isStateLost } from "./epoch.ts";
import { type AskedRequest, encodeRequest, type Response } from "./message.ts";
import { refusalError } from "./refusal_error.ts";
import { matchResponse } from "./response_match.ts";
import { DEFAULT_TIMEOUT_MS, RETRANSMISSION_WAITS_MS } from "./retransmission.ts";

/** Options of {@linkcode NatPmpClient}. */
export interface NatPmpClientOptions {
  /** The gateway's UDP port; 5351 by §3.1. */
  readonly port?: number | undefined;
  /** The local address to send from, which is the address that mappings lead to (§3.3). */
  readonly localAddress?: string | undefined;
  /**
   * The interface to send through although a route may lead through another one. It takes sockets of `connectSocket`;
   * the system's, unless others are given.
   */
  readonly boundInterface?: string | undefined;
  /** How long one request lasts at most, unless it says otherwise; 7750 ms. */
  readonly timeoutMs?: number | undefined;
  /** How many datagrams one request sends at most, unless it says otherwise; 9 by §3.1. */
  readonly maxAttempts?: number | undefined;
  /**
   * Whether a mapping may have internal port 0, which the RFC leaves undefined and ProtonVPN's gateways use. The
   * reply's internal port is then not compared, and such a mapping is never deleted, only left to expire.
   */
  readonly allowPortZero?: boolean | undefined;
  /** Measures and waits; the machine's own clock. */
  readonly clock?: Clock | undefined;
  /** Uniform in [0, 1), for the jitter of renewals; `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Opens sockets; the system's. */
  readonly openSocket?: OpenSocket | undefined;
  /** Opens sockets that hear ICMP port unreachable; none unless given. */
  readonly connectSocket?: ConnectSocket | undefined;
  /** Keeps requests of other processes to the same gateway apart from these (§3.1); none unless given. */
  readonly requestLock?: RequestLock | undefined;
  /** Called with each datagram. */
  readonly observe?: ((event: ExchangeEvent) => void) | undefined;
}

/** A mapping to delete, with the external port that its deletion has. */
type Deletion = UnmapRequest & { readonly externalPort: number };

type Success<K extends AskedRequest["kind"]> = Extract<Response, { kind: K }>;

/**
 * A client of one NAT-PMP gateway. Requests made at the same time are sent one after the other (§3.1).
 *
 * @example Map TCP port 80 for two hours, here at a simulated gateway
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { systemClock } from "../clock.ts";
 * import { MemoryNetwork, SimulatedGateway } from "../simulator/mod.ts";
 * import { NatPmpClient } from "./client.ts";
 *
 * const network = new MemoryNetwork({ clock: systemClock, random: Math.random });
 * const startMs = systemClock.now();
 * const gateway = new SimulatedGateway({ externalAddress: "203.0.113.7", random: Math.random, startMs });
 * const detach = network.attach(gateway, "10.0.0.1");
 *
 * const client = new NatPmpClient("10.0.0.1", { openSocket: network.host("10.0.0.2").open });
 * const lease = await client.map({ protocol: "tcp", internalPort: 80, externalPort: 8080 });
 * assertEquals([lease.externalPort, lease.lifetimeSeconds], [8080, 7200]);
 * detach();
 * ```
 */
export class NatPmpClient implements PortMapper {
  /** The gateway's IPv4 address. */
  readonly gateway: string;
  /** The protocol. */
  readonly via = "nat-pmp";
  readonly #options: NatPmpClientOptions;
  readonly #random: () => number;
  readonly #clock: Clock;
  readonly #exchange: Exchange;
  readonly #epochs: EpochTracker;
  #knownAddress: string | undefined;

  /**
   * Makes the client; nothing is sent yet.
   *
   * @param gateway The gateway's IPv4 address in dotted decimal.
   * @param options Limits, and replacements for clock, chance and network.
   * @throws {SyntaxError} If the address is not an IPv4 address.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(gateway: string, options: NatPmpClientOptions = {}) {
    if (parseIpv4(gateway) === undefined) {
      throw new SyntaxError(`Cannot use gateway "${gateway}": it is not an IPv4 address in dotted decimal`);
    }
    const port = requirePort(options.port ?? GATEWAY_PORT, "use gateway");
    this.gateway = gateway;
    requireLimits(options);
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#clock = options.clock ?? systemClock;
    this.#epochs = new EpochTracker(this.#clock, isStateLost);
    this.#exchange = new Exchange(
      { hostname: gateway, port },
      withSystemSockets({ ...options, clock: this.#clock }),
    );
  }

  /**
   * Asks for the gateway's external address (§3.2).
   *
   * @param options Limits of this request.
   * @returns The address, the epoch and what the request cost.
   * @throws {RefusedError} If the gateway refuses, or answers with 0.0.0.0, which no gateway has.
   * @throws {NotSupportedError} If the gateway does not speak NAT-PMP.
   * @throws {NoAnswerError} If no valid answer came in time.
   */
  async probe(options: RequestOptions = {}): Promise<GatewayInfo & { readonly externalAddress: string }> {
    const { reply, ...effort } = await this.#request({ kind: "address" }, options);
    const { externalAddress, epochSeconds } = reply as Success<"address">;
    if (externalAddress === "0.0.0.0") {
      throw new RefusedError(
        `${this.gateway} has no external address (it answered 0.0.0.0)`,
        "network-failure",
        {
          resultCode: RESULT.success,
          effort: effortOf(effort),
        },
      );
    }
    this.#knownAddress = externalAddress;
    return { externalAddress, epochSeconds, ...effortOf(effort) };
  }

  /**
   * Creates a mapping, or renews it when it exists (§3.3). The external port and the lifetime are the gateway's
   * decision: read them from the result.
   *
   * @param request The mapping to ask for. The lifetime defaults to 7200 s.
   * @param options Limits of this request.
   * @returns The mapping as granted.
   * @throws {RangeError} If a port, the lifetime or a limit is out of range; nothing is sent then.
   * @throws {RefusedError} If the gateway refuses.
   * @throws {NotSupportedError} If the gateway does not speak NAT-PMP.
   * @throws {NoAnswerError} If no valid answer came in time.
   */
  async map(request: MapRequest, options: RequestOptions = {}): Promise<Lease> {
    const { protocol, internalPort, externalPort, lifetimeSeconds = RECOMMENDED_LIFETIME_SECONDS } = request;
    if (internalPort !== 0 || !this.#options.allowPortZero) requirePort(internalPort, "map");
    if (externalPort !== undefined) requirePort(externalPort, "map");
    requireLifetime(lifetimeSeconds, MAX_LIFETIME_SECONDS);
    const asked = {
      kind: "map",
      protocol,
      internalPort,
      externalPort: externalPort ?? 0,
      lifetimeSeconds,
    } as const;
    const { reply, startedAtMs, ...effort } = await this.#request(asked, options);
    const granted = reply as Success<"map">;
    // A gateway that gives a port away has lost something, so that its epoch was right.
    if (externalPort !== undefined && externalPort !== granted.externalPort) this.#epochs.believe();
    const renewalBaseMs = Math.min(granted.lifetimeSeconds, lifetimeSeconds) * 1000;
    return {
      via: this.via,
      protocol,
      internalPort,
      ...(externalPort === undefined ? {} : { requestedExternalPort: externalPort }),
      externalPort: granted.externalPort,
      requestedLifetimeSeconds: lifetimeSeconds,
      lifetimeSeconds: granted.lifetimeSeconds,
      grantedAtMs: startedAtMs,
      renewAtMs: startedAtMs + renewalBaseMs * (1 / 2 + RENEWAL_JITTER * this.#random()),
      joinAtMs: startedAtMs + renewalBaseMs / 2,
      minRetryGapMs: MIN_RETRY_GAP_MS,
      expiresAtMs: startedAtMs + granted.lifetimeSeconds * 1000,
      epochSeconds: granted.epochSeconds,
      ...effort,
    };
  }

  /**
   * Deletes a mapping of this host (§3.4). Deleting one that does not exist succeeds. A gateway that refuses is asked
   * once more with the external port, where that is known. A mapping of internal port 0 is left to expire, as the
   * request that deletes it would delete everything (§3.4).
   *
   * @param mapping Protocol and internal port, and what is known of the mapping.
   * @param options Limits of both requests together.
   * @returns The epoch and what the requests cost.
   * @throws {RangeError} If a port is out of range; nothing is sent then.
   * @throws {DeletionRefusedError} If the gateway refuses.
   * @throws {NotSupportedError} If the gateway does not speak NAT-PMP.
   * @throws {NoAnswerError} If no valid answer came in time.
   */
  async unmap(mapping: UnmapRequest, options: RequestOptions = {}): Promise<Unmapped> {
    const { externalPort } = mapping;
    if (mapping.internalPort === 0) return { leftToExpire: true, attempts: 0, elapsedMs: 0 };
    requirePort(mapping.internalPort, "unmap");
    if (externalPort !== undefined) requirePort(externalPort, "unmap external");
    try {
      // The suggested external port of a deletion is 0 (§3.4).
      return await this.#delete({ ...mapping, externalPort: 0 }, options);
    } catch (error) {
      // Somebody else may have the port of a mapping that is over.
      const isOver = mapping.expiresAtMs !== undefined && mapping.expiresAtMs <= this.#clock.now();
      if (!(error instanceof DeletionRefusedError) || externalPort === undefined || isOver) throw error;
      return await this.#deleteByExternalPort({ ...mapping, externalPort }, options, error);
    }
  }

  /**
   * Deletes every mapping of this host for one transport protocol (§3.4). Some gateways delete both protocols' then.
   *
   * @param protocol The transport protocol.
   * @param options Limits of this request.
   * @returns The epoch and what the request cost.
   * @throws {DeletionRefusedError} If the gateway refuses; it has still deleted as many as it could (§3.4).
   * @throws {NotSupportedError} If the gateway does not speak NAT-PMP.
   * @throws {NoAnswerError} If no valid answer came in time.
   */
  async unmapAll(protocol: TransportProtocol, options: RequestOptions = {}): Promise<Unmapped> {
    return await this.#delete({ protocol, internalPort: 0, externalPort: 0 }, options);
  }

  /**
   * Calls a listener each time a reply shows that the gateway forgot its mappings (§3.6), before the promise of that
   * reply's request settles.
   *
   * @param listener The listener. It must not throw.
   * @returns A function that ends it.
   */
  onStateLost(listener: () => void): () => void {
    return this.#epochs.onLoss(listener);
  }

  /**
   * The epoch as the gateway sent it last (§3.6): `{ "epochSeconds": 74565 }`. Where it has been wrong, `wrong` has how
   * many `times` in a row, and what it was then, this many milliseconds earlier.
   */
  get memory(): GatewayMemory | undefined {
    return this.#epochs.memory;
  }

  /** The gateway's age by the last epoch that it sent this client (§3.6). */
  get tableAgeMs(): number | undefined {
    return this.#epochs.ageMs;
  }

  /** Whether the epoch was wrong so often in a row, while no mapping moved to another port, that it is ignored. */
  get ignoresEpoch(): boolean {
    return this.#epochs.isIgnored;
  }

  /**
   * Takes an epoch that an earlier client heard for the one to compare the first reply with (§3.6).
   *
   * @param memory The memory of that client.
   * @param options What that client left.
   */
  recall(memory: GatewayMemory, { holdsNothing = false }: RecallOptions = {}): void {
    if (!holdsNothing) this.#epochs.recall(memory);
  }

  /**
   * Checks whether the epoch that this client heard last shows a loss of state since an earlier one (§3.6).
   *
   * @param memory The earlier one, as this client or another one remembered it.
   * @returns Whether it does.
   */
  hasForgottenSince(memory: GatewayMemory): boolean {
    return this.#epochs.hasForgottenSince(memory);
  }

  /**
   * Checks whether an announcement (§3.2.1) differs from what the gateway's replies lead to expect: an implausible epoch
   * (§3.6) or another external address. Announcements can be forged, so this remembers nothing; a request brings the truth.
   *
   * @param announced The content of the announcement.
   * @returns Whether it differs.
   */
  isNews({ epochSeconds, externalAddress }: AnnouncedState): boolean {
    if (externalAddress !== this.#knownAddress) return true;
    return epochSeconds !== undefined && this.#epochs.wouldShowLoss(epochSeconds);
  }

  /**
   * Picks out the announcements that should be followed by a question (§3.2.1).
   *
   * @param datagrams The datagrams that came to the multicast group.
   * @returns One item for each.
   */
  async *hints(datagrams: AsyncIterable<Datagram>): AsyncGenerator<void> {
    const { questionableAnnouncements } = await import("./announcements.ts");
    const isNews = (state: AnnouncedState) => this.isNews(state);
    for await (const _ of questionableAnnouncements(datagrams, { gateway: this.gateway, isNews })) yield;
  }

  /** A deletion has lifetime 0 (§3.4). */
  async #delete(mapping: Deletion, options: RequestOptions): Promise<Unmapped> {
    const { protocol, internalPort, externalPort } = mapping;
    const asked = { kind: "map", protocol, internalPort, externalPort, lifetimeSeconds: 0 } as const;
    try {
      const { reply, ...effort } = await this.#request(asked, options);
      const { epochSeconds } = reply as Success<"map">;
      return { epochSeconds, ...effortOf(effort) };
    } catch (error) {
      throw error instanceof RefusedError ? this.#deletionRefused(mapping, error, error.effort) : error;
    }
  }

  /**
   * Ours: some gateways, old versions of miniupnpd among them, look a mapping up by the external port that the deletion
   * has, or by the internal one where that is 0 (miniupnp issue 97). So only one that has refused is sent another
   * number than §3.4 allows.
   */
  async #deleteByExternalPort(
    mapping: Deletion,
    options: RequestOptions,
    refused: DeletionRefusedError,
  ): Promise<Unmapped> {
    const spentMs = refused.effort?.elapsedMs ?? 0;
    const timeoutMs = (options.timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS) - spentMs;
    if (timeoutMs <= 0) throw refused;
    try {
      const unmapped = await this.#delete(mapping, { ...options, timeoutMs });
      return { ...unmapped, ...effortOfBoth(refused.effort, unmapped) };
    } catch (error) {
      if (!(error instanceof PortMapperError)) throw error;
      // Only the first answer is certain: the second request may have had none.
      throw this.#deletionRefused(mapping, refused, effortOfBoth(refused.effort, error.effort));
    }
  }

  #deletionRefused(
    { protocol, internalPort, expiresAtMs }: Deletion,
    { refusal, resultCode }: RefusedError,
    effort: Effort | undefined,
  ): DeletionRefusedError {
    const what = internalPort === 0 ? "every mapping" : "the mapping";
    const why = `${resultName(resultCode)} (result ${resultCode})`;
    return new DeletionRefusedError(`${this.gateway} refused to delete ${what}: ${why}`, refusal, {
      mapping: { protocol, internalPort },
      resultCode,
      livesUntil: wallEndOf(this.#clock, expiresAtMs),
      ...(effort === undefined ? {} : { effort }),
    });
  }

  async #request(asked: AskedRequest, options: RequestOptions): Promise<Exchanged<Response>> {
    const exchanged = await this.#exchange.request(
      { data: encodeRequest(asked), match: (data) => matchResponse(asked, data) },
      {
        waitsMs: RETRANSMISSION_WAITS_MS,
        maxAttempts: options.maxAttempts ?? this.#options.maxAttempts,
        timeoutMs: options.timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        signal: options.signal,
      },
    );
    const epochSeconds = epochOf(exchanged.reply);
    if (epochSeconds !== undefined) this.#epochs.note(epochSeconds);
    // A refusal is an answer like any other up to here, and an error from here on.
    const refusal = refusalError(this.gateway, exchanged.reply, effortOf(exchanged));
    if (refusal !== undefined) throw refusal;
    return exchanged;
  }
}

/** A version error is another protocol's word, and result 5 has the request's bytes where the epoch would be. */
function epochOf(reply: Response): number | undefined {
  if (reply.kind === "other-version") return undefined;
  if (reply.kind === "refusal" && reply.resultCode === RESULT.unsupportedVersion) return undefined;
  return reply.epochSeconds;
}
