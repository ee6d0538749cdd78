/**
 * The one place that makes a client of a gateway, for every command and for the library. Besides it only `mod.ts`, which
 * exports the client, and the simulator, which shares the bytes, import from a backend.
 *
 * @module
 */

import type { Clock } from "./clock.ts";
import type { ConnectSocket, OpenSocket } from "./net/datagram.ts";
import type { ExchangeEvent, RequestLock } from "./net/exchange.ts";
import type { PortMapper } from "./port_mapper.ts";

export {
  ANNOUNCEMENT_GROUP,
  ANNOUNCEMENT_PORT,
  GATEWAY_PORT,
  MAX_LIFETIME_SECONDS,
  PCP_VERSION,
  RECOMMENDED_LIFETIME_SECONDS,
} from "./natpmp/constants.ts";
export { DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS } from "./natpmp/retransmission.ts";

/** Where a gateway is, and from where to ask it. */
export interface MapperTarget {
  /** The gateway's IPv4 address. */
  readonly gateway: string;
  readonly port?: number | undefined;
  /** The local address to send from; without it the system's choice. */
  readonly localAddress?: string | undefined;
  /** The interface that the socket is bound to, where the route leads through another one. */
  readonly boundInterface?: string | undefined;
}

/** The parts that a client works with. */
export interface MapperParts {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Opens sockets; the system's. */
  readonly openSocket?: OpenSocket | undefined;
  /** Opens sockets that hear ICMP port unreachable. */
  readonly connectSocket?: ConnectSocket | undefined;
  /** Keeps requests of other processes to the same gateway apart from these. */
  readonly requestLock?: RequestLock | undefined;
  /** Called with each datagram. */
  readonly observe?: ((event: ExchangeEvent) => void) | undefined;
  /** How long one request lasts unless it says otherwise, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  /** Whether internal port 0 may be mapped, as ProtonVPN's gateways want it. */
  readonly allowPortZero?: boolean | undefined;
}

/** Makes the client of a gateway; nothing is sent yet. */
export async function openMapper(target: MapperTarget, parts: MapperParts): Promise<PortMapper> {
  const { NatPmpClient } = await import("./natpmp/client.ts");
  const { gateway, ...from } = target;
  return new NatPmpClient(gateway, { ...from, ...parts });
}

/** Loads the words for datagrams to and from a gateway. */
export async function datagramDescriber(): Promise<typeof import("./natpmp/describe.ts")> {
  return await import("./natpmp/describe.ts");
}
