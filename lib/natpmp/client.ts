/**
 * The NAT-PMP client: typed requests to one gateway, typed results and errors (RFC 6886).
 *
 * @module
 */

import { type Clock, systemClock } from "../clock.ts";
import {
  type Effort,
  MalformedMessageError,
  NotSupportedError,
  type Refusal,
  RefusedError,
} from "../errors.ts";
import type { ConnectSocket, OpenSocket } from "../net/datagram.ts";
import { Exchange, type Exchanged, type ExchangeEvent, type Match } from "../net/exchange.ts";
import { parseIpv4 } from "../net/ipv4.ts";
import { openUdpSocket } from "../net/udp_socket.ts";
import type {
  ExternalAddress,
  Lease,
  MappingKey,
  MapRequest,
  PortMapper,
  RequestOptions,
  TransportProtocol,
  Unmapped,
} from "../port_mapper.ts";
import {
  ADDRESS_OPCODE,
  GATEWAY_PORT,
  MAP_OPCODES,
  MAX_LIFETIME_SECONDS,
  RECOMMENDED_LIFETIME_SECONDS,
  RENEWAL_JITTER,
  RESULT,
  resultName,
} from "./constants.ts";
import { decodeResponse, encodeRequest, type Response } from "./message.ts";
import { DEFAULT_TIMEOUT_MS, RETRANSMISSION_WAITS_MS } from "./retransmission.ts";

/** Options of {@linkcode NatPmpClient}. */
export interface NatPmpClientOptions {
  /** The gateway's UDP port; 5351 by §3.1. */
  readonly port?: number;
  /** The local address to send from, which is the address that mappings lead to (§3.3). */
  readonly localAddress?: string | undefined;
  /** How long one request lasts at most, unless it says otherwise; 7750 ms. */
  readonly timeoutMs?: number;
  /** How many datagrams one request sends at most, unless it says otherwise; 9 by §3.1. */
  readonly maxAttempts?: number;
  /**
   * Whether a mapping may have internal port 0, which the RFC leaves undefined and ProtonVPN's gateways use. The
   * reply's internal port is then not compared, and such a mapping is never deleted, only left to expire.
   */
  readonly allowPortZero?: boolean;
  /** Measures and waits; the machine's own clock. */
  readonly clock?: Clock;
  /** Uniform in [0, 1), for the jitter of renewals; `Math.random`. */
  readonly random?: () => number;
  /** Opens sockets; the system's. */
  readonly openSocket?: OpenSocket;
  /** Opens sockets that hear ICMP port unreachable; none unless given. */
  readonly connectSocket?: ConnectSocket | undefined;
  /** Told of each datagram. */
  readonly observe?: ((event: ExchangeEvent) => void) | undefined;
}

type Asked = Parameters<typeof encodeRequest>[0];
type Success<K extends Asked["kind"]> = Extract<Response, { kind: K }>;

/**
 * A client of one NAT-PMP gateway. Requests made at the same time are sent one after the other (§3.1).
 *
 * @example Map TCP port 80 for two hours
 * ```ts no-eval
 * import { NatPmpClient } from "./client.ts";
 *
 * const client = new NatPmpClient("10.0.0.1");
 * const lease = await client.map({ protocol: "tcp", internalPort: 80, externalPort: 8080 });
 * console.log(lease.externalPort, lease.lifetimeSeconds);
 * ```
 */
export class NatPmpClient implements PortMapper {
  /** The gateway's IPv4 address. */
  readonly gateway: string;
  readonly #options: NatPmpClientOptions;
  readonly #random: () => number;
  readonly #exchange: Exchange;

