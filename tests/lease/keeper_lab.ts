import { assertEquals } from "@std/assert";
import { GATEWAY_PORT as SERVER_PORT, openMapper, PCP_VERSION, type ViaChoice } from "../../lib/backends.ts";
import { NoGatewayError } from "../../lib/errors.ts";
import { isPatient } from "../../lib/lease/holdings.ts";
import { type Connection, Keeper, type KeeperOptions } from "../../lib/lease/keeper.ts";
import type { KeeperEvent } from "../../lib/lease/news.ts";
import { NatPmpClient } from "../../lib/natpmp/client.ts";
import { decodeRequest, type Request } from "../../lib/natpmp/message.ts";
import { decodeRequest as decodePcpRequest, type Request as PcpRequest } from "../../lib/pcp/message.ts";
import type { OpenSocket } from "../../lib/net/datagram.ts";
// The clock turned by hand does not wait while a module loads.
import "../../lib/auto_mapper.ts";
import "../../lib/net/tcp_stream.ts";
import "../../lib/net/udp_socket.ts";
import "../../lib/pcp/client.ts";
import "../../lib/upnp/client.ts";
import {
  ManualClock,
  MemoryNetwork,
  type NetworkConditions,
  SimulatedGateway,
  type SimulatedGatewayOptions,
} from "../../lib/simulator/mod.ts";

export const GATEWAY = "10.0.0.1";
export const HOST = "10.0.0.2";
export const EXTERNAL = "203.0.113.7";

export type KeeperEventType = KeeperEvent["type"];
export type KeeperEventOf<T extends KeeperEventType, E = KeeperEvent> = E extends { readonly type: infer U }
  ? T extends U ? E : never
  : never;

/** Park and Miller's generator: the same numbers in each run. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = state * 48_271 % 2_147_483_647) / 2_147_483_647;
}

/** When an event was reported, on the machine's clock and on the world's. */
export interface At {
  readonly atMs: number;
  readonly worldMs: number;
}

/** A request as it left the host, re-sends left out. */
export interface SentRequest {
  readonly atMs: number;
  readonly request: Request | PcpRequest;
  /** Re-sends included. */
  sends: number;
}

export interface KeeperLabOptions extends Partial<KeeperOptions> {
  readonly gateway?: Partial<SimulatedGatewayOptions>;
  readonly conditions?: Partial<NetworkConditions>;
  readonly seed?: number;
  readonly allowPortZero?: boolean;
  /** The protocol of the client; NAT-PMP's client alone by default. */
  readonly via?: ViaChoice;
  /** What the first look for a gateway finds. */
  readonly connection?: Error;
}

