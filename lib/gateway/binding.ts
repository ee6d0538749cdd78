/**
 * Makes datagrams leave by the chosen interface: if the route to the gateway leads through another one, the socket is
 * bound to the interface.
 *
 * @module
 */

import { NoGatewayError } from "../errors.ts";
import { longestMatch } from "./prefix.ts";
import type { InterfaceAddress, Route } from "./route.ts";
import type { GatewaySystem } from "./system.ts";
import { ownerOf } from "./source_selector.ts";

/** The interface that a socket has to be bound to. */
export interface SocketBinding {
  /** The interface. */
  readonly interfaceName: string;
  /** The interface that the route to the gateway leads through; absent where no route leads there, or none is known. */
  readonly routeInterface?: string;
}

/** Where to send, and from where. */
export interface Sending {
  /** The gateway's address. */
  readonly gateway: string;
  /** The address to send from. */
  readonly localAddress: string;
  /** The interface to leave by. */
  readonly interfaceName: string;
}

/** The facts that decide on a binding. */
export interface BindingOptions {
  /** The system. */
  readonly system: GatewaySystem;
  /** The addresses of this host. */
  readonly interfaces: readonly InterfaceAddress[];
  /** Reads the routing table, for a system whose kernel cannot be asked. */
  readonly readRoutes: () => Promise<readonly Route[]>;
}

/**
 * Finds out whether a socket has to be bound to the interface.
 *
 * @param sending Where to send, and from where.
 * @param options The system and what is known of it.
 * @returns The binding; `undefined` where the route leads through the interface as it is.
 * @throws {NoGatewayError} If the route leads through another interface and this system cannot bind a socket.
 */
export async function bindingOf(
  sending: Sending,
  options: BindingOptions,
): Promise<SocketBinding | undefined> {
  const { gateway, interfaceName } = sending;
  const { system, interfaces } = options;
  // Datagrams to this host's own addresses never leave it.
  if (gateway === "0.0.0.0" || ownerOf(interfaces, gateway) !== undefined) return undefined;
  const lead = await leadTo(sending, options);
  if (lead?.isLocal || lead?.interfaceName === interfaceName) return undefined;
  const routeInterface = lead?.interfaceName;
  if (await system.canBindTo(interfaceName)) {
    return { interfaceName, ...(routeInterface === undefined ? {} : { routeInterface }) };
  }
  if (lead === undefined) return undefined;
  const where = routeInterface === undefined
    ? "no route leads there"
    : `the route leads through ${routeInterface}`;
  throw new NoGatewayError(`Cannot ask ${gateway} through ${interfaceName}: ${where}`, {
    reason: "other-interface",
  });
}

/** Where a route leads. */
interface Lead {
  /** Absent where no route leads there. */
  readonly interfaceName?: string;
  /** Whether it leads to this host itself. */
  readonly isLocal?: boolean;
}

async function leadTo(
  { gateway, localAddress }: Sending,
  { system, readRoutes }: BindingOptions,
): Promise<Lead | undefined> {
  const route = await system.kernelRoute(gateway, { source: localAddress });
  if (route === "unreachable") return {};
  if (route !== undefined) return route;
  const routes = await readRoutes().catch(() => []);
  if (routes.length === 0) return undefined;
  const best = longestMatch(routes, gateway);
  return best === undefined || best.rejects ? {} : { interfaceName: best.interfaceName };
}
