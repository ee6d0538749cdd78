/**
 * Keeping ports mapped for as long as a program runs.
 *
 * @module
 */

import { ANNOUNCEMENT_GROUP, ANNOUNCEMENT_PORT, type MapperParts, type ViaChoice } from "./backends.ts";
import { type Clock, systemClock } from "./clock.ts";
import { findGateway } from "./gateway/mod.ts";
import { type FoundPlace, GatewayConnector } from "./gateway_connector.ts";
import { Keeper } from "./lease/keeper.ts";
import type { WantedMapping } from "./lease/ledger.ts";
import type { ConnectSocket, DatagramSocket, OpenSocket } from "./net/datagram.ts";
import type { ConnectStream } from "./net/stream.ts";
import { openGroupSocket } from "./net/udp_socket.ts";

/** A socket that is bound to it sends from whichever address suits. */
const ANY_ADDRESS = "0.0.0.0";

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
  /** The protocol to use; by default PCP, NAT-PMP or UPnP, whichever the gateway speaks. */
  readonly via?: ViaChoice;
  /** Whether internal port 0 may be mapped, as ProtonVPN's gateways want it. That is for NAT-PMP. */
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
  /** Opens sockets that hear ICMP port unreachable; the system's, unless `openSocket` is given. */
  readonly connectSocket?: ConnectSocket;
  /** Connects by TCP, for UPnP; the system's, unless `openSocket` is given: without it there is no UPnP then. */
  readonly connectStream?: ConnectStream;
  /** Opens the socket that hears announcements on an interface; the system's. It may fail. */
  readonly openAnnouncementSocket?: (interfaceAddress: string) => Promise<DatagramSocket>;
}

/**
 * Keeps ports mapped until it is stopped: renews them, re-creates them when the gateway lost its state, follows the
 * gateway when it moves, and reports each change. Without any it only observes the external address.
 *
 * Unless `via` names a protocol, it finds out whether the gateway speaks PCP (RFC 6887) or NAT-PMP (RFC 6886). PCP is
 * asked first. Where the answer is that PCP is not spoken, NAT-PMP is asked at once; where none comes within 250 ms,
 * NAT-PMP takes over as soon as the gateway has answered that. UPnP is tried where nobody listens on that port, or nobody
 * answers there for 300 ms. A lease is renewed and deleted by the protocol that granted it, while the gateway speaks that.
 *
 * The gateway's announcements are heard where UDP port 5350 can be had; a request every 5 minutes looks after what they
 * do not show.
 *
 * @param wanted The mappings to keep.
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
export function keepMapped(wanted: readonly WantedMapping[], options: KeepMappedOptions = {}): Keeper {
  const { clock = systemClock, random = Math.random, signal, tryTimeoutMs, leavesMappings = false } = options;
  const connector = new GatewayConnector({
    find: () => findPlace(options),
    parts: (place) =>
      Promise.resolve({
        ...partsOf(options, { clock, random }),
        findLocalAddress: () => findLocalAddress(place, options),
        isPatient: () => keeper.holdings.some(({ lease }) => lease !== undefined),
      }),
    openAnnouncementSocket: options.openAnnouncementSocket ?? openSystemSocket,
    onHint: () => keeper.hint(),
  });
  const stop = () => void keeper.stop();
  const keeper: Keeper = new Keeper({
    wanted,
    clock,
    random,
    leavesMappings,
    tryTimeoutMs,
    connect: () => connector.connect(),
    hearsAnnouncements: () => connector.isHearing,
    onStop: () => {
      signal?.removeEventListener("abort", stop);
      connector.close();
    },
  });
  if (signal?.aborted) stop();
  else signal?.addEventListener("abort", stop, { once: true });
  return keeper;
}

/** A caller's own sockets belong to a network of their own, which knows no ICMP of this one. */
function partsOf(
  { openSocket, connectSocket, connectStream, allowPortZero, via }: KeepMappedOptions,
  { clock, random }: Pick<MapperParts, "clock" | "random">,
): MapperParts {
  const connectSystemSocket: ConnectSocket = async (remote, from) => {
    const { openConnectedSocket } = await import("./net/connected_socket.ts");
    return openConnectedSocket(remote, { clock, ...from });
  };
  const connectSystemStream: ConnectStream = async (...args) =>
    await (await import("./net/tcp_stream.ts")).connectTcpStream(...args);
  return {
    clock,
    random,
    openSocket,
    connectSocket: connectSocket ?? (openSocket === undefined ? connectSystemSocket : undefined),
    connectStream: connectStream ?? (openSocket === undefined ? connectSystemStream : undefined),
    allowPortZero,
    via,
  };
}

/** A caller's own sockets may be those of another network than this host's. */
async function findLocalAddress(
  { gateway, ownAddress }: FoundPlace,
  { openSocket }: KeepMappedOptions,
): Promise<string | undefined> {
  if (ownAddress !== undefined) return ownAddress;
  if (openSocket !== undefined) {
    const socket = openSocket();
    socket.close();
    return socket.local.hostname === ANY_ADDRESS ? undefined : socket.local.hostname;
  }
  const { localAddressOf } = await import("./gateway/local_address.ts");
  return (await localAddressOf(gateway))?.localAddress;
}

/** Only an address that the caller asked for is insisted on: the system knows the route to its gateway. */
async function findPlace(
  { gateway, gatewayPort: port, localAddress, openSocket }: KeepMappedOptions,
): Promise<FoundPlace> {
  if (gateway !== undefined) return { gateway, port, localAddress, ownAddress: localAddress };
  const found = await findGateway(localAddress === undefined ? {} : { source: localAddress });
  return {
    gateway: found.gateway,
    port,
    localAddress,
    ownAddress: found.localAddress,
    // A caller's own sockets are not bound to anything.
    boundInterface: openSocket === undefined ? found.binding?.interfaceName : undefined,
  };
}

function openSystemSocket(interfaceAddress: string): Promise<DatagramSocket> {
  return openGroupSocket({ hostname: ANNOUNCEMENT_GROUP, port: ANNOUNCEMENT_PORT }, interfaceAddress);
}
