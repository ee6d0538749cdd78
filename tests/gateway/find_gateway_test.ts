import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { NoGatewayError, UnknownInterfaceError } from "../../lib/errors.ts";
import { findGateway, type FindGatewayOptions, surveyGateways } from "../../lib/gateway/find_gateway.ts";

import type { GatewaySystem } from "../../lib/gateway/system.ts";
import { fake, HOST, linux } from "./_fake_system.ts";
import { address, LO, table } from "./_tables.ts";

async function brief(system: GatewaySystem, selector: FindGatewayOptions = {}): Promise<string> {
  const { gateway, localAddress, interfaceName, guessed } = await findGateway({ ...selector, system });
  return `${gateway} from ${localAddress} on ${interfaceName}${guessed ? "?" : ""}`;
}

const THROUGH_ETH0 = {
  interfaceName: "eth0",
  nextHop: "192.168.1.1",
  source: "192.168.1.20",
  isForeignHop: false,
  isLocal: false,
  origin: "main-table",
} as const;
const PLAIN = { "1.1.1.1": THROUGH_ETH0, "192.168.1.1": THROUGH_ETH0 };

Deno.test("findGateway() asks the kernel for two routes on Linux, and reads one file", async () => {
  const system = linux("plain", { kernelRoutes: PLAIN });
  assertEquals(await brief(system), "192.168.1.1 from 192.168.1.20 on eth0");
  assertEquals(system.asked, ["route 1.1.1.1", "/proc/net/route", "route 192.168.1.1 from 192.168.1.20"]);
});

Deno.test("findGateway() does without the file where the kernel tells its route", async () => {
  const system = fake("linux", { kernelRoutes: PLAIN });
  assertEquals(await brief(system), "192.168.1.1 from 192.168.1.20 on eth0");
  await assertRejects(
    () => brief(fake("linux", { kernelRoutes: { "1.1.1.1": { ...THROUGH_ETH0, origin: "assumed" } } })),
    NoGatewayError,
    "Cannot read /proc/net/route",
  );
});

Deno.test("findGateway() does without the kernel's route: the file and the address that it would send from", async () => {
  const system = linux("plain", { kernelAddress: "192.168.1.20" });
  assertEquals(await brief(system), "192.168.1.1 from 192.168.1.20 on eth0");
  assertEquals(system.asked.slice(0, 3), ["route 1.1.1.1", "/proc/net/route", "kernel 1.1.1.1"]);
  const tunnel = linux("plain", { kernelAddress: "10.2.0.2", canBind: true });
  assertEquals(await brief(tunnel), "10.2.0.1 from 10.2.0.2 on wg0?");
});

Deno.test("findGateway() asks the kernel for the route from the interface that is selected", async () => {
  const system = linux("several_defaults", { kernelAddress: "192.168.7.33" });
  assertEquals(await brief(system, { interfaceName: "eth0" }), "192.168.1.1 from 192.168.1.20 on eth0");
  assertEquals(system.asked[0], "route 1.1.1.1 from 192.168.1.20 through eth0");
  assert(!system.asked.includes("kernel 1.1.1.1"));
});

Deno.test("findGateway() takes a route to the resolver alone for no way to the Internet", async () => {
  const pinned = "wlan0\t01010101\t0107A8C0\t0007\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n";
  const files = { "/proc/net/route": table("linux_plain.txt") + pinned };
  const through = { ...THROUGH_ETH0, interfaceName: "wlan0", nextHop: "192.168.7.1", source: "192.168.7.33" };
  for (const known of [{ kernelRoutes: { "1.1.1.1": through } }, { kernelAddress: "192.168.7.33" }]) {
    const system = fake("linux", { files, ...known });
    assertEquals(await brief(system), "192.168.1.1 from 192.168.1.20 on eth0");
    await assertRejects(
      () => brief(system, { interfaceName: "wlan0" }),
      NoGatewayError,
      "no default route leads",
    );
  }
});

