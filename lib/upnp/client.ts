/**
 * The UPnP client: a port mapper for one Internet Gateway Device (WANIPConnection:1 and :2, WANPPPConnection:1).
 *
 * @module
 */

import { type Clock, systemClock } from "../clock.ts";
import { type NotSupportedError, RefusedError } from "../errors.ts";
import type { OpenSocket } from "../net/datagram.ts";
import { type RequestLock, requireLimits, Turns } from "../net/exchange.ts";
import { parseIpv4 } from "../net/ipv4.ts";
import type { ConnectStream } from "../net/stream.ts";
import {
  type GatewayInfo,
  type GatewayMemory,
  type KnownLease,
  type Lease,
  type MappingList,
  mappingName,
  type MapRequest,
  type PortMapper,
  type RecallOptions,
  type RequestOptions,
  requireLifetime,
  requirePort,
  type Unmapped,
  type UnmapRequest,
  wallEndOf,
} from "../port_mapper.ts";
import {
  DEFAULT_LIFETIME_SECONDS,
  DEFAULT_TIMEOUT_MS,
  MAX_UINT32,
  MIN_RETRY_GAP_MS,
  RENEWAL_JITTER,
  SEEN_MS,
} from "./constants.ts";
import { ActionRefused } from "./action_refused.ts";
import { getStatusInfo } from "./actions.ts";
import { Igd, type IgdOptions, noRouter, Operation } from "./igd.ts";
import { deletionRefusal, refusal } from "./refusal_error.ts";
import { memoryOf, placeIn } from "./memory.ts";
import { type OpenGroupSocket, RestartListener } from "./restart_listener.ts";
import { reportOn, type SurveyedRouter } from "./survey.ts";
import { MappingTable } from "./table.ts";
import { listedMapping } from "./table_listing.ts";
import { foreignRefusal, type Granted } from "./table_rules.ts";

const ANY_ADDRESS = "0.0.0.0";

/** Options of {@linkcode UpnpClient}. */
export interface UpnpClientOptions {
  /** Where the router's description is, where a user has named it: nothing is searched for then. */
  readonly igdUrl?: URL | undefined;
  /** The address of this host that faces the gateway. */
  readonly localAddress?: string | undefined;
  /** The address of this host that mappings are to lead to, where it is not the system's choice. */
  readonly sourceAddress?: string | undefined;
  /** Whether only the gateway itself may answer the search. */
  readonly isGatewayNamed?: boolean | undefined;
  /** How long a search for the router lasts at most; by default as long as the operation. */
  readonly searchTimeoutMs?: number | undefined;
  /** How long one operation lasts at most, unless it says otherwise; 7750 ms. */
  readonly timeoutMs?: number | undefined;
  /** The name of this host in the description of a mapping. */
  readonly hostName?: string | undefined;
  /** Measures and waits; the machine's own clock. */
  readonly clock?: Clock | undefined;
  /** Uniform in [0, 1), for ports and for the jitter of renewals; `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Opens sockets. */
  readonly openSocket: OpenSocket;
  /** Connects by TCP. */
  readonly connectStream: ConnectStream;
  /** Hears the router's announcements while somebody listens for updates; without it none are heard. */
  readonly openSearchSocket?: OpenGroupSocket | undefined;
  /** Keeps the requests of other processes to the same router apart from these; none unless given. */
  readonly requestLock?: RequestLock | undefined;
  /** Called with what is sent and heard, for people. */
  readonly trace?: IgdOptions["trace"];
  /** Called when an operation begins to talk to the router, and when it is over. */
  readonly onConversation?: ((event: "began" | "ended") => void) | undefined;
}

/** The outcome of a survey. */
export interface Survey {
  readonly routers: readonly SurveyedRouter[];
  /** Where no router maps ports: the error of a search that is as long. */
  readonly failure?: NotSupportedError | undefined;
}

/**
 * A client of one UPnP router. Operations that are asked for at the same time are carried out one after the other.
 *
 * The router knows a mapping by its external port and protocol, and has no proof of whose it is. So each is looked up
 * before it is changed: one that leads to another host, or to another port of this one, is left alone.
 */
