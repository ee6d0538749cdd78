/**
 * Keeping ports mapped for as long as a program runs.
 *
 * @module
 */

import { type Clock, systemClock } from "./clock.ts";
import { findGateway } from "./gateway/mod.ts";
import type { MappingWish } from "./lease/acquire.ts";
import { type Connection, Keeper } from "./lease/keeper.ts";
import { AnnouncementListener } from "./natpmp/announcement_listener.ts";
import { NatPmpClient } from "./natpmp/client.ts";
import { ANNOUNCEMENT_GROUP, ANNOUNCEMENT_PORT } from "./natpmp/constants.ts";
import type { DatagramSocket, OpenSocket } from "./net/datagram.ts";
import { openMulticastSocket } from "./net/udp_socket.ts";

/** Options of {@linkcode keepMapped}. */
export interface KeepMappedOptions {
  /** The gateway's IPv4 address. Without it this host's default gateway, looked for again and again. */
  readonly gateway?: string;
  /** The gateway's UDP port; 5351. */
  readonly gatewayPort?: number;
  /** The local address to send from, to which the mappings then lead. */
  readonly localAddress?: string;
  /** How long one try lasts at most, in milliseconds; 60 s. */
  readonly tryTimeoutMs?: number;
  /** Whether internal port 0 may be mapped, as ProtonVPN's gateways want it. */
  readonly allowPortZero?: boolean;
  /** Whether the mappings stay when the keeper stops. */
  readonly leavesMappings?: boolean;
  /** Stops the keeper, as its `stop()` does. */
  readonly signal?: AbortSignal;
  /** Measures and waits; the machine's own clock. */
  readonly clock?: Clock;
  /** Uniform in [0, 1); `Math.random`. */
  readonly random?: () => number;
  /** Opens the sockets of requests; the system's. */
  readonly openSocket?: OpenSocket;
  /** Opens the socket that hears announcements on an interface; the system's. It may fail. */
  readonly openAnnouncementSocket?: (interfaceAddress: string) => Promise<DatagramSocket>;
}

/**
 * Keeps ports mapped until it is stopped: renews them, re-creates them when the gateway lost its state, follows the
 * gateway when it moves, and tells each change. Without wishes it only observes the external address.
 *
 * The gateway's announcements are heard where UDP port 5350 can be had; a request every 5 minutes looks after what they
 * do not tell.
 *
 * @param wishes What to keep mapped.
 * @param options The gateway and the limits.
 * @returns The keeper, which has begun already. Iterate over its events; stop it, or dispose of it, to delete the
 * mappings.
 *
 * @example Keep TCP port 8080 open, here on a simulated gateway, and follow where it is reached
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { systemClock } from "./clock.ts";
 * import { keepMapped } from "./keep_mapped.ts";
 * import { MemoryNetwork, SimulatedGateway } from "./simulator/mod.ts";
 *
 * const network = new MemoryNetwork({ clock: systemClock, random: Math.random });
 * const startMs = systemClock.now();
 * const gateway = new SimulatedGateway({
 *   externalAddress: "203.0.113.7",
 *   random: Math.random,
 *   startMs,
 *   announcesStart: false,
 * });
 * const detach = network.attach(gateway, "10.0.0.1");
 * const { open } = network.host("10.0.0.2");
 *
 * {
 *   await using keeper = keepMapped([{ protocols: ["tcp"], internalPort: 8080, externalPort: 8080 }], {
 *     gateway: "10.0.0.1",
 *     openSocket: open,
 *     openAnnouncementSocket: () => Promise.resolve(open({ hostname: "224.0.0.1", port: 5350 })),
 *   });
 *   for await (const event of keeper) {
 *     if (event.type !== "mapped" && event.type !== "changed") continue;
 *     assertEquals([event.externalAddress, event.lease.externalPort], ["203.0.113.7", 8080]);
 *     break;
 *   }
 * }
 * assertEquals(gateway.mappings(systemClock.now()), []);
 * detach();
 * ```
 */