  /**
   * Makes the client; nothing is sent yet.
   *
   * @param gateway The gateway's IPv4 address in dotted decimal.
   * @param options Limits, and replacements for clock, chance and network.
   * @throws {SyntaxError} If the address is no IPv4 address.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(gateway: string, options: NatPmpClientOptions = {}) {
    if (parseIpv4(gateway) === undefined) {
      throw new SyntaxError(`Cannot use gateway "${gateway}": it is no IPv4 address in dotted decimal`);
    }
    const port = requirePort(options.port ?? GATEWAY_PORT, "use gateway");
    this.gateway = gateway;
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#exchange = new Exchange({ hostname: gateway, port }, {
      clock: options.clock ?? systemClock,
      openSocket: options.openSocket ?? openUdpSocket,
      localAddress: options.localAddress,
      connectSocket: options.connectSocket,
      observe: options.observe,
    });
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
  async externalAddress(options: RequestOptions = {}): Promise<ExternalAddress> {
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
    return { externalAddress, epochSeconds, ...effortOf(effort) };
  }

  /**
   * Creates a mapping, or renews it when it exists (§3.3). The external port and the lifetime are the gateway's
   * decision: read them from the result.
   *
   * @param request What to map. The lifetime defaults to 7200 s.
   * @param options Limits of this request.
   * @returns The mapping as granted.
   * @throws {RangeError} If a port or the lifetime is out of range; nothing is sent then.
   * @throws {RefusedError} If the gateway refuses.
   * @throws {NotSupportedError} If the gateway does not speak NAT-PMP.
   * @throws {NoAnswerError} If no valid answer came in time.
   */
  async map(request: MapRequest, options: RequestOptions = {}): Promise<Lease> {
    const { protocol, internalPort, externalPort, lifetimeSeconds = RECOMMENDED_LIFETIME_SECONDS } = request;
    if (internalPort !== 0 || !this.#options.allowPortZero) requirePort(internalPort, "map");
    if (externalPort !== undefined) requirePort(externalPort, "map");
    if (!Number.isInteger(lifetimeSeconds) || lifetimeSeconds < 1 || lifetimeSeconds > MAX_LIFETIME_SECONDS) {
      throw new RangeError(
        `Cannot map for ${lifetimeSeconds} s: a lifetime is a whole number of seconds from 1 to ${MAX_LIFETIME_SECONDS}`,
      );
    }
    const asked = {
      kind: "map",
      protocol,
      internalPort,
      externalPort: externalPort ?? 0,
      lifetimeSeconds,
    } as const;
    const { reply, startedAtMs, ...effort } = await this.#request(asked, options);
    const granted = reply as Success<"map">;
    const renewalBaseMs = Math.min(granted.lifetimeSeconds, lifetimeSeconds) * 1000;
    return {
      protocol,
      internalPort,
      ...(externalPort === undefined ? {} : { requestedExternalPort: externalPort }),
      externalPort: granted.externalPort,
      requestedLifetimeSeconds: lifetimeSeconds,
      lifetimeSeconds: granted.lifetimeSeconds,
      grantedAtMs: startedAtMs,
      renewAtMs: startedAtMs + renewalBaseMs * (1 / 2 + RENEWAL_JITTER * this.#random()),
      expiresAtMs: startedAtMs + granted.lifetimeSeconds * 1000,
      epochSeconds: granted.epochSeconds,
      ...effort,
    };
  }

  /**
   * Deletes a mapping of this host (§3.4). Deleting one that does not exist succeeds.
   *
   * @param mapping Protocol and internal port.
   * @param options Limits of this request.
   * @returns The epoch and what the request cost.
   * @throws {RangeError} If the port is out of range, 0 above all, which would delete everything (§3.4).
   * @throws {RefusedError} If the gateway refuses.
   * @throws {NotSupportedError} If the gateway does not speak NAT-PMP.
   * @throws {NoAnswerError} If no valid answer came in time.
   */
  async unmap(mapping: MappingKey, options: RequestOptions = {}): Promise<Unmapped> {
    requirePort(mapping.internalPort, "unmap");
    return await this.#delete(mapping, options);
  }

  /**
   * Deletes every mapping of this host for one transport protocol (§3.4). Some gateways delete both protocols' then.
   *
   * @param protocol The transport protocol.
   * @param options Limits of this request.
   * @returns The epoch and what the request cost.
   * @throws {RefusedError} If the gateway refuses; it has still deleted as many as it could (§3.4).
   * @throws {NotSupportedError} If the gateway does not speak NAT-PMP.
   * @throws {NoAnswerError} If no valid answer came in time.
   */
  async unmapAll(protocol: TransportProtocol, options: RequestOptions = {}): Promise<Unmapped> {
    return await this.#delete({ protocol, internalPort: 0 }, options);
  }

  /** The suggested external port of a deletion is 0 and so is its lifetime (§3.4). */
  async #delete({ protocol, internalPort }: MappingKey, options: RequestOptions): Promise<Unmapped> {
    const asked = { kind: "map", protocol, internalPort, externalPort: 0, lifetimeSeconds: 0 } as const;
    const { reply, ...effort } = await this.#request(asked, options);
    const { epochSeconds } = reply as Success<"map">;
    return { epochSeconds, ...effortOf(effort) };
  }

  async #request(asked: Asked, options: RequestOptions): Promise<Exchanged<Response>> {
    const maxAttempts = options.maxAttempts ?? this.#options.maxAttempts ?? RETRANSMISSION_WAITS_MS.length;
    const exchanged = await this.#exchange.request(
      { data: encodeRequest(asked), match: (data) => matchResponse(asked, data) },
      {
        waitsMs: RETRANSMISSION_WAITS_MS.slice(0, maxAttempts),
        timeoutMs: options.timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        signal: options.signal,
      },
    );
    this.#throwIfRefused(exchanged);
    return exchanged;
  }

  /** A refusal is an answer like any other up to here, and an error from here on. */
  #throwIfRefused({ reply, ...rest }: Exchanged<Response>): void {
    const effort = effortOf(rest);
    if (reply.kind === "other-version") {
      throw new NotSupportedError(
        `${this.gateway} speaks version ${reply.version}, not NAT-PMP`,
        "unsupported-version",
        { version: reply.version, effort },
      );
    }
    if (reply.kind !== "refusal") return;
    const { resultCode } = reply;
    const message = `${this.gateway} answered: ${resultName(resultCode)} (result ${resultCode})`;
    if (resultCode === RESULT.unsupportedVersion) {
      throw new NotSupportedError(message, "unsupported-version", { resultCode, effort });
    }
    if (resultCode === RESULT.unsupportedOpcode) {
      throw new NotSupportedError(message, "unsupported-opcode", { resultCode, effort });
    }
    throw new RefusedError(message, REFUSALS.get(resultCode) ?? "unknown-result", { resultCode, effort });
  }
}

