/**
 * Serves a simulated gateway's HTTP on a port, in memory or of the system. Each connection carries one request.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { Endpoint } from "../net/datagram.ts";
import type { AcceptedStream, StreamListener } from "../net/stream_listener.ts";
import type { GatewayDriver } from "./gateway_driver.ts";
import { MAX_REQUEST_BYTES, parseHttpRequest } from "./http_request.ts";
import type { SimulatedGateway } from "./simulated_gateway.ts";

/** Options of {@linkcode HttpServer}. */
export interface HttpServerOptions {
  /** The clock that delays answers. */
  readonly clock: Clock;
  /** Makes the answers. */
  readonly driver: GatewayDriver;
  /** Listens on a port; port 0 is any free one. */
  readonly listen: (port: number) => StreamListener;
  /** The port to listen on first. */
  readonly port: number;
  /** Takes a line for people. */
  readonly log?: ((line: string) => void) | undefined;
}

/** A gateway's HTTP server. */
export class HttpServer {
  readonly #options: HttpServerOptions;
  /** Ends the connections that there are, at a reboot and at the end. */
  #life = new AbortController();
  readonly #connections = new Set<AcceptedStream>();
  readonly #running = new Set<Promise<void>>();
  readonly #unobserve: () => void;
  #listener: StreamListener;

  /**
   * Starts to listen.
   *
   * @param gateway The gateway, whose reboots end connections.
   * @param options The port and what makes the answers.
   * @throws {SocketError} If the port cannot be had.
   */
  constructor(gateway: SimulatedGateway, options: HttpServerOptions) {
    this.#options = options;
    this.#listener = options.listen(options.port);
    this.#unobserve = gateway.observe({ rebooted: () => this.#reboot(gateway) });
    this.#track(this.#accept(this.#listener));
  }

  /** Where it listens. */
  get local(): Endpoint {
    return this.#listener.local;
  }

  /** Stops: the port and every connection are closed. Resolves once nothing runs any more. */
  async stop(): Promise<void> {
    this.#unobserve();
    this.#listener.close();
    this.#closeConnections();
    await Promise.all(this.#running);
  }

  #reboot(gateway: SimulatedGateway): void {
    this.#closeConnections();
    if (!gateway.faults.upnpNewPort) return;
    const before = this.#listener;
    // The new one first, so that it gets another port.
    this.#listener = this.#options.listen(0);
    before.close();
    this.#options.log?.(`HTTP on port ${this.local.port}`);
    this.#track(this.#accept(this.#listener));
  }

  async #accept(listener: StreamListener): Promise<void> {
    try {
      for (let stream = await listener.accept(); stream !== undefined; stream = await listener.accept()) {
        this.#connections.add(stream);
        this.#track(this.#serve(stream));
      }
    } catch (error) {
      this.#options.log?.(`HTTP ended: ${error instanceof Error ? error.message : error}`);
    }
  }

  async #serve(stream: AcceptedStream): Promise<void> {
    try {
      await this.#answer(stream);
    } catch {
      // The client is gone, or the gateway is.
    } finally {
      stream.close();
      this.#connections.delete(stream);
    }
  }

  async #answer(stream: AcceptedStream): Promise<void> {
    const { driver, clock } = this.#options;
    const { signal } = this.#life;
    const request = await readRequest(stream);
    if (request === "incomplete") return;
    const { parts, delayMs } = driver.serveHttp({
      client: stream.remote,
      request: request === "malformed" ? undefined : request,
      http: this.local,
    });
    if (delayMs > 0) await clock.sleep(delayMs, { signal });
    if (parts === undefined) await untilClosed(stream);
    const aborted = new Promise<void>((resolve) =>
      signal.addEventListener("abort", () => resolve(), { once: true })
    );
    for (const part of parts ?? []) {
      if (signal.aborted) return;
      // Deno 2.7 lets a write wait for its reader also after the connection was closed.
      await Promise.race([stream.write(part), aborted]);
    }
  }

  #closeConnections(): void {
    this.#life.abort();
    this.#life = new AbortController();
    for (const stream of this.#connections) stream.close();
  }

  #track(promise: Promise<void>): void {
    const tracked = promise.finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }
}

/** Reads one request; `incomplete` when the client ends the connection before it. */
async function readRequest(stream: AcceptedStream): Promise<ReturnType<typeof parseHttpRequest>> {
  const buffer = new Uint8Array(MAX_REQUEST_BYTES);
  for (let length = 0; length < buffer.length;) {
    const count = await stream.read(buffer.subarray(length));
    if (count === null) return "incomplete";
    length += count;
    const request = parseHttpRequest(buffer.subarray(0, length));
    if (request !== "incomplete") return request;
  }
  return "malformed";
}

async function untilClosed(stream: AcceptedStream): Promise<void> {
  const rest = new Uint8Array(1024);
  while (await stream.read(rest) !== null);
}
