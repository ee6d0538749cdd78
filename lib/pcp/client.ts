/**
 * The PCP client: a port mapper for one gateway (RFC 6887).
 *
 * @module
 */

import { type Effort, NotSupportedError, PortMapperError, RefusedError } from "../errors.ts";
import type { Datagram, DatagramSocket } from "../net/datagram.ts";
import { requireLimits } from "../net/exchange.ts";
import { parseIpv4 } from "../net/ipv4.ts";
import {
  effortOf,
  effortOfBoth,
  type GatewayInfo,
  type GatewayMemory,
  type KnownLease,
  type Lease,
  type MappingKey,
  type MapRequest,
  type PortMapper,
  type RecallOptions,
  type RequestOptions,
  requireLifetime,
  requirePort,
  type Unmapped,
  type UnmapRequest,
} from "../port_mapper.ts";
import type { Announcements } from "./announcements.ts";
import {
  ADDRESS_DELETION_ATTEMPTS,
  ADDRESS_LIFETIME_SECONDS,
  DEFAULT_LIFETIME_SECONDS,
  MAX_GRANTED_SECONDS,
  MAX_LIFETIME_SECONDS,
  MIN_RENEWAL_GAP_MS,
  MIN_STANDING_MS,
  NONCE_BYTES,
  RENEWAL_SHARE,
  RENEWAL_SPREAD,
  RESULT,
  SERVER_PORT,
} from "./constants.ts";
import { type External, isAddress, KnownMappings, NO_PREFERENCE, suggestionOf } from "./known_mappings.ts";
import { isNonce } from "./message.ts";
import { type PcpClientOptions, PcpExchange } from "./pcp_exchange.ts";
import { deletionRefused, nonceUnknown } from "./refusal_error.ts";

export type { PcpClientOptions };

/** How many sockets are opened in search of a port that no mapping of this client leads to. */
const MAX_SOCKETS = 4;

/**
 * A client of one PCP server. Requests made at the same time are sent one after the other.
 *
 * The token of a lease is the nonce of its mapping, as 24 hexadecimal digits: without it the gateway neither renews nor
 * deletes the mapping (§11.3, §15.1). Each mapping has a nonce of its own.
 *
 * @example Map TCP port 80 for two hours, here at a simulated gateway that speaks PCP
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { systemClock } from "../clock.ts";
 * import { MemoryNetwork, SimulatedGateway } from "../simulator/mod.ts";
 * import { PcpClient } from "./client.ts";
 *
 * const network = new MemoryNetwork({ clock: systemClock, random: Math.random });
 * const gateway = new SimulatedGateway({
 *   speaks: "pcp",
 *   externalAddress: "203.0.113.7",
 *   random: Math.random,
 *   startMs: systemClock.now(),
 * });
 * const detach = network.attach(gateway, "10.0.0.1");
 *
 * const client = new PcpClient("10.0.0.1", {
 *   localAddress: "10.0.0.2",
 *   openSocket: network.host("10.0.0.2").open,
 * });
 * const lease = await client.map({ protocol: "tcp", internalPort: 80, externalPort: 8080 });
 * assertEquals([lease.externalAddress, lease.externalPort], ["203.0.113.7", 8080]);
 * detach();
 * ```
 */
export class PcpClient implements PortMapper {
  /** The gateway's IPv4 address. */
  readonly gateway: string;
  /** The protocol. */
  readonly via = "pcp";
  readonly #exchange: PcpExchange;
  readonly #randomBytes: () => Uint8Array;
  /** The host that mappings lead to, where it is not this one. */
  readonly #forHost: string | undefined;
  readonly #known = new KnownMappings();
  #knownAddress: string | undefined;
  #announcements: Announcements | undefined;