Deno.test("findGateway() binds the socket where a more specific route leads through another interface", async () => {
  const policy = {
    interfaceName: "wg0",
    isForeignHop: false,
    isLocal: false,
    origin: "other-table",
  } as const;
  const system = linux("plain", {
    kernelRoutes: { "1.1.1.1": policy, "10.2.0.1": THROUGH_ETH0 },
    canBind: true,
  });
  const found = await findGateway({ system });
  assertEquals([found.gateway, found.binding], ["10.2.0.1", {
    interfaceName: "wg0",
    routeInterface: "eth0",
  }]);
});

Deno.test("surveyGateways() lists the candidates also where the chosen one cannot be asked", async () => {
  const policy = {
    interfaceName: "wg0",
    isForeignHop: false,
    isLocal: false,
    origin: "other-table",
  } as const;
  const system = linux("plain", { kernelRoutes: { "1.1.1.1": policy, "10.2.0.1": THROUGH_ETH0 } });
  const { failure, candidates } = await surveyGateways({ system });
  assertEquals(failure?.message, "Cannot ask 10.2.0.1 through wg0: the route leads through eth0");
  assertEquals(candidates.map(({ gateway }) => gateway), ["10.2.0.1", "192.168.1.1"]);
});

Deno.test("findGateway() throws the mistake of an unknown interface before it reads any route", async () => {
  const dev = "Inter-|\n face |\n  eth0: 1\n  ifb0: 1\n";
  const system = linux("plain", { files: { "/proc/net/dev": dev } });
  const error = await assertRejects(
    () => findGateway({ interfaceName: "eth9", system }),
    UnknownInterfaceError,
  );
  assertEquals(error.known, ["lo", "eth0", "wlan0", "tun1", "wg0", "ifb0"]);
  assertEquals(system.asked, ["/proc/net/dev"]);
});

Deno.test("findGateway() distinguishes Linux' interface without any address from an unknown one", async () => {
  const system = linux("plain", { files: { "/proc/net/dev": "  ifb0: 1\n" } });
  await assertRejects(
    () => findGateway({ interfaceName: "ifb0", system }),
    NoGatewayError,
    "ifb0: the interface has no IPv4 address",
  );
});

Deno.test("findGateway() throws what the system said when the table cannot be read", async () => {
  await assertRejects(
    () => findGateway({ system: fake("linux", {}) }),
    NoGatewayError,
    "Cannot read /proc/net/route",
  );
});

Deno.test("findGateway() ends at once when the signal has aborted", async () => {
  const system = linux("plain");
  const signal = AbortSignal.abort(new DOMException("stopped", "AbortError"));
  await assertRejects(() => findGateway({ system, signal }), DOMException, "stopped");
  assertEquals(system.asked, []);
});

Deno.test("findGateway() reads Windows' tables", async () => {
  const windows = (name: string) => fake("windows", { windows: `windows_${name}.hex` });
  assertEquals(await brief(windows("plain")), "192.168.1.1 from 192.168.1.20 on eth0");
  assertEquals(await brief(windows("several_defaults")), "192.168.7.1 from 192.168.7.33 on wlan0");
  assertEquals(await brief(windows("vpn_split")), "10.8.0.1 from 10.8.0.6 on tun1");
  assertEquals(await brief(windows("point_to_point")), "10.2.0.1 from 10.2.0.2 on wg0?");
  assertEquals(
    await brief(windows("vpn_split"), { interfaceName: "eth0" }),
    "192.168.1.1 from 192.168.1.20 on eth0",
  );
  await assertRejects(() => brief(windows("no_default")), NoGatewayError, "this host has no default route");
});

const GET = "/sbin/route -n get default";
const NETSTAT = "/usr/sbin/netstat -rn -f inet";
const EN0 = address("en0", "192.168.1.20/24");
const UTUN3 = address("utun3", "10.2.0.2/32");
const MAC = [LO, EN0, UTUN3];

Deno.test("findGateway() takes what macOS' route says, and lists what netstat has beside it", async () => {
  const programs = {
    [GET]: { stdout: table("macos_route_get.txt") },
    [NETSTAT]: { stdout: table("macos_plain.txt") },
  };
  const found = await findGateway({ system: fake("darwin", { interfaces: MAC, programs }) });
  assertEquals([found.gateway, found.localAddress, found.interfaceName], [
    "192.168.1.1",
    "192.168.1.20",
    "en0",
  ]);
  assertEquals(found.candidates.length, 1);
});

