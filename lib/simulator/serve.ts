/**
 * The simulated gateway on real sockets.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { type DatagramSocket, datagramsOf, type Endpoint, type OpenSocket } from "../net/datagram.ts";
import { classifyIpv4 } from "../net/ipv4.ts";
import type { ListenStream } from "../net/stream_listener.ts";
import type { Emission } from "./adversity.ts";
import { Emitter } from "./emitter.ts";
import { GatewayDriver } from "./gateway_driver.ts";
import { HttpServer } from "./http_server.ts";
import type { SimulatedGateway } from "./simulated_gateway.ts";

/** Where a gateway's UPnP is served. */
export interface ServeUpnpOptions {
  /** Hears searches that go to the gateway, and answers all of them; it is closed with the rest. */
  readonly searches: DatagramSocket;
  /** Hears searches that go to the group, and is closed with the rest. Without it they are not heard. */
  readonly group?: DatagramSocket | undefined;
  /** Listens for HTTP, on the address of `searches`. */
  readonly listenStream: ListenStream;
  /** The port of HTTP. Default: any free one. */
  readonly httpPort?: number | undefined;
}

/** Options of {@linkcode serveSimulatedGateway}. */
export interface ServeSimulatedGatewayOptions {
  /** Opens the sockets. */
  readonly open: OpenSocket;
  /** Where to listen for NAT-PMP and PCP, if the gateway speaks them; port 0 takes a free one. */
  readonly listen: Endpoint;
  /** The clock that the gateway was started by. */
  readonly clock: Clock;
  /** Ends the service. */
  readonly signal: AbortSignal;
  /** Sends the announcements, and is closed with the rest. Without it none are sent. */
  readonly announce?: DatagramSocket;
  /** Where UPnP is served. Without it the gateway speaks none. */
  readonly upnp?: ServeUpnpOptions | undefined;
  /** Takes a line for people about what is heard, answered and announced, and what could not be sent. */
  readonly log?: (line: string) => void;
}

/** A simulated gateway that serves. */
export interface SimulatedGatewayService {
  /** Where it listens for NAT-PMP and PCP, or would. */
  readonly local: Endpoint;
  /** Where it hears searches and serves HTTP, which can move at a reboot; absent where it does not speak UPnP. */
  readonly upnp: { readonly searches: Endpoint; readonly http: Endpoint } | undefined;
  /** How many datagrams could not be sent. */
  readonly notSent: number;
  /** Resolves when the signal has ended it and every socket is closed; rejects when one of its sockets fails. */
  readonly finished: Promise<void>;
}

class Service implements SimulatedGatewayService {
  readonly local: Endpoint;
  readonly finished: Promise<void>;
  readonly #options: ServeSimulatedGatewayOptions;
  readonly #main: DatagramSocket | undefined;
  readonly #emitter: Emitter | undefined;
  readonly #foundEmitter: Emitter | undefined;
  readonly #http: HttpServer | undefined;
  readonly #driver: GatewayDriver;
  readonly #unobserve: () => void;

  constructor(gateway: SimulatedGateway, options: ServeSimulatedGatewayOptions) {
    this.#options = options;
    const { clock, log, upnp, open } = options;
    this.#main = gateway.hasServerPort ? open(options.listen) : undefined;
    this.local = this.#main?.local ?? options.listen;
    this.#emitter = this.#emitterOf(this.#main);
    this.#foundEmitter = this.#emitterOf(upnp?.searches);
    this.#unobserve = gateway.observe(log === undefined ? {} : { log });
    this.#driver = new GatewayDriver(gateway, {
      clock,
      send: (emission) => this.#send(emission),
      sendFound: (emission) => this.#foundEmitter?.send(emission),
    });
    try {
      this.#http = upnp === undefined || !gateway.hasUpnp ? undefined : new HttpServer(gateway, {
        clock,
        driver: this.#driver,
        listen: (port) => upnp.listenStream({ hostname: upnp.searches.local.hostname, port }),
        port: upnp.httpPort ?? 0,
        log,
      });
    } catch (error) {
      this.#main?.close();
      this.#unobserve();
      void this.#driver.stop();
      throw error;
    }
    this.finished = this.#serve();
  }

  get upnp(): SimulatedGatewayService["upnp"] {
    const { upnp } = this.#options;
    if (upnp === undefined || this.#http === undefined) return undefined;
    return { searches: upnp.searches.local, http: this.#http.local };
  }

  get notSent(): number {
    return (this.#emitter?.notSent ?? 0) + (this.#foundEmitter?.notSent ?? 0);
  }

  async #serve(): Promise<void> {
    const { signal, announce, upnp } = this.#options;
    const ears = [this.#main, upnp?.searches, upnp?.group];
    const closed = Promise.withResolvers<void>();
    const close = () => {
      for (const socket of ears) socket?.close();
      closed.resolve();
    };
    signal.addEventListener("abort", close, { once: true });
    if (signal.aborted) close();
    const search = (socket: DatagramSocket | undefined) =>
      this.#hear(socket, (datagram) => {
        if (this.#http !== undefined) this.#driver.search(datagram, this.#http.local);
      });
    const hearing = [
      this.#hear(this.#main, (datagram) => this.#driver.receive(datagram)),
      search(upnp?.searches),
      search(upnp?.group),
    ];
    try {
      await Promise.all([closed.promise, ...hearing]);
    } finally {
      signal.removeEventListener("abort", close);
      this.#unobserve();
      close();
      await Promise.allSettled(hearing);
      await this.#http?.stop();
      await this.#driver.stop();
      announce?.close();
      this.#emitter?.close();
      this.#foundEmitter?.close();
    }
  }

  async #hear(
    socket: DatagramSocket | undefined,
    take: (datagram: Parameters<GatewayDriver["receive"]>[0]) => void,
  ): Promise<void> {
    if (socket === undefined) return;
    // A client that has gone away is no failure of the socket.
    for await (const datagram of datagramsOf(socket)) take(datagram);
  }

  async #send(emission: Emission): Promise<void> {
    const { announce } = this.#options;
    if (classifyIpv4(emission.to.hostname) !== "multicast") return await this.#emitter?.send(emission);
    // Announcements that nobody asked for are not a failure.
    if (announce !== undefined) await this.#emitter?.send(emission, announce);
  }

  #emitterOf(socket: DatagramSocket | undefined): Emitter | undefined {
    if (socket === undefined) return undefined;
    const { open, signal, log = () => {} } = this.#options;
    return new Emitter({ socket, open, signal, log });
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
