import { assert, assertEquals, assertFalse } from "@std/assert";
import { parseNetstat, parseRouteGet, saysNoRoute } from "../../lib/gateway/bsd_routes.ts";
import { table } from "./_tables.ts";

/** Interface, destination, gateway, metric and whether it rejects, of the default routes and halves. */
function wide(name: string) {
  return parseNetstat(table(name)).filter(({ prefixLength }) => prefixLength < 2).map((
    { interfaceName, destination, prefixLength, gateway, metric, rejects },
  ) => [interfaceName, `${destination}/${prefixLength}`, gateway, metric, rejects]);
}

const TABLES: [name: string, interfaceName: string, gateway: string, metric: number][] = [
  ["macos_plain.txt", "en0", "192.168.1.1", 0],
  ["macos_old_columns.txt", "en0", "10.10.10.1", 0],
  ["freebsd_plain.txt", "ena0", "10.88.88.2", 0],
  ["openbsd_plain.txt", "em0", "172.20.10.1", 8],
  ["netbsd_plain.txt", "ena0", "172.31.16.1", 0],
];
for (const [name, interfaceName, gateway, metric] of TABLES) {
  Deno.test(`parseNetstat() finds the default route in the columns of ${name}`, () => {
    assertEquals(wide(name), [[interfaceName, "0.0.0.0/0", gateway, metric, false]]);
  });
}

Deno.test("parseNetstat() ranks macOS' scoped default route behind the primary one", () => {
  assertEquals(wide("macos_several_defaults.txt"), [
    ["en0", "0.0.0.0/0", "192.168.7.1", 1, false],
    ["en7", "0.0.0.0/0", "192.168.1.1", 0, false],
  ]);
});

Deno.test("parseNetstat() takes OpenBSD's priority for the metric", () => {
  assertEquals(wide("openbsd_several_defaults.txt").map((route) => route[3]), [12, 8]);
});

Deno.test("parseNetstat() gives a tunnel's default route no gateway", () => {
  assertEquals(wide("macos_tunnel.txt"), [
    ["utun3", "0.0.0.0/0", undefined, 0, false],
    ["en0", "0.0.0.0/0", "192.168.1.254", 1, false],
  ]);
});

Deno.test("parseNetstat() reads destinations whose zero bytes are left out", () => {
  assertEquals(wide("macos_vpn_split.txt"), [
    ["utun4", "0.0.0.0/1", "10.8.0.1", 0, false],
    ["en0", "0.0.0.0/0", "192.168.1.1", 0, false],
    ["utun4", "128.0.0.0/1", "10.8.0.1", 0, false],
  ]);
  const networks = parseNetstat(table("macos_plain.txt")).map((route) =>
    `${route.destination}/${route.prefixLength}`
  );
  assert(networks.includes("127.0.0.0/8"));
  assert(networks.includes("169.254.0.0/16"));
  assert(networks.includes("192.168.1.20/32"));
  assert(networks.includes("224.0.0.0/4"));
});

Deno.test("parseNetstat() marks blackhole and reject routes", () => {
  assertEquals(wide("freebsd_blackhole.txt"), [["lo0", "0.0.0.0/0", "127.0.0.1", 0, true]]);
});

Deno.test("parseNetstat() reads nothing of the IPv6 table, of text without a heading, or of no text", () => {
  assertFalse(parseNetstat(table("netbsd_plain.txt")).some((route) => route.destination.includes(":")));
  assertEquals(parseNetstat("default 192.168.1.1 UG en0\n"), []);
  assertEquals(parseNetstat(""), []);
});

Deno.test("parseRouteGet() reads gateway and interface on macOS and FreeBSD", () => {
  const route = { destination: "0.0.0.0", prefixLength: 0, metric: -1, rejects: false };
  assertEquals(parseRouteGet(table("macos_route_get.txt")), {
    ...route,
    interfaceName: "en0",
    gateway: "192.168.1.1",
  });
  assertEquals(parseRouteGet(table("freebsd_route_get.txt")), {
    ...route,
    interfaceName: "ena0",
    gateway: "10.88.88.2",
  });
  assertEquals(parseRouteGet(table("macos_route_get_tunnel.txt")), { ...route, interfaceName: "utun3" });
});

Deno.test("parseRouteGet() marks a route that rejects, and finds none where there is none", () => {
  const text = table("freebsd_route_get.txt").replace("UP,GATEWAY", "UP,REJECT");
  assertEquals(parseRouteGet(text)?.rejects, true);
  assertEquals(parseRouteGet(""), undefined);
});

Deno.test("saysNoRoute() knows each system's words for it", () => {
  assert(saysNoRoute(table("macos_no_route.txt")));
  assert(saysNoRoute(table("freebsd_no_route.txt")));
  assertFalse(saysNoRoute("route: must be root to alter routing table"));
});
