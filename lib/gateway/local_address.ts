/**
 * The address of this host from which a gateway is asked.
 *
 * @module
 */

import type { Sending, SocketBinding } from "./binding.ts";
import { sameNetwork } from "./prefix.ts";
import type { InterfaceAddress } from "./route.ts";
import { type GatewaySystem, thisSystem } from "./system.ts";
import type { SourceSelector } from "./source_selector.ts";

/** Options of {@linkcode localAddressOf}. */
export interface LocalAddressOfOptions extends SourceSelector {
  /** The system to ask; this machine by default. */
  readonly system?: GatewaySystem;
}

/** The address of this host from which a gateway is asked. */
export interface LocalAddress {
  /** The address. */
  readonly localAddress: string;
  /** The interface that has it. */
  readonly interfaceName: string;
  /** The interface to bind a socket to, where it was named and the route leads through another one. */
  readonly binding?: SocketBinding;
}

/**
 * Finds the address to send from to a gateway that the caller has named; no gateway is looked for.
 *
 * @param gateway The gateway's address.
 * @param options From where to send.
 * @returns The address; where none is named, `undefined` when it is unknown.
 * @throws {UnknownInterfaceError} If the interface or source address that was named is not this host's.
 * @throws {NoGatewayError} If the interface has no IPv4 address, or the route leads through another interface and a
 * socket cannot be bound to this one.
 */
export async function localAddressOf(
  gateway: string,
  options: LocalAddressOfOptions = {},
): Promise<LocalAddress | undefined> {
  const system = options.system ?? thisSystem();
  try {
    return await findLocalAddress(gateway, options, system);
  } finally {
    system.close();
  }
}

async function findLocalAddress(
  gateway: string,
  options: LocalAddressOfOptions,
  system: GatewaySystem,
): Promise<LocalAddress | undefined> {
  const isSelected = options.interfaceName !== undefined || options.source !== undefined;
  let interfaces: readonly InterfaceAddress[];
  try {
    interfaces = await system.networkInterfaces();
  } catch (error) {
    if (isSelected) throw error;
    return undefined;
  }
  const near = (own: InterfaceAddress) =>
    own.family === "IPv4" && sameNetwork(own.address, gateway, own.netmask);
  if (isSelected) {
    const { checkSource } = await import("./check_source.ts");
    const { interfaceName, addresses } = await checkSource(options, system, interfaces);
    const own = { interfaceName, localAddress: (addresses.find(near) ?? addresses[0]!).address };
    // The address alone may belong to a dummy interface, so it does not decide where to leave.
    const binding = options.interfaceName === undefined
      ? undefined
      : await findBinding({ ...own, gateway }, system, interfaces);
    return { ...own, ...(binding === undefined ? {} : { binding }) };
  }
  const neighbours = interfaces.filter(near);
  const localAddress = neighbours.length === 1
    ? neighbours[0]!.address
    : await system.localAddressFor(gateway);
  const owner = interfaces.find(({ address }) => address === localAddress);
  return owner && { localAddress: owner.address, interfaceName: owner.name };
}

async function findBinding(
  sending: Sending,
  system: GatewaySystem,
  interfaces: readonly InterfaceAddress[],
): Promise<SocketBinding | undefined> {
  const { bindingOf } = await import("./binding.ts");
  return bindingOf(sending, {
    system,
    interfaces,
    async readRoutes() {
      const { readRoutes } = await import("./find_gateway.ts");
      return readRoutes(system, interfaces);
    },
  });
}