  /**
   * Makes the client; nothing is sent yet.
   *
   * @param gateway The gateway's IPv4 address in dotted decimal.
   * @param options The address to send from, limits, and replacements for clock, chance and network. Every request
   * names the address that it comes from (§8.1), so one of `localAddress` and `clientAddress` has to be there.
   * @throws {SyntaxError} If the address is not an IPv4 address.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(gateway: string, options: PcpClientOptions = {}) {
    if (parseIpv4(gateway) === undefined) {
      throw new SyntaxError(`Cannot use gateway "${gateway}": it is not an IPv4 address in dotted decimal`);
    }
    const port = requirePort(options.port ?? SERVER_PORT, "use gateway");
    requireLimits(options);
    if (options.forHost !== undefined && parseIpv4(options.forHost) === undefined) {
      throw new SyntaxError(
        `Cannot map to host "${options.forHost}": it is not an IPv4 address in dotted decimal`,
      );
    }
    this.gateway = gateway;
    this.#forHost = options.forHost;
    this.#exchange = new PcpExchange({ hostname: gateway, port }, options);
    this.#randomBytes = options.randomBytes ?? (() => crypto.getRandomValues(new Uint8Array(NONCE_BYTES)));
  }

  /**
   * Asks by an ANNOUNCE, which changes nothing, whether the gateway answers, and for its epoch (§14.1.2).
   *
   * @param options Limits of this request.
   * @returns The epoch and what the request cost; PCP's answer has no external address.
   * @throws {RefusedError} If the gateway refuses.
   * @throws {NotSupportedError} If the gateway does not speak PCP.
   * @throws {NoAnswerError} If no valid answer came in time.
   * @throws {PortMapperError} If the address that this host sends from is unknown; nothing is sent then.
   */
  async probe(options: RequestOptions = {}): Promise<GatewayInfo> {
    const { reply, ...effort } = await this.#exchange.announce(options);
    return { epochSeconds: reply.epochSeconds, ...effortOf(effort) };
  }

  /**
   * Finds the external address: by a mapping that stands, or as §11.6 has it by a short mapping, which is deleted at once.
   * That one leads to a UDP port that is held meanwhile; somebody may listen on port 9, which the RFC proposes.
   *
   * @param options Limits of both requests together.
   * @returns The address, the epoch and what the requests cost.
   * @throws {RefusedError} If the gateway refuses, or answers with an address of all zeros, which no gateway has.
   * @throws {NotSupportedError} If the gateway does not speak PCP.
   * @throws {NoAnswerError} If no valid answer came in time.
   * @throws {PortMapperError} If the address that this host sends from is unknown; nothing is sent then.
   */
  async findAddress(
    options: RequestOptions = {},
  ): Promise<GatewayInfo & { readonly externalAddress: string }> {
    const { externalAddress, ...standing } = await this.#askForStanding(options) ?? {};
    if (externalAddress !== undefined) {
      return { externalAddress, ...effortOfBoth(undefined, undefined), ...standing };
    }
    const held: DatagramSocket[] = [];
    try {
      for (;;) {
        const socket = await this.#exchange.openSocket();
        held.push(socket);
        const mapping = { protocol: "udp", internalPort: socket.local.port } as const;
        const isFree = this.#known.get(mapping) === undefined;
        if (isFree || held.length === MAX_SOCKETS) return await this.#mapBriefly(mapping, options);
      }
    } finally {
      for (const socket of held) socket.close();
    }
  }