/** A keeper, its gateway and the network between them, on a clock that a test turns. */
export class KeeperLab implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly network: MemoryNetwork;
  readonly random: () => number;
  readonly keeper: Keeper;
  readonly events: (KeeperEvent & At)[] = [];
  readonly requests: SentRequest[] = [];
  /** The most sockets that were open at a time: each request has its own. */
  mostOpen = 0;
  gateway: SimulatedGateway;
  /** What the next look for a gateway finds. */
  connection: Connection | Promise<Connection> | Error;
  readonly #reading: Promise<void>;
  readonly #allowPortZero: boolean;
  readonly #via: ViaChoice | undefined;
  readonly #hasUpnp: boolean;
  #open = 0;
  #detach: () => void;

  constructor(options: KeeperLabOptions = {}) {
    const { gateway = {}, conditions = {}, seed = 1, allowPortZero = false, via, connection, ...keeper } =
      options;
    this.#via = via;
    this.#hasUpnp = gateway.upnp !== undefined;
    this.random = seeded(seed);
    this.#allowPortZero = allowPortZero;
    this.network = new MemoryNetwork({ clock: this.clock, random: this.random, conditions });
    this.gateway = this.makeGateway(gateway);
    this.#detach = this.attach(this.gateway, GATEWAY);
    this.connection = connection ?? this.connectionTo(GATEWAY);
    this.keeper = new Keeper({
      wanted: [],
      clock: this.clock,
      random: this.random,
      connect: () =>
        this.connection instanceof Error ? Promise.reject(this.connection) : Promise.resolve(this.connection),
      hearsAnnouncements: true,
      ...keeper,
    });
    this.#reading = this.#read();
  }

  /** What the gateway says the time is: that of the world, which does not sleep. */
  get worldNow(): number {
    return this.clock.worldNow();
  }

  makeGateway(options: Partial<SimulatedGatewayOptions> = {}): SimulatedGateway {
    return new SimulatedGateway({
      externalAddress: EXTERNAL,
      random: this.random,
      startMs: this.worldNow,
      announcesStart: false,
      startEpochSeconds: 1_000_000,
      ...options,
    });
  }

  attach(gateway: SimulatedGateway, address: string): () => void {
    return this.network.attach(gateway, address, { nowMs: () => this.worldNow });
  }

  /** Puts another gateway in the place of the one that there is. */
  replaceGateway(gateway: SimulatedGateway, address = GATEWAY): void {
    this.#detach();
    this.gateway = gateway;
    this.#detach = this.attach(gateway, address);
  }

  connectionTo(address: string, host = HOST): Connection | Promise<Connection> {
    if (this.#via !== undefined) return this.#openConnection(address, host, this.#via);
    return {
      mapper: new NatPmpClient(address, {
        clock: this.clock,
        random: this.random,
        openSocket: this.#counted(this.network.host(host).open),
        allowPortZero: this.#allowPortZero,
      }),
      localAddress: host,
    };
  }

  async #openConnection(gateway: string, localAddress: string, via: ViaChoice): Promise<Connection> {
    const mapper = await openMapper({ gateway, localAddress }, {
      clock: this.clock,
      random: this.random,
      openSocket: this.#counted(this.network.host(localAddress).open),
      ...(this.#hasUpnp ? { connectStream: this.network.host(localAddress).connect } : {}),
      isPatient: () => isPatient(this.keeper.holdings),
      via,
    });
    return { mapper, localAddress };
  }

  #counted(open: OpenSocket): OpenSocket {
    return (local) => {
      const socket = open(local);
      this.mostOpen = Math.max(this.mostOpen, ++this.#open);
      let sent: SentRequest | undefined;
      let isClosed = false;
      return {
        local: socket.local,
        receive: () => socket.receive(),
        send: (data, to) => {
          // A search is not a request.
          if (to.port !== SERVER_PORT) return socket.send(data, to);
          if (sent === undefined) {
            sent = { atMs: this.clock.now(), request: requestIn(data), sends: 0 };
            this.requests.push(sent);
          }
          sent.sends++;
          return socket.send(data, to);
        },
        close: () => {
          if (!isClosed) this.#open--;
          isClosed = true;
          socket.close();
        },
      };
    };
  }

  async #read(): Promise<void> {
    for await (const event of this.keeper) {
      this.events.push({ ...event, atMs: this.clock.now(), worldMs: this.worldNow });
    }
  }

  run(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  async stop(): Promise<void> {
    await this.clock.runUntil(this.keeper.stop());
    await this.clock.runUntil(this.#reading);
    this.#detach();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** The types of the events so far, or of those since a time. */
  types(sinceMs = -Infinity): KeeperEventType[] {
    return this.events.filter(({ atMs }) => atMs >= sinceMs).map(({ type }) => type);
  }

  of<T extends KeeperEventType>(type: T): (KeeperEventOf<T> & At)[] {
    return this.events.filter((event): event is KeeperEventOf<T> & At => event.type === type);
  }

  get maps(): SentRequest[] {
    return this.requests.filter(({ request }) => request.kind === "map" && request.lifetimeSeconds > 0);
  }

  get unmaps(): SentRequest[] {
    return this.requests.filter(({ request }) => request.kind === "map" && request.lifetimeSeconds === 0);
  }

  get addressRequests(): SentRequest[] {
    return this.requests.filter(({ request }) => request.kind === "address");
  }

  /** Asserts what stands at the gateway: `PROTOCOL EXTERNAL:INTERNAL`. */
  assertStands(...expected: string[]): void {
    const stands = this.gateway.mappings(this.worldNow)
      .map(({ protocol, externalPort, internalPort }) => `${protocol} ${externalPort}:${internalPort}`);
    assertEquals(stands.sort(), expected.sort());
  }
}

function requestIn(data: Uint8Array): Request | PcpRequest {
  return data[0] === PCP_VERSION ? decodePcpRequest(data) : decodeRequest(data);
}

export const NO_GATEWAY = new NoGatewayError("There is no default gateway");
