import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Choice, chooseGateway, type Gateway } from "../../lib/gateway/choose.ts";
import { parseLinuxRoutes } from "../../lib/gateway/linux_routes.ts";
import type { InterfaceAddress, Route } from "../../lib/gateway/route.ts";
import { address, ETH0, LO, NO_MAC, table, TUN1, WG0, WLAN0 } from "./_tables.ts";

const linux = (name: string): Route[] => parseLinuxRoutes(table(`linux_${name}.txt`));

function gatewayOf(choice: Choice): Gateway {
  assert("gateway" in choice);
  return choice.gateway;
}

/** Gateway, local address and interface, and a question mark behind a guess. */
function brief(choice: Choice): string {
  if ("failure" in choice) return choice.failure.kind;
  const { gateway, localAddress, interfaceName, guessed, overrulesTable } = choice.gateway;
  const marks = `${guessed ? "?" : ""}${overrulesTable ? "!" : ""}`;
  return `${gateway} from ${localAddress} on ${interfaceName}${marks}`;
}

const OUTCOMES: [table: string, interfaces: InterfaceAddress[], outcome: string][] = [
  ["plain", [LO, ETH0], "192.168.1.1 from 192.168.1.20 on eth0"],
  ["several_defaults", [LO, ETH0, WLAN0], "192.168.7.1 from 192.168.7.33 on wlan0"],
  ["vpn_split", [LO, ETH0, TUN1], "10.8.0.1 from 10.8.0.6 on tun1"],
  ["unreachable", [LO, ETH0], "192.168.1.1 from 192.168.1.20 on eth0"],
  ["blackhole", [LO, ETH0], "192.168.1.1 from 192.168.1.20 on eth0"],
  ["point_to_point", [LO, WG0], "10.2.0.1 from 10.2.0.2 on wg0?"],
  ["containers", [LO, ETH0, address("docker0", "172.17.0.1/16")], "192.168.1.1 from 192.168.1.20 on eth0"],
  ["in_container", [LO, address("eth0", "172.17.0.2/16")], "172.17.0.1 from 172.17.0.2 on eth0"],
  ["no_carrier", [LO, address("eth1", "10.0.0.9/8")], "10.0.0.1 from 10.0.0.9 on eth1"],
  ["no_default", [LO, ETH0], "no-default-route"],
  ["only_unreachable", [LO, ETH0], "no-default-route"],
];
for (const [name, interfaces, outcome] of OUTCOMES) {
  Deno.test(`chooseGateway() decides the table ${name}: ${outcome}`, () => {
    assertEquals(brief(chooseGateway({ routes: linux(name), interfaces })), outcome);
  });
}

Deno.test("chooseGateway() says which of several defaults it took, and lists the others", () => {
  const choice = chooseGateway({ routes: linux("several_defaults"), interfaces: [ETH0, WLAN0] });
  assertEquals(choice.candidates, [
    {
      interfaceName: "wlan0",
      gateway: "192.168.7.1",
      metric: 100,
      guessed: false,
      chosen: true,
      reason: "default route through wlan0, metric 100",
    },
    {
      interfaceName: "eth0",
      gateway: "192.168.1.1",
      metric: 600,
      guessed: false,
      chosen: false,
      reason: "default route through eth0, metric 600",
    },
  ]);
});

Deno.test("chooseGateway() lists routes that reject as skipped, also when there is no gateway", () => {
  const { candidates } = chooseGateway({ routes: linux("only_unreachable"), interfaces: [ETH0] });
  assertEquals(candidates, [{
    interfaceName: "*",
    metric: 5,
    guessed: false,
    chosen: false,
    reason: "the route 0.0.0.0/0 rejects or drops traffic, so it is skipped",
  }]);
});

Deno.test("chooseGateway() takes no half of the address space for a default route", () => {
  const routes = linux("vpn_split").filter(({ destination }) => destination !== "128.0.0.0");
  assertEquals(
    brief(chooseGateway({ routes, interfaces: [ETH0, TUN1] })),
    "192.168.1.1 from 192.168.1.20 on eth0",
  );
});

Deno.test("chooseGateway() takes no two halves that go through two interfaces", () => {
  const routes = linux("vpn_split").map((route) =>
    route.destination === "128.0.0.0" ? { ...route, interfaceName: "tun2" } : route
  );
  assertEquals(
    brief(chooseGateway({ routes, interfaces: [ETH0, TUN1] })),
    "192.168.1.1 from 192.168.1.20 on eth0",
  );
});

Deno.test("chooseGateway() says aloud that a gateway is a guess", () => {
  const { reason } = gatewayOf(chooseGateway({ routes: linux("point_to_point"), interfaces: [WG0] }));
  assertEquals(
    reason,
    "default route through wg0; no next hop is known, so 10.2.0.1 is a guess, the own address 10.2.0.2 with its " +
      "last byte 1",
  );
});

Deno.test("chooseGateway() does not guess this host's own address", () => {
  const choice = chooseGateway({
    routes: linux("point_to_point"),
    interfaces: [address("wg0", "10.2.0.1/32")],
  });
  assertEquals("failure" in choice && choice.failure, {
    kind: "no-guess",
    interfaceName: "wg0",
    localAddress: "10.2.0.1",
  });
});

Deno.test("chooseGateway() takes a next hop that is the own address for none", () => {
  const routes = linux("point_to_point").map((route) => ({ ...route, gateway: "10.2.0.2" }));
  assertEquals(brief(chooseGateway({ routes, interfaces: [WG0] })), "10.2.0.1 from 10.2.0.2 on wg0?");
});