  /**
   * Creates a mapping, or renews it when it exists (§11). External port, external address and lifetime are the gateway's
   * decision. Where no external port is named, the port is suggested that the mapping has as far as this client knows:
   * another one would open a second mapping at some gateways (miniupnpd).
   *
   * @param request The mapping to ask for. The lifetime defaults to 7200 s. Without a token, a mapping that this client
   * has not asked for gets a new nonce.
   * @param options Limits of this request.
   * @returns The mapping as granted, with the external address and the nonce as its `token`. Its lifetime may be longer
   * than the one asked for (§15).
   * @throws {RangeError} If a port, the lifetime or a limit is out of range; nothing is sent then.
   * @throws {RefusedError} If the gateway refuses.
   * @throws {NotSupportedError} If the gateway does not speak PCP, or does not map this protocol.
   * @throws {NoAnswerError} If no valid answer came in time.
   * @throws {PortMapperError} If the address that this host sends from is unknown; nothing is sent then.
   */
  async map(request: MapRequest, options: RequestOptions = {}): Promise<Lease> {
    const { protocol, internalPort, externalPort, exact = false, token } = request;
    const { lifetimeSeconds = DEFAULT_LIFETIME_SECONDS } = request;
    // To PCP, internal port 0 means all ports (§11.1).
    requirePort(internalPort, "map");
    if (externalPort !== undefined) requirePort(externalPort, "map");
    requireLifetime(lifetimeSeconds, MAX_LIFETIME_SECONDS);

    const known = this.#known.get(request);
    const nonce = nonceIn(token) ?? known?.nonce ?? this.#newNonce();
    const { clock } = this.#exchange;
    const standsUntilMs = known?.untilMs ?? -Infinity;
    // Before anything is sent, as also a request without an answer may have made the mapping.
    const untilMs = Math.max(standsUntilMs, clock.now() + lifetimeSeconds * 1000);
    this.#known.set(request, { ...known, nonce, untilMs });
    const external = known?.external ?? NO_PREFERENCE;
    const asked = {
      nonce,
      protocol,
      internalPort,
      thirdParty: this.#forHost,
      lifetimeSeconds,
      externalPort: externalPort ?? external.externalPort,
      // With PREFER_FAILURE, an address that the gateway has lost would be refused (§13.2).
      externalAddress: (exact ? NO_PREFERENCE : external).externalAddress,
      preferFailure: exact && externalPort !== undefined,
    };
    const isRenewal = (request.expiresAtMs ?? -Infinity) > clock.now();
    const { reply, startedAtMs, ...effort } = await this.#exchange.map(asked, { ...options, isRenewal })
      .catch((error) => {
        const isAnswer = error instanceof RefusedError || error instanceof NotSupportedError;
        if (isAnswer) this.#known.set(request, { ...known, nonce, untilMs: standsUntilMs });
        throw error;
      });
    const expiresAtMs = startedAtMs + reply.lifetimeSeconds * 1000;
    const granted = { external: suggestionOf(reply), lifetimeSeconds: reply.lifetimeSeconds };
    this.#known.set(request, { nonce, ...granted, untilMs: expiresAtMs });
    // A gateway that gives a port away has lost something, so that its epoch was right.
    if (externalPort !== undefined && externalPort !== reply.externalPort) this.#exchange.epochs.believe();
    const renewalBaseMs = Math.min(reply.lifetimeSeconds, MAX_GRANTED_SECONDS) * 1000;
    return {
      via: this.via,
      protocol,
      internalPort,
      ...(externalPort === undefined ? {} : { requestedExternalPort: externalPort }),
      externalPort: reply.externalPort,
      // Without one the mapping is there all the same, and leads somewhere once the gateway has an address.
      externalAddress: this.#knownAddressIn(reply),
      ...(this.#forHost === undefined ? {} : { forHost: this.#forHost }),
      token: nonce,
      requestedLifetimeSeconds: lifetimeSeconds,
      lifetimeSeconds: reply.lifetimeSeconds,
      grantedAtMs: startedAtMs,
      renewAtMs: startedAtMs + renewalBaseMs * (RENEWAL_SHARE + RENEWAL_SPREAD * this.#exchange.random()),
      joinAtMs: startedAtMs + renewalBaseMs * RENEWAL_SHARE,
      minRetryGapMs: MIN_RENEWAL_GAP_MS,
      expiresAtMs,
      epochSeconds: reply.epochSeconds,
      ...effort,
    };
  }

  /**
   * Deletes a mapping of this host (§15.1). Deleting one that does not exist succeeds. Without its nonce nothing is sent,
   * as the gateway would refuse. A mapping of internal port 0 is left to expire.
   *
   * @param mapping Protocol and internal port, and the token of the lease unless this client has asked for the mapping.
   * @param options Limits of this request.
   * @returns The epoch and what the request cost; `closesInSeconds` where the gateway leaves the port open for a while.
   * @throws {RangeError} If a port is out of range; nothing is sent then.
   * @throws {DeletionRefusedError} If the gateway refuses, or the nonce is unknown.
   * @throws {NotSupportedError} If the gateway does not speak PCP.
   * @throws {NoAnswerError} If no valid answer came in time.
   * @throws {PortMapperError} If the address that this host sends from is unknown; nothing is sent then.
   */
  async unmap(mapping: UnmapRequest, options: RequestOptions = {}): Promise<Unmapped> {
    const { protocol, internalPort, externalPort, token } = mapping;
    if (internalPort === 0) return { leftToExpire: true, attempts: 0, elapsedMs: 0 };
    requirePort(internalPort, "unmap");
    if (externalPort !== undefined) requirePort(externalPort, "unmap external");
    const nonce = nonceIn(token) ?? this.tokenOf(mapping);
    if (nonce === undefined) throw nonceUnknown(this.#exchange.clock, mapping);
    try {
      const unmapped = await this.#exchange.delete(
        { nonce, protocol, internalPort, thirdParty: this.#forHost },
        options,
      );
      const { closesInSeconds = -Infinity } = unmapped;
      const untilMs = this.#exchange.clock.now() + closesInSeconds * 1000;
      this.#known.set(mapping, { nonce, untilMs });
      return unmapped;
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      throw deletionRefused(this.gateway, error, { mapping, clock: this.#exchange.clock });
    }
  }

  /**
   * The nonce of a mapping that this client has asked for, also where no answer came.
   *
   * @param mapping Protocol and internal port.
   * @returns The nonce; `undefined` where the client has never asked for that mapping.
   */
  tokenOf(mapping: MappingKey): string | undefined {
    return this.#known.get(mapping)?.nonce;
  }

  /**
   * Calls a listener each time a reply shows that the gateway forgot its mappings (§8.5), before the promise of that
   * reply's request settles.
   *
   * @param listener The listener. It must not throw.
   * @returns A function that ends it.
   */
  onStateLost(listener: () => void): () => void {
    return this.#exchange.epochs.onLoss(listener);
  }

  /** The epoch as the gateway sent it last, in the form of `NatPmpClient.memory`, and the nonces of standing mappings. */
  get memory(): GatewayMemory | undefined {
    const { clock, epochs } = this.#exchange;
    return this.#known.addTo(epochs.memory, clock.now());
  }

  /** The gateway's age by the last epoch that it sent this client. */
  get tableAgeMs(): number | undefined {
    return this.#exchange.epochs.ageMs;
  }

  /** Whether the epoch was wrong so often in a row, while no mapping moved to another port, that it is ignored. */
  get ignoresEpoch(): boolean {
    return this.#exchange.epochs.isIgnored;
  }

  /**
   * Takes an epoch that an earlier client heard for the one to compare the first reply with (§8.5), and the nonces of
   * mappings that this one has not asked for.
   *
   * @param memory The memory of that client.
   * @param options What that client left.
   */
  recall(memory: GatewayMemory, { holdsNothing = false }: RecallOptions = {}): void {
    if (!holdsNothing) this.#exchange.epochs.recall(memory);
    this.#known.recall(memory);
  }

  /**
   * Takes the leases that earlier clients were granted: what is known to stand is asked for with its nonce and port.
   *
   * @param leases The leases, whether or not they are over.
   */
  adopt(leases: Iterable<KnownLease>): void {
    this.#known.adopt(leases);
  }

  /**
   * Checks whether the epoch that this client heard last shows a loss of state since an earlier one (§8.5).
   *
   * @param memory The earlier one, as this client or another one remembered it.
   * @returns Whether it does.
   */
  hasForgottenSince(memory: GatewayMemory): boolean {
    return this.#exchange.epochs.hasForgottenSince(memory);
  }

  /**
   * Picks out the announcements that should be followed by a question: the first of a series, and those whose epoch
   * (§14.1.3) or external address the gateway's replies do not let expect. They can be forged, so nothing of them is
   * remembered.
   *
   * @param datagrams The datagrams that came to the multicast group.
   * @returns One item for each announcement that leads to a question.
   */
  async *hints(datagrams: AsyncIterable<Datagram>): AsyncGenerator<void> {
    const { Announcements } = await import("./announcements.ts");
    this.#announcements ??= new Announcements(this.gateway, this.#exchange);
    yield* this.#announcements.hints(datagrams, () => this.#knownAddress);
  }

  /**
   * Calls a listener for each update of a mapping that the gateway sends by itself (§14.2). It is not believed, so nothing
   * of it is remembered.
   *
   * @param listener The listener. It must not throw.
   * @returns A function that ends it.
   */
  onUpdate(listener: () => void): () => void {
    return this.#exchange.updates.listen(listener);
  }

  /**
   * Asks for a mapping that stands as for its renewal, as a shorter lifetime would shorten what another process was
   * granted. Where the gateway refuses that, as those with pf refuse every renewal, another mapping can still be had.
   */
  async #askForStanding(options: RequestOptions): Promise<GatewayInfo | undefined> {
    const { clock } = this.#exchange;
    const standing = this.#known.longestStanding(clock.now() + MIN_STANDING_MS);
    if (standing === undefined) return undefined;
    const { protocol, internalPort, nonce, external, untilMs, lifetimeSeconds } = standing;
    const asked = { nonce, protocol, internalPort, lifetimeSeconds, ...external, thirdParty: this.#forHost };
    try {
      const { reply, startedAtMs, ...effort } = await this.#exchange.map(asked, options);
      this.#known.set(standing, {
        nonce,
        external: suggestionOf(reply),
        lifetimeSeconds,
        untilMs: Math.max(untilMs, startedAtMs + reply.lifetimeSeconds * 1000),
      });
      if (reply.externalPort !== external.externalPort) this.#exchange.epochs.lose();
      const { epochSeconds } = reply;
      return { externalAddress: this.#knownAddressIn(reply), epochSeconds, ...effortOf(effort) };
    } catch (error) {
      if (error instanceof RefusedError) return undefined;
      throw error;
    }
  }

  async #mapBriefly(
    mapping: MappingKey,
    options: RequestOptions,
  ): Promise<GatewayInfo & { readonly externalAddress: string }> {
    const fields = { ...mapping, nonce: this.#newNonce() };
    const asked = { ...fields, ...NO_PREFERENCE, lifetimeSeconds: ADDRESS_LIFETIME_SECONDS };
    const { reply, ...mapped } = await this.#exchange.map(asked, options);
    const timeoutMs = Math.max(1, this.#exchange.timeoutMs(options) - mapped.elapsedMs);
    const maxAttempts = Math.min(ADDRESS_DELETION_ATTEMPTS, options.maxAttempts ?? Infinity);
    const deleted = await this.#exchange.delete(fields, { ...options, timeoutMs, maxAttempts })
      // Whether it fails does not matter, as the mapping ends soon.
      .catch((error) => error instanceof PortMapperError ? error.effort : Promise.reject(error));
    const effort = effortOfBoth(mapped, deleted);
    return { externalAddress: this.#addressIn(reply, effort), epochSeconds: reply.epochSeconds, ...effort };
  }

  #knownAddressIn({ externalAddress }: External): string | undefined {
    if (!isAddress(externalAddress)) return undefined;
    return this.#knownAddress = externalAddress;
  }

  #addressIn(reply: External, effort: Effort): string {
    const known = this.#knownAddressIn(reply);
    if (known !== undefined) return known;
    const { externalAddress } = reply;
    throw new RefusedError(
      `${this.gateway} has no external address (it answered ${externalAddress})`,
      "network-failure",
      { resultCode: RESULT.success, effort: effortOf(effort) },
    );
  }

  #newNonce(): string {
    return this.#randomBytes().toHex();
  }
}

/** The nonce that a token is; a token of anything else is as good as none. */
function nonceIn(token: string | undefined): string | undefined {
  return token !== undefined && isNonce(token) ? token : undefined;
}
