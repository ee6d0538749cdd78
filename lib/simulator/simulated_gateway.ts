/**
 * The simulated gateway: the gateway's side of NAT-PMP (RFC 6886), of PCP (RFC 6887) and of UPnP as a pure state
 * machine, and what can be wrong with it. Sections without a number of an RFC are those of RFC 6886.
 *
 * @module
 */

import { type Datagram, type Endpoint, formatEndpoint } from "../net/datagram.ts";
import { PCP_VERSION } from "../pcp/constants.ts";
import { Adversity, type Emission, otherAddress } from "./adversity.ts";
import { announcementEmissions, announcementTimes } from "./announcer.ts";
import { EpochCounter } from "./epoch_counter.ts";
import type { Faults } from "./faults.ts";
import type { GatewayContext, GatewayState, RequestOutcome, SpokenProtocols } from "./gateway_state.ts";
import { type Mapping, MappingTable, type MappingTableOptions } from "./mapping_table.ts";
import { mappingUpdates, UPDATE_TIMES_MS } from "./mapping_updater.ts";
import { handleRequest } from "./request_handler.ts";
import { RequestsInFlight } from "./requests_in_flight.ts";
import type { UpnpVersion } from "./upnp_context.ts";
import { type HttpMessage, type HttpPlan, type Meeting, UpnpRouter } from "./upnp_router.ts";

/** Options of {@linkcode SimulatedGateway}. */
export interface SimulatedGatewayOptions extends MappingTableOptions {
  /** The protocols that it speaks on port 5351. Default `nat-pmp`. */
  readonly speaks?: SpokenProtocols | undefined;
  /** What it is to UPnP, over the same table. Default: it does not speak UPnP. */
  readonly upnp?: UpnpVersion | undefined;
  /** The external address in dotted decimal; without one, requests fail with result 3 (§3.5), in PCP 7. */
  readonly externalAddress?: string;
  /** When the gateway starts, in milliseconds of the clock that its methods are given. */
  readonly startMs: number;
  /** How old its table is at the start, in seconds. Default 0. */
  readonly startEpochSeconds?: number;
  /** Whether it announces its start (§3.2.1). Default `true`. */
  readonly announcesStart?: boolean;
  /** Whether it acts as NAT at all; one that does not is deaf and silent (§3.8). Default `true`. */
  readonly actsAsNat?: boolean;
  /** The faults that it has. Default: none. */
  readonly faults?: Faults;
}

/** An observer of the gateway. */
export interface GatewayObserver {
  /** Takes a line for people about what was heard and answered, or what happened. */
  readonly log?: (line: string) => void;
  /** Called when {@linkcode SimulatedGateway.nextDueAtMs} may have changed. */
  readonly scheduleChanged?: () => void;
  /** Called when it reboots, which ends every connection to it. */
  readonly rebooted?: () => void;
}

/** The counts of a gateway. */
export interface GatewayCounters {
  /** Datagrams that came to port 5351, lost ones and junk included. */
  readonly received: number;
  /** Answers that were made, lost ones included. */
  readonly answered: number;
  /** The most requests that one host had unanswered at a time (§3.1: one); a re-send is the same request. */
  readonly mostInFlight: number;
  /** Datagrams that came to the port of UPnP's searches. */
  readonly searches: number;
  /** Requests of HTTP that came. */
  readonly httpRequests: number;
}

/** A task that the gateway does by itself. */
type Task = "announce" | "update-mappings" | "restart-epoch" | "reboot" | "readdress" | "forget";

/**
 * A gateway without a socket: datagrams and times in, datagrams out.
 *
 * @example It answers with its external address, one second after its start
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { SimulatedGateway } from "./simulated_gateway.ts";
 *
 * const gateway = new SimulatedGateway({ externalAddress: "203.0.113.7", random: () => 0, startMs: 0 });
 * const source = { hostname: "192.168.1.2", port: 50000 };
 * const [answer] = gateway.receive({ data: Uint8Array.of(0, 0), source }, 1000);
 * assertEquals(answer?.data, Uint8Array.of(0, 128, 0, 0, 0, 0, 0, 1, 203, 0, 113, 7));
 * ```
 */
