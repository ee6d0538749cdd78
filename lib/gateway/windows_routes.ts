/**
 * Windows: the bytes that `iphlpapi.dll` delivers; pure.
 *
 * Each table is a count (u32, little-endian) and then its rows. Addresses in them are in network order.
 *
 * @module
 */

import { formatIpv4 } from "../net/ipv4.ts";
import { ipv4Number, maskLength } from "./prefix.ts";
import type { InterfaceAddress, KernelRoute, Route, WindowsTables } from "./route.ts";

/** MIB_IPFORWARDROW: offsets in a row of 56 bytes. */
const ROUTE_BYTES = 56;
const DESTINATION = 0;
const MASK = 4;
const NEXT_HOP = 12;
const INTERFACE_INDEX = 16;
const TYPE = 20;
const METRIC = 36;

/** dwForwardType: a route that is no longer valid, and one whose destination is on the link. */
const TYPE_INVALID = 2;
const TYPE_DIRECT = 3;

/** MIB_IPFORWARD_ROW2 (netioapi.h): offsets in a row of 104 bytes. Its addresses are `SOCKADDR_INET`. */
const ROUTE2_BYTES = 104;
const ROUTE2_INTERFACE_INDEX = 8;
const ROUTE2_NEXT_HOP = 44;

/** `SOCKADDR_INET`: a family of two bytes, a port, and an IPv4 address at 4 or an IPv6 address at 8. */
const SOCKADDR_ADDRESS = 4;
const AF_INET = 2;
const AF_INET6 = 23;

/** MIB_IPADDRROW: offsets in a row of 24 bytes. */
const ADDRESS_BYTES = 24;
const ADDRESS_INDEX = 4;
const ADDRESS_TYPE = 22;

/** MIB_IPADDR_DISCONNECTED: the address's interface has no link. */
const TYPE_DISCONNECTED = 0x0008;

function rowsOf(table: Uint8Array, size: number): DataView[] {
  if (table.length < 4) return [];
  const count = new DataView(table.buffer, table.byteOffset).getUint32(0, true);
  const rows: DataView[] = [];
  for (let at = 4; rows.length < count && at + size <= table.length; at += size) {
    rows.push(new DataView(table.buffer, table.byteOffset + at, size));
  }
  return rows;
}

function addressAt(row: DataView, offset: number): string {
  return formatIpv4(new Uint8Array(row.buffer, row.byteOffset + offset, 4));
}

/** The IPv4 addresses of each interface index that has a link, in the table's order. */
function addressesByIndex(addressTable: Uint8Array): Map<number, string[]> {
  const addresses = new Map<number, string[]>();
  for (const row of rowsOf(addressTable, ADDRESS_BYTES)) {
    if (row.getUint16(ADDRESS_TYPE, true) & TYPE_DISCONNECTED) continue;
    const index = row.getUint32(ADDRESS_INDEX, true);
    addresses.set(index, [...addresses.get(index) ?? [], addressAt(row, 0)]);
  }
  return addresses;
}

/** An interface's index gets its name by its addresses. */
function nameOf(index: number, own: readonly string[], interfaces: readonly InterfaceAddress[]): string {
  return interfaces.find(({ address }) => own.includes(address))?.name ?? `#${index}`;
}

/**
 * Parses Windows' routing table.
 *
 * The metric is Windows' own sum of route and interface metric (since Vista). A route whose next hop is one of its
 * interface's own addresses is on the link.
 *
 * @param tables The tables.
 * @param interfaces The addresses of this host, by which an interface's index gets its name.
 * @returns Every valid route through an interface with a link and an IPv4 address, in the table's order; an
 * interface without a name is called `#INDEX`.
 */
export function parseWindowsRoutes(tables: WindowsTables, interfaces: readonly InterfaceAddress[]): Route[] {
  const addresses = addressesByIndex(tables.addressTable);
  const routes: Route[] = [];
  for (const row of rowsOf(tables.forwardTable, ROUTE_BYTES)) {
    const type = row.getUint32(TYPE, true);
    const prefixLength = maskLength(row.getUint32(MASK));
    if (type === TYPE_INVALID || prefixLength === undefined) continue;
    const index = row.getUint32(INTERFACE_INDEX, true);
    const own = addresses.get(index);
    if (own === undefined) continue;
    const nextHop = addressAt(row, NEXT_HOP);
    const onLink = type === TYPE_DIRECT || nextHop === "0.0.0.0" || own.includes(nextHop);
    routes.push({
      interfaceName: nameOf(index, own, interfaces),
      destination: addressAt(row, DESTINATION),
      prefixLength,
      ...(onLink ? {} : { gateway: nextHop }),
      metric: row.getUint32(METRIC, true),
      rejects: false,
    });
  }
  return routes;
}

/**
 * The local address that Windows would send from: the first of the interface that `GetBestRoute` names.
 *
 * An answer that the table itself contradicts, with a more specific route to the same address or one of a smaller
 * metric, does not count: Wine 10 gives such answers.
 *
 * @param tables The tables.
 * @param remote The address that `GetBestRoute` was asked about.
 * @returns The address, or `undefined` when the system has no best route.
 */
export function bestRouteAddress(tables: WindowsTables, remote: string): string | undefined {
  const bytes = tables.bestRoute;
  const to = ipv4Number(remote);
  if (bytes === undefined || bytes.length < ROUTE_BYTES || to === undefined) return undefined;
  const best = new DataView(bytes.buffer, bytes.byteOffset);
  const betterThanBest = (row: DataView) => {
    const mask = row.getUint32(MASK);
    if (((to ^ row.getUint32(DESTINATION)) & mask) !== 0 || row.getUint32(TYPE, true) === TYPE_INVALID) {
      return false;
    }
    const bestMask = best.getUint32(MASK);
    return mask > bestMask ||
      (mask === bestMask && row.getUint32(METRIC, true) < best.getUint32(METRIC, true));
  };
  if (rowsOf(tables.forwardTable, ROUTE_BYTES).some(betterThanBest)) return undefined;
  return addressesByIndex(tables.addressTable).get(best.getUint32(INTERFACE_INDEX, true))?.[0];
}

/**
 * The route that Windows would take, as `GetBestRoute2` names it, with the address that it would send from.
 *
 * @param tables The tables.
 * @param interfaces The addresses of this host, by which an interface's index gets its name.
 * @returns The route, or `undefined` where there is none, or the system does not have that function.
 */
export function bestRoute(
  tables: WindowsTables,
  interfaces: readonly InterfaceAddress[],
): KernelRoute | undefined {
  const { bestRoute2: bytes, bestSource } = tables;
  if (bytes === undefined || bytes.length < ROUTE2_BYTES) return undefined;
  const row = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const index = row.getUint32(ROUTE2_INTERFACE_INDEX, true);
  const own = addressesByIndex(tables.addressTable).get(index);
  if (own === undefined) return undefined;
  const family = row.getUint16(ROUTE2_NEXT_HOP, true);
  const nextHop = family === AF_INET ? addressAt(row, ROUTE2_NEXT_HOP + SOCKADDR_ADDRESS) : undefined;
  const isOnLink = nextHop === undefined || nextHop === "0.0.0.0" || own.includes(nextHop);
  const source = bestSource === undefined || bestSource[0] !== AF_INET
    ? undefined
    : formatIpv4(bestSource.subarray(SOCKADDR_ADDRESS));
  return {
    interfaceName: nameOf(index, own, interfaces),
    origin: "main-table",
    isLocal: false,
    isForeignHop: family === AF_INET6,
    ...(isOnLink ? {} : { nextHop }),
    ...(source === undefined ? {} : { source }),
  };
}