Deno.test("findGateway() guesses through a tunnel of macOS, and knows the router behind it", async () => {
  const programs = {
    [GET]: { stdout: table("macos_route_get_tunnel.txt") },
    [NETSTAT]: { stdout: table("macos_tunnel.txt") },
  };
  const system = fake("darwin", { interfaces: MAC, programs });
  assertEquals(await brief(system), "10.2.0.1 from 10.2.0.2 on utun3?");
  assertEquals(await brief(system, { interfaceName: "en0" }), "192.168.1.254 from 192.168.1.20 on en0");
});

Deno.test("findGateway() does without netstat on macOS unless an interface is selected", async () => {
  const programs = { [GET]: { stdout: table("macos_route_get.txt") } };
  const system = fake("darwin", { interfaces: MAC, programs });
  assertEquals(await brief(system), "192.168.1.1 from 192.168.1.20 on en0");
  await assertRejects(
    () => brief(system, { interfaceName: "en0" }),
    NoGatewayError,
    "Cannot run /usr/sbin/netstat: the program is not installed",
  );
});

const BSD: [os: string, netstat: string, interfaceName: string, cidr: string, gateway: string][] = [
  ["freebsd", "freebsd_plain.txt", "ena0", "10.88.88.64/24", "10.88.88.2"],
  ["openbsd", "openbsd_several_defaults.txt", "em0", "172.20.10.12/24", "172.20.10.1"],
  ["netbsd", "netbsd_plain.txt", "ena0", "172.31.22.254/16", "172.31.16.1"],
];
for (const [os, netstat, interfaceName, cidr, gateway] of BSD) {
  Deno.test(`findGateway() runs route or netstat on ${os}`, async () => {
    const stdout = `   route to: default\n    gateway: ${gateway}\n  interface: ${interfaceName}\n`;
    const programs = { [GET]: { stdout }, "/usr/bin/netstat -rn -f inet": { stdout: table(netstat) } };
    const interfaces = [LO, address(interfaceName, cidr)];
    const system = fake(os, { interfaces, programs });
    assertEquals((await findGateway({ system })).gateway, gateway);
    assertEquals((await findGateway({ system, interfaceName })).gateway, gateway);
  });
}

Deno.test("findGateway() distinguishes no default route from a route program that fails", async () => {
  const at = (stderr: string) =>
    fake("darwin", { interfaces: MAC, programs: { [GET]: { success: false, stderr } } });
  await assertRejects(() => brief(at(table("macos_no_route.txt"))), NoGatewayError, "has no default route");
  await assertRejects(
    () => brief(at("route: socket: Operation not permitted\n")),
    NoGatewayError,
    "Cannot read the routing table with /sbin/route: route: socket: Operation not permitted",
  );
  await assertRejects(() => brief(at("")), NoGatewayError, "it failed without a message");
  await assertRejects(
    () => brief(fake("darwin", { interfaces: MAC })),
    NoGatewayError,
    "Cannot run /sbin/route: the program is not installed",
  );
});

Deno.test("findGateway() says that it does not know a system", async () => {
  await assertRejects(() => brief(fake("aix", {})), NoGatewayError, "Cannot find a router on aix");
});

Deno.test("surveyGateways() has interfaces and candidates also when there is no gateway", async () => {
  const survey = await surveyGateways({ system: linux("only_unreachable") });
  assertEquals(survey.interfaces, HOST);
  assertEquals(survey.candidates.length, 1);
  assertEquals(survey.gateway, undefined);
  assertStringIncludes(survey.failure!.message, "no default route");
  const unread = await surveyGateways({ system: fake("linux", {}) });
  assertEquals([unread.interfaces, unread.candidates], [HOST, []]);
  assert(unread.failure instanceof NoGatewayError);
});

Deno.test("surveyGateways() says what the kernel would send from", async () => {
  const survey = await surveyGateways({ system: linux("plain", { kernelAddress: "192.168.1.20" }) });
  assertEquals(survey.kernelAddress, "192.168.1.20");
  assertEquals(survey.gateway?.gateway, "192.168.1.1");
});