export class SimulatedGateway {
  /** Whether it acts as NAT; where it does not, its port is closed (§3.8). */
  readonly actsAsNat: boolean;
  readonly #speaks: SpokenProtocols;
  readonly #upnp: UpnpRouter | undefined;
  readonly #table: MappingTable;
  readonly #adversity = new Adversity();
  readonly #inFlight = new RequestsInFlight();
  readonly #observers = new Set<GatewayObserver>();
  #externalAddress: string | undefined;
  #faults: Faults = {};
  readonly #epoch: EpochCounter;
  /** The planned tasks, the next first. */
  #agenda: readonly { readonly atMs: number; readonly task: Task }[] = [];
  #readdressedAtMs = 0;
  #received = 0;
  #answered = 0;

  /**
   * Starts a gateway.
   *
   * @param options The address, the table's limits, the start and the faults.
   */
  constructor(options: SimulatedGatewayOptions) {
    this.actsAsNat = options.actsAsNat ?? true;
    this.#speaks = options.speaks ?? "nat-pmp";
    this.#upnp = options.upnp === undefined ? undefined : new UpnpRouter(options.upnp);
    this.#table = new MappingTable(options);
    this.#externalAddress = options.externalAddress;
    this.#epoch = new EpochCounter(options.startMs, options.startEpochSeconds ?? 0);
    this.setFaults(options.faults ?? {}, options.startMs);
    if (options.announcesStart ?? true) this.#announce(options.startMs);
  }

  /** The faults in force. */
  get faults(): Faults {
    return this.#faults;
  }

  /** Whether it listens on port 5351. */
  get hasServerPort(): boolean {
    return this.actsAsNat && this.#speaks !== "none";
  }

  /** Whether it speaks UPnP. */
  get hasUpnp(): boolean {
    return this.actsAsNat && this.#upnp !== undefined;
  }

