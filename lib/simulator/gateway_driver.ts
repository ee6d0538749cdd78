/**
 * Runs a simulated gateway by a clock: delays what it sends and wakes it when something is due. Knows no sockets.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { Datagram, Endpoint } from "../net/datagram.ts";
import type { Emission } from "./adversity.ts";
import type { SimulatedGateway } from "./simulated_gateway.ts";
import type { HttpMessage, HttpPlan } from "./upnp_router.ts";

/** Options of {@linkcode GatewayDriver}. */
export interface GatewayDriverOptions {
  /** The clock that delays and wakes. */
  readonly clock: Clock;
  /** The gateway's own time in milliseconds. Default: the clock's. */
  readonly nowMs?: () => number;
  /** Sends a datagram whose delay is over. */
  readonly send: (emission: Emission) => void | Promise<void>;
  /** Sends an answer to a search, whose delay is over. Without it none is sent. */
  readonly sendFound?: (emission: Emission) => void | Promise<void>;
}

/** A gateway that lives in time. */
export class GatewayDriver {
  readonly #gateway: SimulatedGateway;
  readonly #clock: Clock;
  readonly #nowMs: () => number;
  readonly #send: GatewayDriverOptions["send"];
  readonly #sendFound: GatewayDriverOptions["send"];
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #unobserve: () => void;
  #alarm = new AbortController();

  /**
   * Starts to run a gateway.
   *
   * @param gateway Whom to run.
   * @param options The clock, and where datagrams go.
   */
  constructor(gateway: SimulatedGateway, options: GatewayDriverOptions) {
    this.#gateway = gateway;
    this.#clock = options.clock;
    this.#nowMs = options.nowMs ?? (() => options.clock.now());
    this.#send = options.send;
    this.#sendFound = options.sendFound ?? (() => {});
    this.#unobserve = gateway.observe({ scheduleChanged: () => this.#arm() });
    this.#arm();
  }

  /**
   * Hands the gateway a datagram.
   *
   * @param datagram A datagram that came to its port.
   */
  receive(datagram: Datagram): void {
    this.#emit(this.#gateway.receive(datagram, this.#nowMs()), this.#send);
  }

  /**
   * Hands the gateway a search.
   *
   * @param datagram A datagram that came to the port of searches.
   * @param http Where the gateway serves HTTP.
   */
  search(datagram: Datagram, http: Endpoint): void {
    this.#emit(this.#gateway.search(datagram, http, this.#nowMs()), this.#sendFound);
  }

  /**
   * Hands the gateway a request of HTTP.
   *
   * @param message The request and who sent it.
   * @returns The answer, which nobody has delayed yet.
   */
  serveHttp(message: HttpMessage): HttpPlan {
    return this.#gateway.serveHttp(message, this.#nowMs());
  }

  /** Stops: datagrams that wait are not sent. Resolves once nothing runs any more. */
  async stop(): Promise<void> {
    this.#unobserve();
    this.#stop.abort();
    this.#alarm.abort();
    await Promise.all(this.#running);
  }

  #arm(): void {
    this.#alarm.abort();
    const { nextDueAtMs } = this.#gateway;
    if (nextDueAtMs === undefined || this.#stop.signal.aborted) return;
    this.#alarm = new AbortController();
    const { signal } = this.#alarm;
    this.#run(nextDueAtMs - this.#nowMs(), signal, () => {
      this.#emit(this.#gateway.due(this.#nowMs()), this.#send);
      this.#arm();
    });
  }

  #emit(emissions: readonly Emission[], send: GatewayDriverOptions["send"]): void {
    for (const emission of emissions) {
      const { delayMs } = emission;
      if (delayMs > 0) this.#run(delayMs, this.#stop.signal, () => send(emission));
      else this.#track(Promise.resolve(send(emission)));
    }
  }

  #run(ms: number, signal: AbortSignal, task: () => void | Promise<void>): void {
    const run = async () => {
      try {
        await this.#clock.sleep(Math.max(0, ms), { signal });
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      if (!signal.aborted) await task();
    };
    this.#track(run());
  }

  #track(promise: Promise<void>): void {
    const tracked = promise.finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }
}
