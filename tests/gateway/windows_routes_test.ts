import { assertEquals } from "@std/assert";
import { bestRoute, bestRouteAddress, parseWindowsRoutes } from "../../lib/gateway/windows_routes.ts";
import type { WindowsTables } from "../../lib/gateway/route.ts";
import { ETH0, LO, TUN1, WG0, windowsTables, WLAN0 } from "./_tables.ts";

const HOST = [LO, ETH0, WLAN0, TUN1, WG0];

/** A table: a count and its rows, in the layout of MIB_IPFORWARDTABLE and MIB_IPADDRTABLE (iphlpapi's ipmib.h). */
function rows(size: number, ...fields: Record<number, number[]>[]): Uint8Array {
  const bytes = new Uint8Array(4 + size * fields.length);
  bytes[0] = fields.length;
  for (const [i, row] of fields.entries()) {
    for (const [offset, value] of Object.entries(row)) bytes.set(value, 4 + i * size + Number(offset));
  }
  return bytes;
}

Deno.test("parseWindowsRoutes() reads destination, next hop, metric and the interface's name", () => {
  assertEquals(parseWindowsRoutes(windowsTables("windows_plain.hex"), HOST), [
    {
      interfaceName: "eth0",
      destination: "0.0.0.0",
      prefixLength: 0,
      gateway: "192.168.1.1",
      metric: 0,
      rejects: false,
    },
    { interfaceName: "eth0", destination: "192.168.1.0", prefixLength: 24, metric: 0, rejects: false },
  ]);
});

Deno.test("parseWindowsRoutes() orders nothing and keeps each metric", () => {
  const defaults = parseWindowsRoutes(windowsTables("windows_several_defaults.hex"), HOST).slice(0, 2);
  assertEquals(defaults.map(({ interfaceName, metric }) => [interfaceName, metric]), [["wlan0", 256], [
    "eth0",
    1536,
  ]]);
});

Deno.test("parseWindowsRoutes() gives a route whose next hop is the interface's own address no gateway", () => {
  assertEquals(parseWindowsRoutes(windowsTables("windows_point_to_point.hex"), HOST), [
    { interfaceName: "wg0", destination: "0.0.0.0", prefixLength: 0, metric: 0, rejects: false },
  ]);
});

Deno.test("parseWindowsRoutes() calls an interface without a name by its index", () => {
  const [first] = parseWindowsRoutes(windowsTables("windows_plain.hex"), [LO]);
  assertEquals(first?.interfaceName, "#3");
});

Deno.test("parseWindowsRoutes() skips invalid routes and interfaces without a link", () => {
  const route = { 12: [10, 0, 0, 1], 16: [7], 20: [4], 36: [25] };
  const addressTable = (type: number) => rows(24, { 0: [192, 168, 1, 20], 4: [7], 22: [type] });
  const forwardTable = rows(56, route, { ...route, 20: [2] });
  assertEquals(parseWindowsRoutes({ forwardTable, addressTable: addressTable(1) }, HOST).length, 1);
  assertEquals(parseWindowsRoutes({ forwardTable, addressTable: addressTable(8) }, HOST), []);
});

Deno.test("parseWindowsRoutes() stops where the bytes end", () => {
  const { forwardTable, addressTable } = windowsTables("windows_plain.hex");
  const cut = (length: number): WindowsTables => ({
    forwardTable: forwardTable.subarray(0, length),
    addressTable,
  });
  assertEquals(parseWindowsRoutes(cut(100), HOST).length, 1);
  assertEquals(parseWindowsRoutes(cut(2), HOST), []);
});

Deno.test("bestRouteAddress() names the address of the interface that GetBestRoute names", () => {
  assertEquals(bestRouteAddress(windowsTables("windows_plain.hex"), "1.1.1.1"), "192.168.1.20");
  assertEquals(bestRouteAddress(windowsTables("windows_point_to_point.hex"), "1.1.1.1"), "10.2.0.2");
  assertEquals(bestRouteAddress(windowsTables("windows_no_default.hex"), "1.1.1.1"), undefined);
});

Deno.test("bestRouteAddress() disbelieves an answer that the table contradicts", () => {
  assertEquals(bestRouteAddress(windowsTables("windows_several_defaults.hex"), "1.1.1.1"), undefined);
  assertEquals(bestRouteAddress(windowsTables("windows_vpn_split.hex"), "1.1.1.1"), undefined);
});

/** A SOCKADDR_INET (ws2ipdef.h): family, port, and an IPv4 address, or flow information and an IPv6 address. */
const inet = (...address: number[]) => [2, 0, 0, 0, ...address];
const INET6 = [23, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0x80];

/** Tables with a MIB_IPFORWARD_ROW2 in the layout of netioapi.h: interface index at 8, next hop at 44. */
function tablesWith(row: Record<number, number[]>, source?: number[]): WindowsTables {
  const bestRoute2 = new Uint8Array(104);
  for (const [offset, value] of Object.entries(row)) bestRoute2.set(value, Number(offset));
  return {
    forwardTable: rows(56),
    addressTable: rows(24, { 0: [192, 168, 1, 20], 4: [7], 22: [1] }, { 0: [10, 2, 0, 2], 4: [9], 22: [1] }),
    bestRoute2,
    ...(source === undefined ? {} : { bestSource: Uint8Array.from([...source, ...Array(20).fill(0)]) }),
  };
}

const BEST = { origin: "main-table", isLocal: false, isForeignHop: false } as const;

Deno.test("bestRoute() reads next hop, interface and source of GetBestRoute2", () => {
  assertEquals(bestRoute(tablesWith({ 8: [7], 44: inet(192, 168, 1, 1) }, inet(192, 168, 1, 20)), HOST), {
    ...BEST,
    interfaceName: "eth0",
    nextHop: "192.168.1.1",
    source: "192.168.1.20",
  });
});

Deno.test("bestRoute() has no next hop where it is not an address, the own one or an IPv6 one", () => {
  const base = { ...BEST, interfaceName: "wg0" };
  assertEquals(bestRoute(tablesWith({ 8: [9], 44: inet(0, 0, 0, 0) }), HOST), base);
  assertEquals(bestRoute(tablesWith({ 8: [9], 44: inet(10, 2, 0, 2) }), HOST), base);
  assertEquals(bestRoute(tablesWith({ 8: [9], 44: INET6 }), HOST), { ...base, isForeignHop: true });
});

Deno.test("bestRoute() is undefined without the function, or for an interface without an address", () => {
  assertEquals(bestRoute(windowsTables("windows_plain.hex"), HOST), undefined);
  assertEquals(bestRoute(tablesWith({ 8: [8], 44: inet(192, 168, 1, 1) }), HOST), undefined);
});