export class UpnpClient implements PortMapper {
  /** The gateway's IPv4 address. */
  readonly gateway: string;
  /** The protocol. */
  readonly via = "upnp";
  /** Routers clear tables, and lose them with no sign of it. */
  readonly needsPolling = true;
  readonly #options: UpnpClientOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #igd: Igd;
  readonly #table: MappingTable;
  readonly #known = new Map<string, KnownLease>();
  /** When a mapping was last in the table, in milliseconds of the clock. */
  readonly #seenAtMs = new Map<string, number>();
  readonly #lossListeners = new Set<() => void>();
  readonly #updateListeners = new Set<() => void>();
  #restarts: RestartListener | undefined;
  readonly #turns = new Turns();

  /** Nothing is sent yet. Throws a `SyntaxError` for a gateway that is not an IPv4 address, a `RangeError` for a limit. */
  constructor(gateway: string, options: UpnpClientOptions) {
    if (parseIpv4(gateway) === undefined) {
      throw new SyntaxError(`Cannot use gateway "${gateway}": it is not an IPv4 address in dotted decimal`);
    }
    requireLimits(options);
    const { clock = systemClock, random = Math.random, hostName } = options;
    this.gateway = gateway;
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#igd = new Igd({ ...options, gateway, clock });
    this.#table = new MappingTable({ igd: this.#igd, random, hostName });
  }

