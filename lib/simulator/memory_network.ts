/**
 * A network in memory: hosts, sockets, links that lose and delay, and simulated gateways, all on an injected clock.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { GATEWAY_PORT } from "../natpmp/constants.ts";
import { type Datagram, type Endpoint, PortUnreachable } from "../net/datagram.ts";
import { ConnectionRefused, type ConnectStreamOptions } from "../net/stream.ts";
import { type Emission, otherAddress } from "./adversity.ts";
import { GatewayDriver } from "./gateway_driver.ts";
import { HttpServer } from "./http_server.ts";
import { isMulticast, MemoryHost } from "./memory_host.ts";
import type { MemorySocket } from "./memory_socket.ts";
import { connectionPair, type MemoryConnection } from "./memory_stream.ts";
import type { SimulatedGateway } from "./simulated_gateway.ts";
import { SEARCH_GROUP, SEARCH_PORT } from "./upnp_context.ts";

/** How the network treats datagrams. Of TCP it delays the bytes, and loses none. */
export interface NetworkConditions {
  /** How long every datagram is on its way, in milliseconds. */
  readonly latencyMs: number;
  /** How much longer it may take, at random, in milliseconds; datagrams then overtake one another. */
  readonly jitterMs: number;
  /** The share of datagrams that are lost, from 0 to 1. */
  readonly lossRate: number;
  /** The share of datagrams that arrive twice, from 0 to 1. */
  readonly duplicateRate: number;
  /** Whether a sender hears of a port where nobody listens (ICMP); Deno's own sockets do not report it. */
  readonly reportsPortUnreachable: boolean;
}

/** Options of {@linkcode MemoryNetwork}. */
export interface MemoryNetworkOptions {
  /** The clock by which datagrams travel. */
  readonly clock: Clock;
  /** Numbers from 0 to below 1, for loss, duplicates and jitter. */
  readonly random: () => number;
  /** How datagrams are treated at first. Default: every one arrives once and at once. */
  readonly conditions?: Partial<NetworkConditions>;
}

/** Options of {@linkcode MemoryNetwork.attach}. */
export interface AttachOptions {
  /** The gateway's own time in milliseconds, such as a suspended machine's world. Default: the network's clock. */
  readonly nowMs?: () => number;
  /** The port of its HTTP, where it speaks UPnP. Default 5000. */
  readonly httpPort?: number;
}

/**
 * Serves one TCP connection, which is closed when the handler returns, and broken when it throws.
 *
 * @param connection The server's end.
 */
export type ConnectionHandler = (connection: MemoryConnection) => Promise<void>;

/** Where a gateway serves HTTP, as old miniupnpd did. */
const HTTP_PORT = 5000;

/** A source port that is not the gateway's. */
const OTHER_PORT = 53_510;

/**
 * A network of hosts that live in one process and on one clock.
 *
 * @example A host asks a simulated gateway for its address
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ManualClock } from "./manual_clock.ts";
 * import { MemoryNetwork } from "./memory_network.ts";
 * import { SimulatedGateway } from "./simulated_gateway.ts";
 *
 * const random = () => 0.5;
 * const clock = new ManualClock();
 * const network = new MemoryNetwork({ clock, random });
 * network.attach(new SimulatedGateway({ externalAddress: "203.0.113.7", random, startMs: 0 }), "192.168.1.1");
 *
 * const socket = network.host("192.168.1.2").open();
 * await socket.send(Uint8Array.of(0, 0), { hostname: "192.168.1.1", port: 5351 });
 * const answer = await clock.runUntil(socket.receive());
 * assertEquals(answer?.data, Uint8Array.of(0, 128, 0, 0, 0, 0, 0, 0, 203, 0, 113, 7));
 * ```
 */
export class MemoryNetwork {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #hosts: MemoryHost[] = [];
  #conditions: NetworkConditions;

