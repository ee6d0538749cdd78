import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { NoGatewayError, UnknownInterfaceError } from "../../lib/errors.ts";
import {
  findGateway,
  type FindGatewayOptions,
  localAddressOf,
  surveyGateways,
} from "../../lib/gateway/find_gateway.ts";

import type { InterfaceAddress } from "../../lib/gateway/route.ts";
import type { GatewaySystem, ProgramOutput } from "../../lib/gateway/system.ts";
import { address, ETH0, LO, table, TUN1, WG0, windowsTables, WLAN0 } from "./_tables.ts";

const HOST = [LO, ETH0, WLAN0, TUN1, WG0];

interface FakeHost {
  readonly interfaces?: readonly InterfaceAddress[];
  /** Files by path. */
  readonly files?: Readonly<Record<string, string>>;
  /** What programs print, by command line; what is not here is missing. */
  readonly programs?: Readonly<Record<string, Partial<ProgramOutput>>>;
  readonly kernelAddress?: string;
  readonly windows?: string;
}

/** A system that is asked only for what it has; everything it was asked is in `asked`. */
function fake(os: string, host: FakeHost): GatewaySystem & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    os,
    asked,
    networkInterfaces: () => host.interfaces ?? HOST,
    readTextFile(path) {
      asked.push(path);
      const text = host.files?.[path];
      return text === undefined
        ? Promise.reject(new NoGatewayError(`Cannot read ${path}: it is missing`))
        : Promise.resolve(text);
    },
    run(program, args) {
      const line = [program, ...args].join(" ");
      asked.push(line);
      const output = host.programs?.[line];
      return output === undefined
        ? Promise.reject(new NoGatewayError(`Cannot run ${program}: there is no such program`))
        : Promise.resolve({ success: true, stdout: "", stderr: "", ...output });
    },
    localAddressFor(remote) {
      asked.push(`kernel ${remote}`);
      return Promise.resolve(host.kernelAddress);
    },
    windowsTables: () => Promise.resolve(windowsTables(host.windows!)),
  };
}

async function brief(system: GatewaySystem, wish: FindGatewayOptions = {}): Promise<string> {
  const { gateway, localAddress, interfaceName, guessed } = await findGateway({ ...wish, system });
  return `${gateway} from ${localAddress} on ${interfaceName}${guessed ? "?" : ""}`;
}

const linux = (name: string, host: FakeHost = {}) =>
  fake("linux", { ...host, files: { "/proc/net/route": table(`linux_${name}.txt`), ...host.files } });

Deno.test("findGateway() reads one file on Linux and asks the kernel once", async () => {
  const system = linux("plain");
  assertEquals(await brief(system), "192.168.1.1 from 192.168.1.20 on eth0");
  assertEquals(system.asked, ["/proc/net/route", "kernel 1.1.1.1"]);
});

Deno.test("findGateway() follows the kernel into a tunnel that only policy rules lead to", async () => {
  assertEquals(await brief(linux("plain", { kernelAddress: "10.2.0.2" })), "10.2.0.1 from 10.2.0.2 on wg0?");
});

Deno.test("findGateway() does not ask the kernel when an interface is wished for", async () => {
  const system = linux("several_defaults", { kernelAddress: "192.168.7.33" });
  assertEquals(await brief(system, { interfaceName: "eth0" }), "192.168.1.1 from 192.168.1.20 on eth0");
  assertEquals(system.asked, ["/proc/net/route"]);
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

Deno.test("findGateway() tells Linux' interface without any address from an unknown one", async () => {
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

Deno.test("findGateway() does without netstat on macOS unless an interface is wished for", async () => {
  const programs = { [GET]: { stdout: table("macos_route_get.txt") } };
  const system = fake("darwin", { interfaces: MAC, programs });
  assertEquals(await brief(system), "192.168.1.1 from 192.168.1.20 on en0");
  await assertRejects(
    () => brief(system, { interfaceName: "en0" }),
    NoGatewayError,
    "Cannot run /usr/sbin/netstat: there is no such program",
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

Deno.test("findGateway() tells no default route from a route program that fails", async () => {
  const at = (stderr: string) =>
    fake("darwin", { interfaces: MAC, programs: { [GET]: { success: false, stderr } } });
  await assertRejects(() => brief(at(table("macos_no_route.txt"))), NoGatewayError, "has no default route");
  await assertRejects(
    () => brief(at("route: socket: Operation not permitted\n")),
    NoGatewayError,
    "Cannot read the routing table with /sbin/route: route: socket: Operation not permitted; name the gateway",
  );
  await assertRejects(() => brief(at("")), NoGatewayError, "it failed without a word");
  await assertRejects(
    () => brief(fake("darwin", { interfaces: MAC })),
    NoGatewayError,
    "Cannot run /sbin/route: there is no such program",
  );
});

Deno.test("findGateway() says that it does not know a system", async () => {
  await assertRejects(() => brief(fake("aix", {})), NoGatewayError, "Cannot find a gateway on aix");
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

Deno.test("localAddressOf() takes the wished interface's address next to the gateway, and reads no route", async () => {
  const second = address("eth0", "10.9.9.9/8");
  const system = fake("linux", { interfaces: [LO, second, ETH0] });
  assertEquals(await localAddressOf("192.168.1.254", { interfaceName: "eth0", system }), {
    localAddress: "192.168.1.20",
    interfaceName: "eth0",
  });
  assertEquals(await localAddressOf("203.0.113.1", { source: "10.9.9.9", system }), {
    localAddress: "10.9.9.9",
    interfaceName: "eth0",
  });
  assertEquals(system.asked, []);
});

Deno.test("localAddressOf() throws for an interface or a source that is not this host's", async () => {
  const system = fake("linux", {});
  for (const wish of [{ interfaceName: "eth9" }, { source: "203.0.113.9" }]) {
    await assertRejects(() => localAddressOf("192.168.1.1", { ...wish, system }), UnknownInterfaceError);
  }
});

Deno.test("localAddressOf() without a wish asks the kernel only for a gateway that is no neighbour", async () => {
  const system = fake("linux", { kernelAddress: "10.2.0.2" });
  assertEquals((await localAddressOf("192.168.1.1", { system }))?.localAddress, "192.168.1.20");
  assertEquals(system.asked, []);
  assertEquals(await localAddressOf("10.2.0.1", { system }), {
    localAddress: "10.2.0.2",
    interfaceName: "wg0",
  });
  assertEquals(system.asked, ["kernel 10.2.0.1"]);
  assertEquals(await localAddressOf("203.0.113.1", { system: fake("linux", {}) }), undefined);
});

Deno.test("localAddressOf() without a wish is undefined where interfaces may not be listed", async () => {
  const system = {
    ...fake("linux", {}),
    networkInterfaces(): never {
      throw new NoGatewayError("Cannot list the network interfaces");
    },
  };
  assertEquals(await localAddressOf("192.168.1.1", { system }), undefined);
  await assertRejects(
    () => localAddressOf("192.168.1.1", { system, source: "192.168.1.20" }),
    NoGatewayError,
  );
});