export function keepMapped(wishes: readonly MappingWish[], options: KeepMappedOptions = {}): Keeper {
  const { clock = systemClock, random = Math.random, signal, tryTimeoutMs, leavesMappings = false } = options;
  const way = new Way(options, { clock, random, onNews: () => keeper.hint() });
  const stop = () => void keeper.stop();
  const keeper: Keeper = new Keeper({
    wishes,
    clock,
    random,
    leavesMappings,
    connect: () => way.connect(),
    onStop: () => {
      signal?.removeEventListener("abort", stop);
      way.close();
    },
    ...(tryTimeoutMs === undefined ? {} : { tryTimeoutMs }),
  });
  if (signal?.aborted) stop();
  else signal?.addEventListener("abort", stop, { once: true });
  return keeper;
}

interface WayParts {
  readonly clock: Clock;
  readonly random: () => number;
  /** Called when an announcement should be followed by a question. */
  readonly onNews: () => void;
}

/** Where the gateway is, and from where it is asked. */
interface Found {
  readonly gateway: string;
  readonly localAddress?: string;
  readonly boundInterface?: string | undefined;
}

type Connected = Connection & Pick<Found, "boundInterface"> & { readonly mapper: NatPmpClient };

/** The way to the gateway, and what hears the announcements there. */
class Way {
  readonly #options: KeepMappedOptions;
  readonly #parts: WayParts;
  readonly #listener: AnnouncementListener;
  #connection: Connected | undefined;

  constructor(options: KeepMappedOptions, parts: WayParts) {
    const { openAnnouncementSocket = openSystemSocket } = options;
    this.#options = options;
    this.#parts = parts;
    this.#listener = new AnnouncementListener({
      open: openAnnouncementSocket,
      onAnnouncement: parts.onNews,
    });
  }

  async connect(): Promise<Connection> {
    try {
      const connection = this.#connectTo(await this.#find());
      this.#connection = connection;
      const { mapper: client, localAddress } = connection;
      // Polling makes up for announcements that cannot be heard, as when somebody else owns the port.
      await this.#listener.listen({ client, localAddress }).catch(() => {});
      return connection;
    } catch (error) {
      this.#listener.leave();
      throw error;
    }
  }

  #connectTo({ gateway, localAddress, boundInterface }: Found): Connected {
    const last = this.#connection;
    const isSame = last?.mapper.gateway === gateway && last.localAddress === localAddress &&
      last.boundInterface === boundInterface;
    if (isSame) return last;
    const { gatewayPort, openSocket, allowPortZero } = this.#options;
    const { clock, random } = this.#parts;
    const mapper = new NatPmpClient(gateway, {
      clock,
      random,
      // Only an address that the caller asked for is insisted on: the system knows the way to its gateway.
      localAddress: boundInterface === undefined ? this.#options.localAddress : localAddress,
      boundInterface,
      ...(gatewayPort === undefined ? {} : { port: gatewayPort }),
      ...(openSocket === undefined ? {} : { openSocket }),
      ...(allowPortZero === undefined ? {} : { allowPortZero }),
    });
    return { mapper, boundInterface, ...(localAddress === undefined ? {} : { localAddress }) };
  }

  async #find(): Promise<Found> {
    const { gateway, localAddress } = this.#options;
    if (gateway !== undefined) return { gateway, ...(localAddress === undefined ? {} : { localAddress }) };
    const found = await findGateway(localAddress === undefined ? {} : { source: localAddress });
    // A caller's own sockets are not bound to anything.
    const binding = this.#options.openSocket === undefined ? found.binding : undefined;
    return {
      gateway: found.gateway,
      localAddress: found.localAddress,
      boundInterface: binding?.interfaceName,
    };
  }

  close(): void {
    this.#listener.close();
  }
}

/** Windows does not bind a multicast address. */
function openSystemSocket(interfaceAddress: string): Promise<DatagramSocket> {
  const hostname = Deno.build.os === "windows" ? "0.0.0.0" : ANNOUNCEMENT_GROUP;
  return openMulticastSocket(
    { hostname, port: ANNOUNCEMENT_PORT },
    { group: ANNOUNCEMENT_GROUP, interfaceAddress },
  );
}
