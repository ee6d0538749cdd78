/**
 * The address of this host from which a gateway is asked.
 *
 * @module
 */

import { sameNetwork } from "./prefix.ts";
import type { InterfaceAddress } from "./route.ts";
import { type GatewaySystem, thisSystem } from "./system.ts";
import type { GatewayWish } from "./wish.ts";

/** Options of {@linkcode localAddressOf}. */
export interface LocalAddressOfOptions extends GatewayWish {
  /** The system to ask; this machine by default. */
  readonly system?: GatewaySystem;
}

/** The address of this host from which a gateway is asked. */
export interface LocalAddress {
  /** The address. */
  readonly localAddress: string;
  /** The interface that has it. */
  readonly interfaceName: string;
}

/**
 * Finds the address to send from to a gateway that the caller has named; no gateway is looked for.
 *
 * @param gateway The gateway's address.
 * @param options From where to send.
 * @returns The address; without a wish `undefined` when it cannot be told.
 * @throws {UnknownInterfaceError} If the interface or source address that was wished for is not this host's.
 * @throws {NoGatewayError} If the interface has no IPv4 address.
 */
export async function localAddressOf(
  gateway: string,
  options: LocalAddressOfOptions = {},
): Promise<LocalAddress | undefined> {
  const system = options.system ?? thisSystem();
  const wished = options.interfaceName !== undefined || options.source !== undefined;
  let interfaces: readonly InterfaceAddress[];
  try {
    interfaces = system.networkInterfaces();
  } catch (error) {
    if (wished) throw error;
    return undefined;
  }
  const near = (own: InterfaceAddress) =>
    own.family === "IPv4" && sameNetwork(own.address, gateway, own.netmask);
  if (wished) {
    const { checkWish } = await import("./check_wish.ts");
    const { interfaceName, addresses } = await checkWish(options, system, interfaces);
    return { interfaceName, localAddress: (addresses.find(near) ?? addresses[0]!).address };
  }
  const neighbours = interfaces.filter(near);
  const localAddress = neighbours.length === 1
    ? neighbours[0]!.address
    : await system.localAddressFor(gateway);
  const owner = interfaces.find(({ address }) => address === localAddress);
  return owner && { localAddress: owner.address, interfaceName: owner.name };
}