/** What the result codes with a meaning say in words that other protocols share (§3.5). */
const REFUSALS: ReadonlyMap<number, Refusal> = new Map([
  [RESULT.notAuthorized, "not-authorized"],
  [RESULT.networkFailure, "network-failure"],
  [RESULT.outOfResources, "out-of-resources"],
]);

/** Tells whether a datagram answers what was asked, and if not, why not (§3.3, §3.5). */
function matchResponse(asked: Asked, data: Uint8Array): Match<Response> {
  let response: Response;
  try {
    response = decodeResponse(data);
  } catch (error) {
    if (error instanceof MalformedMessageError) return { discarded: error.message };
    throw error;
  }
  if (response.kind === "other-version") return { reply: response };

  const opcode = asked.kind === "address" ? ADDRESS_OPCODE : MAP_OPCODES[asked.protocol];
  if (response.kind === "refusal") {
    // A version error does not tell which request it answers (§3.5), and only one is outstanding.
    if (response.resultCode === RESULT.unsupportedVersion) return { reply: response };
    if (response.opcode !== opcode) return { discarded: "for another opcode" };
    // Some gateways do not echo the internal port of a request that they refuse.
    if (asked.kind === "map" && response.internalPort && response.internalPort !== asked.internalPort) {
      return { discarded: "for another internal port" };
    }
    return { reply: response };
  }
  if (asked.kind === "address") {
    return response.kind === "address" ? { reply: response } : { discarded: "for another opcode" };
  }
  if (response.kind !== "map" || response.protocol !== asked.protocol) {
    return { discarded: "for another opcode" };
  }
  const isDeletion = asked.lifetimeSeconds === 0;
  if (response.internalPort !== asked.internalPort && (isDeletion || asked.internalPort !== 0)) {
    return { discarded: "for another internal port" };
  }
  if (isDeletion) {
    return response.lifetimeSeconds === 0
      ? { reply: response }
      : { discarded: "a mapping where one was deleted" };
  }
  if (response.externalPort === 0) return { discarded: "a success with external port 0" };
  if (response.lifetimeSeconds === 0) return { discarded: "a success with lifetime 0" };
  return { reply: response };
}

function effortOf({ attempts, elapsedMs }: Effort): Effort {
  return { attempts, elapsedMs };
}

function requirePort(port: number, what: string): number {
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new RangeError(`Cannot ${what} port ${port}: a port is a whole number from 1 to 65535`);
  }
  return port;
}