Deno.test("chooseGateway() sends from the address in the gateway's network", () => {
  const second = address("eth0", "10.9.9.9/8");
  assertEquals(
    brief(chooseGateway({ routes: linux("plain"), interfaces: [second, ETH0] })),
    "192.168.1.1 from 192.168.1.20 on eth0",
  );
});

Deno.test("chooseGateway() sends from the kernel's address among several in the gateway's network", () => {
  const second = address("eth0", "192.168.1.21/24");
  const around = { routes: linux("plain"), interfaces: [ETH0, second], kernelAddress: "192.168.1.21" };
  assertEquals(brief(chooseGateway(around)), "192.168.1.1 from 192.168.1.21 on eth0");
});

Deno.test("chooseGateway() prefers the interface that the kernel would use, with a guess, and says so", () => {
  const around = { routes: linux("plain"), interfaces: [LO, ETH0, WG0], kernelAddress: "10.2.0.2" };
  const choice = chooseGateway(around);
  assertEquals(brief(choice), "10.2.0.1 from 10.2.0.2 on wg0?!");
  const { reason } = gatewayOf(choice);
  assertStringIncludes(
    reason,
    "the system sends from 10.2.0.2 on wg0, although the routing table's default route is",
  );
  assertStringIncludes(reason, "10.2.0.1 is a guess");
  assertEquals(choice.candidates.map(({ gateway, chosen }) => [gateway, chosen]), [
    ["10.2.0.1", true],
    ["192.168.1.1", false],
  ]);
});

Deno.test("chooseGateway() prefers the kernel's interface with the gateway that the table has for it", () => {
  const around = {
    routes: linux("several_defaults"),
    interfaces: [LO, ETH0, WLAN0],
    kernelAddress: "192.168.1.20",
  };
  assertEquals(brief(chooseGateway(around)), "192.168.1.1 from 192.168.1.20 on eth0!");
});

Deno.test("chooseGateway() follows the kernel where the table has no default route at all", () => {
  const around = { routes: linux("no_default"), interfaces: [ETH0, WG0], kernelAddress: "10.2.0.2" };
  assertEquals(brief(chooseGateway(around)), "10.2.0.1 from 10.2.0.2 on wg0?!");
});

Deno.test("chooseGateway() ignores a kernel's address that is loopback, borrowed or of no interface", () => {
  const routes = linux("plain");
  const plain = "192.168.1.1 from 192.168.1.20 on eth0";
  for (const kernelAddress of ["127.0.0.1", "10.7.7.7", "203.0.113.5"]) {
    const interfaces = [LO, address("lo", "10.7.7.7/32", NO_MAC), ETH0];
    assertEquals(brief(chooseGateway({ routes, interfaces, kernelAddress })), plain);
  }
});

Deno.test("chooseGateway() sends from the kernel's address where the route's interface has none", () => {
  const around = { routes: linux("plain"), interfaces: [LO, WLAN0], kernelAddress: "192.168.7.33" };
  assertEquals(brief(chooseGateway(around)), "192.168.1.1 from 192.168.7.33 on eth0");
  assertEquals(brief(chooseGateway({ routes: linux("plain"), interfaces: [LO] })), "no-address");
});

const WISHED: [wish: { interfaceName?: string; source?: string }, outcome: string][] = [
  [{ interfaceName: "eth0" }, "192.168.1.1 from 192.168.1.20 on eth0"],
  [{ source: "192.168.1.20" }, "192.168.1.1 from 192.168.1.20 on eth0"],
  [{ interfaceName: "tun1" }, "10.8.0.1 from 10.8.0.6 on tun1"],
  [{ interfaceName: "wg0" }, "10.2.0.1 from 10.2.0.2 on wg0?"],
  [{ interfaceName: "wlan0" }, "no-gateway"],
  [{ interfaceName: "lo" }, "no-gateway"],
  [{ interfaceName: "eth9" }, "unknown-interface"],
  [{ source: "203.0.113.9" }, "foreign-source"],
  [{ interfaceName: "wlan0", source: "192.168.1.20" }, "foreign-source"],
];
for (const [wish, outcome] of WISHED) {
  const what = Object.values(wish).join(" with ");
  Deno.test(`chooseGateway() wished to send from ${what}, under a VPN: ${outcome}`, () => {
    const interfaces = [LO, ETH0, WLAN0, TUN1, WG0];
    assertEquals(brief(chooseGateway({ routes: linux("vpn_split"), interfaces }, wish)), outcome);
  });
}

Deno.test("chooseGateway() sends from the very source that was wished for", () => {
  const second = address("eth0", "10.9.9.9/8");
  const choice = chooseGateway({ routes: linux("plain"), interfaces: [ETH0, second] }, {
    source: "10.9.9.9",
  });
  assertEquals(brief(choice), "192.168.1.1 from 10.9.9.9 on eth0");
  assertEquals(gatewayOf(choice).reason, "default route through eth0, as asked for");
});

Deno.test("chooseGateway() takes no next hop of a narrower route for an interface's gateway", () => {
  const narrow: Route = {
    interfaceName: "wlan0",
    destination: "10.0.0.0",
    prefixLength: 8,
    gateway: "192.168.7.1",
    metric: 0,
    rejects: false,
  };
  const around = { routes: [...linux("plain"), narrow], interfaces: [ETH0, WLAN0] };
  assertEquals(brief(chooseGateway(around, { interfaceName: "wlan0" })), "no-gateway");
});