  /** The protocols that it speaks on port 5351. */
  get speaks(): SpokenProtocols {
    if (this.#speaks === "none") return "none";
    if (this.#faults.pcpOnly) return "pcp";
    return this.#faults.natPmpOnly === undefined ? this.#speaks : "nat-pmp";
  }

  /** The external address, where there is one. */
  get externalAddress(): string | undefined {
    return this.#faults.noAddress ? undefined : this.#externalAddress;
  }

  /** The counts since the start. */
  get counters(): GatewayCounters {
    const { searches = 0, httpRequests = 0 } = this.#upnp ?? {};
    const { most: mostInFlight } = this.#inFlight;
    return { received: this.#received, answered: this.#answered, mostInFlight, searches, httpRequests };
  }

  /** When {@linkcode due} has something to do next, in milliseconds; `undefined` when nothing is planned. */
  get nextDueAtMs(): number | undefined {
    return this.#agenda[0]?.atMs;
  }

  /**
   * Calls somebody with what goes on.
   *
   * @param observer The observer.
   * @returns A function that ends it.
   */
  observe(observer: GatewayObserver): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  /**
   * The epoch as the gateway would send it (§3.6).
   *
   * @param nowMs The time.
   * @returns Whole seconds since the table was made, faults of the clock included.
   */
  epochSeconds(nowMs: number): number {
    return this.#epoch.seconds(nowMs, this.#faults.epochOffsetSeconds ?? 0);
  }

  /**
   * The mappings that live.
   *
   * @param nowMs The time.
   * @returns The mappings.
   */
  mappings(nowMs: number): readonly Mapping[] {
    return this.#table.list(nowMs);
  }

  /**
   * Changes what the gateway does wrong. The epoch goes on from where it is, at the new rate; events whose time has
   * changed are counted from now.
   *
   * @param faults All faults that are in force from now on.
   * @param nowMs The time.
   */
  setFaults(faults: Faults, nowMs: number): void {
    const before = this.#faults;
    this.#epoch.setRate(faults.clockRate ?? 1, nowMs);
    this.#faults = faults;
    const plan = (task: Task, oldSeconds: number | undefined, seconds: number | undefined) => {
      if (seconds !== oldSeconds) this.#plan(task, seconds === undefined ? [] : [nowMs + seconds * 1000]);
    };
    plan("reboot", before.rebootAfterSeconds, faults.rebootAfterSeconds);
    plan("readdress", before.readdressAfterSeconds, faults.readdressAfterSeconds);
    plan("forget", before.forgetAfterSeconds, faults.forgetAfterSeconds);
  }

  /**
   * Hears a datagram.
   *
   * @param datagram A datagram that came to port 5351.
   * @param nowMs The time.
   * @returns The datagrams that go out because of it.
   */
  receive(datagram: Datagram, nowMs: number): Emission[] {
    if (!this.hasServerPort) return [];
    this.#received++;
    const faults = this.#faultsWith(datagram);
    const from = formatEndpoint(datagram.source);
    if (this.#adversity.losesRequest(faults)) {
      this.#log(`${from} request lost`);
      return [];
    }
    const { answer, text } = this.#handle(datagram, nowMs);
    const isLost = answer !== undefined && this.#adversity.losesReply(faults);
    this.#log(`${from} ${text}${isLost ? " (reply lost)" : ""}`);
    const sent = isLost ? undefined : answer;
    if (answer !== undefined) this.#answered++;
    if (sent !== undefined) {
      this.#inFlight.add(datagram, { nowMs, answeredAtMs: nowMs + (faults.latencyMs ?? 0) });
    }
    return this.#adversity.send(sent, datagram.source, faults);
  }

  /**
   * Hears a search of UPnP.
   *
   * @param datagram A datagram that came to port 1900, of the gateway or of the group of searches.
   * @param http Where the gateway serves HTTP.
   * @param nowMs The time.
   * @returns The datagrams that go out because of it, from port 1900.
   */
  search(datagram: Datagram, http: Endpoint, nowMs: number): Emission[] {
    if (!this.hasUpnp) return [];
    return this.#upnp?.search(datagram, http, this.#meeting(nowMs)) ?? [];
  }

  /**
   * Answers a request of HTTP.
   *
   * @param message The request and who sent it.
   * @param nowMs The time.
   * @returns The answer; nothing at all where the gateway does not speak UPnP.
   */
  serveHttp(message: HttpMessage, nowMs: number): HttpPlan {
    const plan = this.hasUpnp ? this.#upnp?.serve(message, this.#meeting(nowMs)) : undefined;
    return plan ?? { delayMs: 0, parts: [] };
  }

  /**
   * Does what is due: announces, reboots, gets another address.
   *
   * @param nowMs The time.
   * @returns The datagrams that go out.
   */
  due(nowMs: number): Emission[] {
    const emissions: Emission[] = [];
    for (let next = this.#agenda[0]; next !== undefined && next.atMs <= nowMs; next = this.#agenda[0]) {
      this.#agenda = this.#agenda.slice(1);
      if (next.task === "announce") emissions.push(...this.#sendAnnouncement(nowMs));
      if (next.task === "update-mappings") emissions.push(...this.#sendMappingUpdates(nowMs));
      if (next.task === "restart-epoch") this.#epoch.restart(next.atMs);
      if (next.task === "reboot") this.reboot(next.atMs);
      if (next.task === "forget") this.forget();
      if (next.task === "readdress") {
        this.setExternalAddress(otherAddress(this.#externalAddress ?? "203.0.113.1"), next.atMs);
      }
    }
    return emissions;
  }

  /**
   * Reboots: the table is empty, the epoch starts at 0, and that is announced (§3.2.1, §3.6; RFC 6887 §14.1). To UPnP it
   * has another boot number, and its connections end.
   *
   * @param nowMs The time.
   */
  reboot(nowMs: number): void {
    this.#adversity.reset();
    if (!this.#faults.keepTable) this.#table.clear();
    if (!this.#faults.keepEpoch) this.#epoch.restart(nowMs);
    this.#upnp?.reboot();
    this.#log("rebooted");
    for (const observer of this.#observers) observer.rebooted?.();
    this.#announce(nowMs);
  }

  /**
   * Gets another external address, or loses it, and announces that (§3.2.1). The mappings stay. Where PCP is spoken,
   * the epoch starts at 0 (RFC 6887 §8.5), and each client of PCP hears of its mappings (RFC 6887 §14.2).
   *
   * @param address The address in dotted decimal, or `undefined` for none.
   * @param nowMs The time.
   */
  setExternalAddress(address: string | undefined, nowMs: number): void {
    this.#externalAddress = address;
    this.#log(`external address ${address ?? "lost"}`);
    const { readdressResetsEpoch, keepEpoch } = this.#faults;
    const isPcp = this.speaks === "pcp" || this.speaks === "both";
    if (isPcp && !keepEpoch && !readdressResetsEpoch) this.#epoch.restart(nowMs);
    this.#announce(nowMs);
    // After the first announcement, which is due at the same time.
    if (readdressResetsEpoch) this.#plan("restart-epoch", [nowMs]);
    this.#readdressedAtMs = nowMs;
    this.#plan("update-mappings", isPcp ? UPDATE_TIMES_MS.map((ms) => nowMs + ms) : []);
  }

  /** Forgets every mapping silently, as when the clients' DHCP leases end (§3.4). The epoch goes on. */
  forget(): void {
    this.#table.clear();
    this.#log("forgot all mappings");
  }

  #handle(datagram: Datagram, nowMs: number): RequestOutcome {
    if (datagram.source.hostname === this.externalAddress) {
      return { text: "comes from the external side: dropped" };
    }
    return handleRequest(datagram, this.#context(nowMs));
  }

  #context(nowMs: number): GatewayContext {
    return { ...this.#state(nowMs), table: this.#table, nowMs };
  }

  #meeting(nowMs: number): Meeting {
    return { context: this.#context(nowMs), log: (line) => this.#log(line) };
  }

  #state(nowMs: number): GatewayState {
    const { externalAddress, faults, speaks } = this;
    return { speaks, epochSeconds: this.epochSeconds(nowMs), externalAddress, faults };
  }

  /** The faults that a request meets; those of version 2 can wait longer for their answer. */
  #faultsWith({ data }: Datagram): Faults {
    const { pcpLatencyMs } = this.#faults;
    const isSlow = pcpLatencyMs !== undefined && data[0] === PCP_VERSION;
    return isSlow ? { ...this.#faults, latencyMs: pcpLatencyMs } : this.#faults;
  }

  #announce(nowMs: number): void {
    this.#plan("announce", this.hasServerPort ? announcementTimes(nowMs, this.#faults) : []);
  }

  #sendAnnouncement(nowMs: number): Emission[] {
    const emissions = announcementEmissions(this.#state(nowMs));
    this.#log(`announced ${this.externalAddress ?? "no address"}, epoch ${this.epochSeconds(nowMs)} s`);
    return emissions;
  }

  #sendMappingUpdates(nowMs: number): Emission[] {
    const updates = mappingUpdates(this.mappings(nowMs), {
      ...this.#state(nowMs),
      nowMs,
      sinceMs: this.#readdressedAtMs,
    });
    for (const { to } of updates) this.#log(`mapping update to ${formatEndpoint(to)}`);
    return updates;
  }

  /** Replaces what is planned of one kind. */
  #plan(task: Task, timesMs: readonly number[]): void {
    const others = this.#agenda.filter((entry) => entry.task !== task);
    this.#agenda = [...others, ...timesMs.map((atMs) => ({ atMs, task }))].sort((a, b) => a.atMs - b.atMs);
    for (const observer of this.#observers) observer.scheduleChanged?.();
  }

  #log(line: string): void {
    for (const observer of this.#observers) observer.log?.(line);
  }
}
