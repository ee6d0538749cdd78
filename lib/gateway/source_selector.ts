/**
 * A caller's choice of an interface or a source address, checked against the interfaces of this host; pure.
 *
 * @module
 */

import { netmaskLength, sameNetwork } from "./prefix.ts";
import type { InterfaceAddress } from "./route.ts";

/** From where a caller wants to send; both together must agree. */
export interface SourceSelector {
  /** The name of an interface. */
  readonly interfaceName?: string;
  /** An address of this host. */
  readonly source?: string;
}

/** The reason why a choice cannot be met. */
export type SourceFailure =
  | { readonly kind: "unknown-interface"; readonly asked: string; readonly known: readonly string[] }
  | {
    readonly kind: "foreign-source";
    readonly asked: string;
    readonly interfaceName?: string;
    readonly known: readonly string[];
  }
  | { readonly kind: "no-address"; readonly interfaceName: string };

/** The interface that a choice means, and its IPv4 addresses that may be sent from. */
export interface SelectedSource {
  /** The interface, as routes name it. */
  readonly interfaceName: string;
  /** The addresses that come into question: one where a source was named. */
  readonly addresses: readonly InterfaceAddress[];
}

/** Linux lists an address with a label, such as `eth0:1`, under that label; routes name the device. */
function deviceOf(name: string): string {
  return name.replace(/:[^:]*$/, "");
}

/**
 * The IPv4 addresses of an interface.
 *
 * @param interfaces The addresses of this host.
 * @param name The interface's name, or the label of an alias.
 * @returns Its addresses, in the host's order.
 */
export function addressesOf(interfaces: readonly InterfaceAddress[], name: string): InterfaceAddress[] {
  return interfaces.filter((entry) =>
    entry.family === "IPv4" && (entry.name === name || deviceOf(entry.name) === name)
  );
}

/**
 * The interface that holds an address.
 *
 * @param interfaces The addresses of this host.
 * @param address The address. Any address of a loopback network is the loopback interface's.
 * @returns The entry with that address, or `undefined` when this host has it not.
 */
export function ownerOf(
  interfaces: readonly InterfaceAddress[],
  address: string,
): InterfaceAddress | undefined {
  const exact = interfaces.find((entry) => entry.address === address);
  const loopback = interfaces.find((entry) =>
    isLoopback(entry) && sameNetwork(entry.address, address, entry.netmask)
  );
  return exact ?? (loopback && { ...loopback, address });
}

/**
 * Checks whether an address is a loopback one.
 *
 * @param entry The address.
 * @returns Whether it is in 127.0.0.0/8.
 */
export function isLoopback(entry: InterfaceAddress): boolean {
  return entry.family === "IPv4" && entry.address.startsWith("127.");
}

/**
 * Checks whether an address is one of 192.0.0.0/29 (RFC 7335), which a host of an IPv6-only network gives itself so
 * that its programs can speak IPv4 (464XLAT). It has no gateway behind it.
 *
 * @param address The address.
 * @returns Whether it is.
 */
export function isTranslated(address: string): boolean {
  return sameNetwork(address, "192.0.0.0", "255.255.255.248");
}

/**
 * Checks whether a host has an IPv6 address that others can reach and no such IPv4 address.
 *
 * @param interfaces The addresses of this host.
 * @returns Whether it does.
 */
export function isIpv6Only(interfaces: readonly InterfaceAddress[]): boolean {
  const isUseful = ({ family, address }: InterfaceAddress) =>
    family === "IPv4"
      ? !/^(127|169\.254)\./.test(address) && !isTranslated(address)
      : !/^(::1$|fe[89ab])/i.test(address);
  const useful = interfaces.filter(isUseful);
  return useful.length > 0 && useful.every(({ family }) => family === "IPv6");
}

/**
 * Checks whether a link has only two ends, so that a route through it needs no next hop: its prefix has no room for
 * a third host, or the link has no hardware address (WireGuard, OpenVPN and other tunnels).
 *
 * @param entry An address of the link.
 * @returns Whether it has two ends.
 */
export function isPointToPoint(entry: InterfaceAddress): boolean {
  if (isLoopback(entry)) return false;
  return (netmaskLength(entry.netmask) ?? 0) >= 31 || /^(00[:-]?)+$/.test(entry.mac);
}

/**
 * Finds the interface that a choice means.
 *
 * @param selector The selector; at least one of its fields is set.
 * @param interfaces The addresses of this host.
 * @param interfaceNames Names of interfaces, also of those without any address.
 * @returns The interface and its addresses, or why there is none.
 */
export function selectSource(
  selector: SourceSelector,
  interfaces: readonly InterfaceAddress[],
  interfaceNames: readonly string[] = [],
): SelectedSource | SourceFailure {
  const { interfaceName, source } = selector;
  const listed = [...new Set([...interfaces.map((entry) => entry.name), ...interfaceNames])];
  if (interfaceName !== undefined) {
    const known = listed.some((name) => name === interfaceName || deviceOf(name) === interfaceName);
    if (!known) return { kind: "unknown-interface", asked: interfaceName, known: listed };
  }
  if (source !== undefined) {
    const scope = interfaceName === undefined ? interfaces : addressesOf(interfaces, interfaceName);
    const owner = ownerOf(scope, source);
    if (owner === undefined || owner.family !== "IPv4") {
      const known = scope.filter(({ family }) => family === "IPv4").map(({ address }) => address);
      return { kind: "foreign-source", asked: source, known, ...(interfaceName ? { interfaceName } : {}) };
    }
    return { interfaceName: deviceOf(owner.name), addresses: [owner] };
  }
  const addresses = addressesOf(interfaces, interfaceName!);
  if (addresses.length === 0) return { kind: "no-address", interfaceName: interfaceName! };
  return { interfaceName: deviceOf(interfaceName!), addresses };
}