  /**
   * Searches for the router, or makes sure that the one that is known still answers. Throws a
   * {@linkcode NotSupportedError} where there is none.
   */
  async find(options: RequestOptions = {}): Promise<void> {
    await this.#perform(options, async (operation) => {
      await this.#igd.find(operation);
      if (operation.hasSearched) return;
      await this.#igd.call(getStatusInfo(), operation).catch((error) => {
        // A fault is an answer, too.
        if (!(error instanceof ActionRefused) || error.isHttp) throw error;
      });
    });
  }

  /**
   * Asks for the external address, and whether the known mappings are still in the table. A router that refuses to tell
   * its address is there all the same.
   */
  probe(options: RequestOptions = {}): Promise<GatewayInfo> {
    return this.#perform(options, async (operation) => {
      const externalAddress = await this.#table.externalAddress(operation).catch((error) => {
        if (!(error instanceof ActionRefused) || error.isHttp) throw error;
        return undefined;
      });
      await this.#checkKnown(operation);
      return { externalAddress, ...operation.effort };
    });
  }

  /** As {@linkcode UpnpClient.probe}; a router without an address is a {@linkcode RefusedError}. */
  findAddress(
    options: RequestOptions = {},
  ): Promise<GatewayInfo & { readonly externalAddress: string }> {
    return this.#perform(options, async (operation) => {
      const externalAddress = await this.#table.externalAddress(operation);
      await this.#checkKnown(operation);
      const { effort } = operation;
      if (externalAddress !== undefined) return { externalAddress, ...effort };
      throw new RefusedError(`${this.gateway} has no external address`, "network-failure", {
        resultCode: 0,
        effort,
      });
    });
  }

  /**
   * Searches for this long, then asks every router that answered about itself, all within the limit of one operation. The
   * first that maps ports is used from then on. Where the description is named, nothing is searched for.
   */
  async survey(searchMs: number, options: RequestOptions = {}): Promise<Survey> {
    const { gateway } = this;
    const { igdUrl, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
    const askingMs = options.timeoutMs ?? timeoutMs;
    const operation = this.#begin({
      ...options,
      timeoutMs: igdUrl === undefined ? searchMs + askingMs : askingMs,
    });
    const routers: SurveyedRouter[] = [];
    let isOther = false;
    let chosen: SurveyedRouter | undefined;
    for await (const sighting of this.#igd.survey(searchMs, operation)) {
      isOther = true;
      const report = await reportOn(sighting, { igd: this.#igd, gateway, operation });
      if (report === undefined) continue;
      const router: SurveyedRouter = {
        ...report,
        isChosen: chosen === undefined && sighting.place !== undefined,
      };
      routers.push(router);
      if (router.isChosen) chosen = router;
    }
    return chosen === undefined
      ? { routers, failure: noRouter(gateway, { searchedMs: searchMs, isOther }) }
      : { routers };
  }

  /**
   * Creates a mapping, or renews it. Where the port belongs to somebody else, up to four others are tried, unless `exact`.
   *
   * @throws {RefusedError} If the router refuses, or the port is taken.
   * @throws {NotSupportedError} If there is no UPnP router, or it does not map ports.
   * @throws {NoAnswerError} If it does not answer in time.
   */
  map(request: MapRequest, options: RequestOptions = {}): Promise<Lease> {
    const { protocol, internalPort, externalPort } = request;
    const { lifetimeSeconds = DEFAULT_LIFETIME_SECONDS } = request;
    requirePort(internalPort, "map");
    if (externalPort !== undefined) requirePort(externalPort, "map");
    requireLifetime(lifetimeSeconds, MAX_UINT32);
    return this.#perform(options, async (operation) => {
      const known = this.#known.get(mappingName(request));
      const leftMs = (request.expiresAtMs ?? known?.expiresAtMs ?? -Infinity) - this.#clock.now();
      const held = leftMs > 0 ? known : undefined;
      const granted = await this.#table.add(
        {
          ...request,
          lifetimeSeconds,
          leftSeconds: leftMs > 0 && leftMs < Infinity ? leftMs / 1000 : undefined,
          heldPort: held?.externalPort,
          heldLifetime: held?.lifetimeSeconds,
        },
        operation,
      );
      const lease = this.#lease(
        { protocol, internalPort, externalPort, lifetimeSeconds },
        granted,
        operation,
      );
      const left = held?.externalPort;
      if (left !== undefined && left !== lease.externalPort) {
        await this.#table.leave({ protocol, internalPort, externalPort: left }, operation);
      }
      return { ...lease, ...operation.effort };
    });
  }

  #lease(
    request: MapRequest & { readonly lifetimeSeconds: number },
    { externalPort, lifetimeSeconds, isVerified }: Granted,
    { startedAtMs, effort }: Operation,
  ): Lease {
    const { protocol, internalPort } = request;
    const baseMs =
      Math.min(lifetimeSeconds === "permanent" ? Infinity : lifetimeSeconds, request.lifetimeSeconds) *
      1000;
    const expiresAtMs = lifetimeSeconds === "permanent" ? Infinity : startedAtMs + lifetimeSeconds * 1000;
    const lease: Lease = {
      via: this.via,
      protocol,
      internalPort,
      ...(request.externalPort === undefined ? {} : { requestedExternalPort: request.externalPort }),
      externalPort,
      requestedLifetimeSeconds: request.lifetimeSeconds,
      lifetimeSeconds,
      grantedAtMs: startedAtMs,
      renewAtMs: startedAtMs + baseMs * (1 / 2 + RENEWAL_JITTER * this.#random()),
      joinAtMs: startedAtMs + baseMs / 2,
      minRetryGapMs: MIN_RETRY_GAP_MS,
      expiresAtMs,
      isVerified,
      ...effort,
    };
    this.#known.set(mappingName(lease), lease);
    if (isVerified) this.#seenAtMs.set(mappingName(lease), this.#clock.now());
    return lease;
  }

  /**
   * Deletes a mapping of this host. Deleting one that does not exist succeeds; one that leads elsewhere is left alone,
   * unless `force`. A mapping of internal port 0 is left alone too.
   *
   * @throws {DeletionRefusedError} If the router refuses, or the mapping leads to another host.
   */
  unmap(mapping: UnmapRequest, options: RequestOptions = {}): Promise<Unmapped> {
    const { protocol, internalPort, force = false } = mapping;
    if (internalPort === 0) return Promise.resolve({ leftToExpire: true, attempts: 0, elapsedMs: 0 });
    requirePort(internalPort, "unmap");
    return this.#perform(options, async (operation) => {
      const name = mappingName(mapping);
      const externalPort = mapping.externalPort ?? this.#known.get(name)?.externalPort;
      const owner = await this.#table.delete({ protocol, internalPort, externalPort, force }, operation);
      if (owner !== undefined) {
        throw foreignRefusal(mapping, owner, { ...this.#remains(mapping), effort: operation.effort });
      }
      this.#known.delete(name);
      return operation.effort;
    }, (error, operation) => {
      if (!(error instanceof ActionRefused)) return undefined;
      return deletionRefusal(this.gateway, error, { ...this.#remains(mapping), effort: operation.effort });
    });
  }

  /** The router's table. */
  list(options: RequestOptions = {}): Promise<MappingList> {
    return this.#perform(options, async (operation) => {
      const { entries, localAddress } = await this.#table.list(operation);
      return { mappings: entries.map((entry) => listedMapping(entry, localAddress)) };
    });
  }

  get memory(): GatewayMemory | undefined {
    return memoryOf(this.#igd.place, {
      isPermanentOnly: this.#table.isPermanentOnly,
      atMs: this.#clock.now(),
    });
  }

  recall(memory: GatewayMemory, _options: RecallOptions = {}): void {
    const remembered = placeIn(memory);
    if (remembered === undefined || this.#options.igdUrl !== undefined) return;
    const { place, isPermanentOnly } = remembered;
    if (this.#igd.recall(place) && isPermanentOnly) this.#table.rememberPermanentOnly();
  }

  adopt(leases: Iterable<KnownLease>): void {
    for (const lease of leases) {
      if (lease.via === this.via) this.#known.set(mappingName(lease), lease);
      else this.#known.delete(mappingName(lease));
    }
  }

  /** A lost table shows in a question alone. */
  hasForgottenSince(): boolean {
    return false;
  }

  onStateLost(listener: () => void): () => void {
    this.#lossListeners.add(listener);
    return () => void this.#lossListeners.delete(listener);
  }

  /** Calls a listener each time the router announces that it has started again, from its first answer on. */
  onUpdate(listener: () => void): () => void {
    this.#updateListeners.add(listener);
    this.#hearRestarts();
    return () => {
      this.#updateListeners.delete(listener);
      if (this.#updateListeners.size > 0) return;
      this.#restarts?.close();
      this.#restarts = undefined;
    };
  }

  #hearRestarts(): void {
    const { openSearchSocket: open, localAddress: interfaceAddress = ANY_ADDRESS } = this.#options;
    const isNeeded = this.#updateListeners.size > 0 && this.#igd.place !== undefined;
    if (open === undefined || !isNeeded) return;
    this.#restarts ??= new RestartListener({
      open,
      interfaceAddress,
      router: () => {
        const { place } = this.#igd;
        return place && { address: place.controlUrl.hostname, bootId: place.bootId };
      },
      onRestart: () => {
        this.#seenAtMs.clear();
        for (const listener of this.#updateListeners) listener();
      },
    });
  }

  /** A known mapping that is gone from the table shows that others may be gone too. */
  async #checkKnown(operation: Operation): Promise<void> {
    const nowMs = this.#clock.now();
    const living = [...this.#known.values()].filter((lease) => {
      const { externalPort, expiresAtMs = 0 } = lease;
      const seenAtMs = this.#seenAtMs.get(mappingName(lease)) ?? -Infinity;
      return externalPort !== undefined && expiresAtMs > nowMs && nowMs - seenAtMs >= SEEN_MS;
    });
    const missing = await this.#table.missing(living, operation);
    if (missing.length === 0) return;
    for (const lease of missing) this.#known.delete(mappingName(lease));
    for (const listener of this.#lossListeners) listener();
  }

  #begin({ timeoutMs, signal }: RequestOptions): Operation {
    return new Operation(this.#clock, timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS, signal);
  }

  /** One operation at a time, of this process and of others. */
  async #perform<T>(
    options: RequestOptions,
    perform: (operation: Operation) => Promise<T>,
    explain: (error: unknown, operation: Operation) => unknown = () => undefined,
  ): Promise<T> {
    requireLimits(options);
    return await this.#turns.take(
      options.signal,
      () => this.#withLock(options, () => this.#attempt(this.#begin(options), perform, explain)),
    );
  }

  /** Another process may go on after a while, as the lock has it; an operation that never had it gives none back. */
  async #withLock<T>({ signal }: RequestOptions, perform: () => Promise<T>): Promise<T> {
    const { requestLock } = this.#options;
    await requestLock?.take(signal);
    try {
      return await perform();
    } finally {
      requestLock?.release();
    }
  }

  async #attempt<T>(
    operation: Operation,
    perform: (operation: Operation) => Promise<T>,
    explain: (error: unknown, operation: Operation) => unknown,
  ): Promise<T> {
    const { onConversation } = this.#options;
    try {
      operation.signal?.throwIfAborted();
      onConversation?.("began");
      const outcome = await perform(operation);
      this.#hearRestarts();
      return outcome;
    } catch (error) {
      operation.signal?.throwIfAborted();
      throw explain(error, operation) ?? refusal(this.gateway, error, operation.effort);
    } finally {
      onConversation?.("ended");
    }
  }

  #remains({ protocol, internalPort, expiresAtMs }: UnmapRequest) {
    return { mapping: { protocol, internalPort }, livesUntil: wallEndOf(this.#clock, expiresAtMs) };
  }
}
