/**
 * The simulated gateway on real sockets.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import {
  type DatagramSocket,
  type Endpoint,
  formatEndpoint,
  type OpenSocket,
  PortUnreachable,
} from "../net/datagram.ts";
import { classifyIpv4 } from "../net/ipv4.ts";
import { type Emission, otherAddress } from "./adversity.ts";
import { GatewayDriver } from "./gateway_driver.ts";
import type { SimulatedGateway } from "./simulated_gateway.ts";

/** Options of {@linkcode serveSimulatedGateway}. */
export interface ServeSimulatedGatewayOptions {
  /** Opens the sockets. */
  readonly open: OpenSocket;
  /** Where to listen; port 0 takes a free one. */
  readonly listen: Endpoint;
  /** The clock that the gateway was started by. */
  readonly clock: Clock;
  /** Ends the service. */
  readonly signal: AbortSignal;
  /** Sends the announcements, and is closed with the rest. Without it none are sent. */
  readonly announce?: DatagramSocket;
  /** Takes a line for people about what is heard, answered and announced, and what could not be sent. */
  readonly log?: (line: string) => void;
}

/** A simulated gateway that serves. */
export interface SimulatedGatewayService {
  /** Where it listens. */
  readonly local: Endpoint;
  /** How many datagrams could not be sent. */
  readonly notSent: number;
  /** Resolves when the signal has ended it and every socket is closed; rejects when its socket fails. */
  readonly finished: Promise<void>;
}

class Service implements SimulatedGatewayService {
  readonly local: Endpoint;
  readonly finished: Promise<void>;
  notSent = 0;
  readonly #options: ServeSimulatedGatewayOptions;
  readonly #main: DatagramSocket;
  readonly #driver: GatewayDriver;
  readonly #unobserve: () => void;
  /** Sockets that only faults need, opened when the first one does; `undefined` where that failed. */
  readonly #others = new Map<Emission["from"], DatagramSocket | undefined>();

  constructor(gateway: SimulatedGateway, options: ServeSimulatedGatewayOptions) {
    this.#options = options;
    this.#main = options.open(options.listen);
    this.local = this.#main.local;
    const { clock, log } = options;
    this.#unobserve = gateway.observe(log === undefined ? {} : { log });
    this.#driver = new GatewayDriver(gateway, { clock, send: (emission) => this.#send(emission) });
    this.finished = this.#serve();
  }

  async #serve(): Promise<void> {
    const { signal, announce } = this.#options;
    const close = () => this.#main.close();
    signal.addEventListener("abort", close, { once: true });
    if (signal.aborted) close();
    try {
      await this.#hear();
    } finally {
      signal.removeEventListener("abort", close);
      this.#unobserve();
      await this.#driver.stop();
      for (const socket of [this.#main, announce, ...this.#others.values()]) socket?.close();
    }
  }

  async #hear(): Promise<void> {
    for (;;) {
      try {
        const datagram = await this.#main.receive();
        if (datagram === undefined) return;
        this.#driver.receive(datagram);
      } catch (error) {
        // A client that has gone away.
        if (!(error instanceof PortUnreachable)) throw error;
      }
    }
  }

  async #send({ data, to, from }: Emission): Promise<void> {
    const socket = this.#socketFor(from, to);
    // Announcements that nobody asked for are not a failure.
    if (socket === undefined && classifyIpv4(to.hostname) === "multicast") return;
    try {
      if (socket === undefined) throw new Error(`no socket for ${from}`);
      await socket.send(data, to);
    } catch (error) {
      if (this.#options.signal.aborted) return;
      this.notSent++;
      this.#log(`${formatEndpoint(to)} not sent: ${error instanceof Error ? error.message : error}`);
    }
  }

  #socketFor(from: Emission["from"], to: Endpoint): DatagramSocket | undefined {
    const isAnnouncement = classifyIpv4(to.hostname) === "multicast";
    if (isAnnouncement && this.#options.announce === undefined) return undefined;
    if (from === "gateway") return isAnnouncement ? this.#options.announce : this.#main;
    if (!this.#others.has(from)) this.#others.set(from, this.#openOther(from));
    return this.#others.get(from);
  }

  #openOther(from: Emission["from"]): DatagramSocket | undefined {
    const { hostname, port } = this.local;
    try {
      if (from === "other-port") return this.#options.open({ hostname, port: 0 });
      return this.#options.open({ hostname: otherAddress(hostname), port });
    } catch (error) {
      this.#log(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  #log(line: string): void {
    this.#options.log?.(line);
  }
}

/**
 * Serves a simulated gateway until a signal ends it.
 *
 * @param gateway The gateway.
 * @param options Sockets, clock, signal and log.
 * @returns The running service.
 * @throws {SocketError} If the address to listen on cannot be had.
 *
 * @example On a free port of loopback
 * ```ts
 * import { systemClock } from "../clock.ts";
 * import { openUdpSocket } from "../net/udp_socket.ts";
 * import { serveSimulatedGateway } from "./serve.ts";
 * import { SimulatedGateway } from "./simulated_gateway.ts";
 *
 * const controller = new AbortController();
 * const startMs = systemClock.now();
 * const gateway = new SimulatedGateway({ externalAddress: "203.0.113.7", random: () => 0.5, startMs });
 * const service = serveSimulatedGateway(gateway, {
 *   open: openUdpSocket,
 *   listen: { hostname: "127.0.0.1", port: 0 },
 *   clock: systemClock,
 *   signal: controller.signal,
 * });
 * controller.abort();
 * await service.finished;
 * ```
 */
export function serveSimulatedGateway(
  gateway: SimulatedGateway,
  options: ServeSimulatedGatewayOptions,
): SimulatedGatewayService {
  return new Service(gateway, options);
}
