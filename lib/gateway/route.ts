/**
 * A route and an interface's address, as every system's parser delivers them.
 *
 * @module
 */

export type { KernelRoute, KernelRouteOptions, RouteOrigin } from "../net/kernel_route.ts";

/** One IPv4 route. */
export interface Route {
  /** The interface it leads through; `*` where it leads nowhere. */
  readonly interfaceName: string;
  /** The network it leads to, in dotted decimal. */
  readonly destination: string;
  /** The length of the network's prefix: 0 is a default route. */
  readonly prefixLength: number;
  /** The next hop; absent when the destination is on the link itself. */
  readonly gateway?: string;
  /** Whether the next hop is an IPv6 address, so that there is no IPv4 gateway. */
  readonly hasIpv6Hop?: boolean;
  /** The smaller is preferred among routes of the same destination. */
  readonly metric: number;
  /** Whether it refuses or drops traffic (unreachable, prohibit, blackhole) instead of leading anywhere. */
  readonly rejects: boolean;
}

/** One address of an interface: what `Deno.networkInterfaces()` lists. */
export interface InterfaceAddress {
  /** The interface's name; on Linux a label such as `eth0:1` for an alias. */
  readonly name: string;
  /** The address family. */
  readonly family: "IPv4" | "IPv6";
  /** The address as text. */
  readonly address: string;
  /** The netmask as text. */
  readonly netmask: string;
  /** The hardware address; zeros where the link has none, as tunnels have none. */
  readonly mac: string;
}

/** Windows' tables as its IP helper library delivers them. */
export interface WindowsTables {
  /** The bytes of `GetIpForwardTable`. */
  readonly forwardTable: Uint8Array;
  /** The bytes of `GetIpAddrTable`. */
  readonly addressTable: Uint8Array;
  /** The row of `GetBestRoute`, where it found one. */
  readonly bestRoute?: Uint8Array;
  /** The row of `GetBestRoute2`, where it found one. */
  readonly bestRoute2?: Uint8Array;
  /** The source address that `GetBestRoute2` names. */
  readonly bestSource?: Uint8Array;
}