  /**
   * Makes a network without hosts.
   *
   * @param options The clock, chance and the first conditions.
   */
  constructor(options: MemoryNetworkOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#conditions = {
      latencyMs: 0,
      jitterMs: 0,
      lossRate: 0,
      duplicateRate: 0,
      reportsPortUnreachable: false,
      ...options.conditions,
    };
  }

  /** How datagrams are treated now. */
  get conditions(): NetworkConditions {
    return this.#conditions;
  }

  /**
   * Changes how datagrams are treated from now on.
   *
   * @param conditions The changes; the rest stays.
   */
  setConditions(conditions: Partial<NetworkConditions>): void {
    this.#conditions = { ...this.#conditions, ...conditions };
  }

  /**
   * The host that has an address; it is made when there is none.
   *
   * @param address The address in dotted decimal.
   * @returns The host.
   */
  host(address: string): MemoryHost {
    const known = this.#hosts.find((host) => host.address === address);
    if (known !== undefined) return known;
    const host = new MemoryHost(
      address,
      (datagram, to, sender) => this.#transmit(datagram, { to, sender }),
      (from, to, options) => this.#connect(from, to, options),
    );
    this.#hosts.push(host);
    return host;
  }

  /**
   * Serves a simulated gateway on port 5351 of a host and sends its announcements. Where it speaks UPnP, it hears
   * searches on port 1900, its own and the group's, and serves HTTP.
   *
   * @param gateway The gateway; one that does not act as NAT leaves its ports closed (§3.8).
   * @param address The host's address.
   * @param options The gateway's own time.
   * @returns A function that takes the gateway off the network.
   */
  attach(gateway: SimulatedGateway, address: string, options: AttachOptions = {}): () => void {
    const { httpPort = HTTP_PORT, ...driverOptions } = options;
    const host = this.host(address);
    const sendFrom = (gatewayPort: number) => ({ data, from, to }: Emission) => {
      const source = {
        hostname: from === "other-address" ? otherAddress(host.address) : host.address,
        port: from === "other-port" ? OTHER_PORT : gatewayPort,
      };
      host.emit({ data, source }, to);
    };
    const driver = new GatewayDriver(gateway, {
      ...driverOptions,
      clock: this.#clock,
      send: sendFrom(GATEWAY_PORT),
      sendFound: sendFrom(SEARCH_PORT),
    });
    const detach: (() => void)[] = [];
    if (gateway.hasServerPort) {
      const local = { hostname: address, port: GATEWAY_PORT };
      detach.push(host.listen({ local, deliver: (datagram) => driver.receive(datagram) }));
    }
    if (gateway.hasUpnp) {
      const listen = (port: number) => host.listenStream({ hostname: address, port });
      const server = new HttpServer(gateway, { clock: this.#clock, driver, listen, port: httpPort });
      const deliver = (datagram: Datagram) => driver.search(datagram, server.local);
      for (const hostname of [address, SEARCH_GROUP]) {
        detach.push(host.listen({ local: { hostname, port: SEARCH_PORT }, deliver }));
      }
      detach.push(() => void server.stop());
    }
    return () => {
      for (const end of detach) end();
      void driver.stop();
    };
  }

  /**
   * Serves a TCP port of a host.
   *
   * @param address The host's address.
   * @param port The port.
   * @param handler Serves each connection.
   * @returns A function that closes the port; connections go on.
   * @throws {SocketError} If another program uses the port.
   */
  attachServer(address: string, port: number, handler: ConnectionHandler): () => void {
    const listener = this.host(address).listenStream({ hostname: address, port });
    const serve = async () => {
      for (let next = await listener.accept(); next !== undefined; next = await listener.accept()) {
        const connection = next;
        handler(connection).then(() => connection.close(), () => connection.reset());
      }
    };
    void serve();
    return () => listener.close();
  }

  async #connect(
    from: MemoryHost,
    to: Endpoint,
    { signal }: ConnectStreamOptions,
  ): Promise<MemoryConnection> {
    const given = Promise.withResolvers<never>();
    const abandon = () => given.reject(signal?.reason);
    signal?.addEventListener("abort", abandon, { once: true });
    try {
      return await Promise.race([this.#shakeHands(from, to), given.promise]);
    } finally {
      signal?.removeEventListener("abort", abandon);
    }
  }

  async #shakeHands(from: MemoryHost, to: Endpoint): Promise<MemoryConnection> {
    const server = this.#hosts.find(({ address }) => address === to.hostname);
    const { client, server: accepted } = connectionPair({
      client: { hostname: from.address, port: from.takePort() },
      server: to,
      travel: () => this.#delay(),
      isUp: () => from.isUp && server?.isUp === true,
    });
    await this.#delay();
    if (server?.isUp !== true) return await new Promise(() => {});
    const isOpen = server.accept(accepted, to.port);
    await this.#delay();
    if (!from.isUp) return await new Promise(() => {});
    if (isOpen) return client;
    throw new ConnectionRefused("Connection refused (os error 111)");
  }

  #transmit(datagram: Datagram, route: Route): void {
    const { lossRate, duplicateRate } = this.#conditions;
    if (this.#chance(lossRate)) return;
    void this.#travel(datagram, route);
    if (this.#chance(duplicateRate)) void this.#travel(datagram, route);
  }

  async #travel(datagram: Datagram, { to, sender }: Route): Promise<void> {
    await this.#delay();
    if (isMulticast(to.hostname)) {
      for (const host of this.#hosts) host.deliver(datagram, to);
      return;
    }
    const host = this.#hosts.find(({ address }) => address === to.hostname);
    if (host === undefined || host.deliver(datagram, to)) return;
    if (sender === undefined || !this.#conditions.reportsPortUnreachable) return;
    await this.#delay();
    sender.deliver(new PortUnreachable(`No program listens on ${to.hostname}:${to.port}`));
  }

  async #delay(): Promise<void> {
    const { latencyMs, jitterMs } = this.#conditions;
    const ms = latencyMs + (jitterMs > 0 ? this.#random() * jitterMs : 0);
    if (ms > 0) await this.#clock.sleep(ms);
  }

  #chance(rate: number): boolean {
    return rate > 0 && this.#random() < rate;
  }
}

/** A datagram's way. */
interface Route {
  readonly to: Endpoint;
  /** The socket that hears that nobody listens there. */
  readonly sender: MemorySocket | undefined;
}
