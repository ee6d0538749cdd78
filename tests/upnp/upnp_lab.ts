/**
 * A UPnP client and a simulated router on a network in memory.
 *
 * @module
 */

import { UpnpClient, type UpnpClientOptions } from "../../lib/upnp/client.ts";
import {
  type Faults,
  ManualClock,
  type MemoryHost,
  MemoryNetwork,
  SimulatedGateway,
  type SimulatedGatewayOptions,
} from "../../lib/simulator/mod.ts";

export const GATEWAY = "10.0.0.1";
export const HOST = "10.0.0.2";
export const OTHER_HOST = "10.0.0.3";
export const EXTERNAL = "203.0.113.7";

/** The lab. */
export class UpnpLab {
  readonly clock = new ManualClock({ startMs: 1000, wallStart: new Date("2026-01-01T00:00:00Z") });
  readonly network: MemoryNetwork;
  gateway: SimulatedGateway;
  readonly client: UpnpClient;
  /** What was sent and heard, in words. */
  readonly traced: string[] = [];
  #detach: () => void;

  constructor(gateway: Partial<SimulatedGatewayOptions> = {}, options: Partial<UpnpClientOptions> = {}) {
    this.network = new MemoryNetwork({ clock: this.clock, random: () => 0.5, conditions: { latencyMs: 1 } });
    this.gateway = this.newGateway(gateway);
    this.#detach = this.network.attach(this.gateway, GATEWAY);
    this.client = this.newClient(HOST, options);
  }

  /** A router that is not on the network. */
  newGateway(options: Partial<SimulatedGatewayOptions>): SimulatedGateway {
    return new SimulatedGateway({
      speaks: "none",
      upnp: "igd1",
      externalAddress: EXTERNAL,
      random: () => 0.5,
      startMs: this.clock.now(),
      announcesStart: false,
      ...options,
    });
  }

  /** Puts another router in the place of the one that there is. */
  change(options: Partial<SimulatedGatewayOptions>): void {
    this.#detach();
    this.gateway = this.newGateway(options);
    this.#detach = this.network.attach(this.gateway, GATEWAY);
  }

  /** Takes the router off the network. */
  remove(): void {
    this.#detach();
  }

  /** A client of the same router, as another process or host has it. */
  newClient(host: string = HOST, options: Partial<UpnpClientOptions> = {}): UpnpClient {
    const { open, connect }: MemoryHost = this.network.host(host);
    return new UpnpClient(GATEWAY, {
      clock: this.clock,
      random: () => 0.5,
      openSocket: open,
      connectStream: connect,
      localAddress: host,
      hostName: "box",
      trace: (text) => this.traced.push(text),
      ...options,
    });
  }

  setFaults(faults: Faults): void {
    this.gateway.setFaults(faults, this.clock.now());
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.runUntil(promise);
  }

  /** The router's table. */
  get mappings(): string[] {
    return this.gateway.mappings(this.clock.now()).map(({ protocol, address, externalPort, internalPort }) =>
      `${protocol} ${externalPort} -> ${address}:${internalPort}`
    );
  }

  /** The actions that were asked for, in order. */
  get actions(): string[] {
    return this.traced.flatMap((line) => /^-> \S+ UPnP ([A-Z]\w+|description)/.exec(line)?.[1] ?? []);
  }

  /** The ports and leases that were asked for, in order. */
  get asked(): string[] {
    return this.traced.flatMap((line) => {
      const [, port, lease] = /^-> \S+ UPnP Add\w+ .*?ExternalPort=(\d+).*LeaseDuration=(\d+)$/.exec(line) ??
        [];
      return port === undefined ? [] : [`${port} ${lease}`];
    });
  }

  /** Lets another host have an external port. */
  async takeFor(host: string, externalPort: number, protocol: "tcp" | "udp" = "tcp"): Promise<void> {
    await this.run(this.newClient(host).map({ protocol, internalPort: 9, externalPort, exact: true }));
    this.traced.length = 0;
  }
}
