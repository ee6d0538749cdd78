/**
 * IPv4 prefixes as numbers: netmask lengths, membership and the longest match.
 *
 * @module
 */

import { parseIpv4 } from "../net/ipv4.ts";
import type { Route } from "./route.ts";

/**
 * The length of a netmask.
 *
 * @param mask The mask as an unsigned number of 32 bits.
 * @returns The number of leading ones, or `undefined` when ones follow a zero.
 */
export function maskLength(mask: number): number | undefined {
  const length = Math.clz32(~mask);
  return length === 32 || (mask << length) === 0 ? length : undefined;
}

/**
 * Reads an address, or a netmask, as an unsigned number of 32 bits.
 *
 * @param text Dotted decimal.
 * @returns The number, or `undefined` when the text is not an IPv4 address.
 */
export function ipv4Number(text: string): number | undefined {
  const bytes = parseIpv4(text);
  return bytes && new DataView(bytes.buffer).getUint32(0);
}

/**
 * The length of a netmask in dotted decimal.
 *
 * @param netmask The netmask.
 * @returns Its length, or `undefined` when it is not a netmask.
 */
export function netmaskLength(netmask: string): number | undefined {
  const mask = ipv4Number(netmask);
  return mask === undefined ? undefined : maskLength(mask);
}

/**
 * Checks whether two addresses are in one network.
 *
 * @param a One address.
 * @param b The other.
 * @param netmask The network's mask.
 * @returns Whether both are; `false` when one of the three is not an IPv4 address.
 */
export function sameNetwork(a: string, b: string, netmask: string): boolean {
  const [x, y, mask] = [ipv4Number(a), ipv4Number(b), ipv4Number(netmask)];
  return x !== undefined && y !== undefined && mask !== undefined && ((x ^ y) & mask) === 0;
}

/**
 * Finds the route that a routing table has for an address: the most specific, and among those the one with the smallest
 * metric.
 *
 * @param routes The routing table.
 * @param address The address.
 * @returns The route, also one that rejects; `undefined` when there is none.
 */
export function longestMatch(routes: readonly Route[], address: string): Route | undefined {
  const to = ipv4Number(address)!;
  const covers = ({ destination, prefixLength }: Route) =>
    prefixLength === 0 || (to ^ ipv4Number(destination)!) >>> (32 - prefixLength) === 0;
  return routes.filter(covers).reduce<Route | undefined>((best, route) => {
    if (best === undefined || route.prefixLength > best.prefixLength) return route;
    return route.prefixLength === best.prefixLength && route.metric < best.metric ? route : best;
  }, undefined);
}
