import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Choice, chooseGateway, type Gateway } from "../../lib/gateway/choose.ts";
import { parseLinuxRoutes } from "../../lib/gateway/linux_routes.ts";
import type { InterfaceAddress, KernelRoute, Route } from "../../lib/gateway/route.ts";
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
    "default route through wg0; no next hop is known, so 10.2.0.1 is a guess, this host's address 10.2.0.2 " +
      "with 1 as its last byte",
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

const SELECTED: [selector: { interfaceName?: string; source?: string }, outcome: string][] = [
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
for (const [selector, outcome] of SELECTED) {
  const what = Object.values(selector).join(" with ");
  Deno.test(`chooseGateway() that is to send from ${what}, under a VPN: ${outcome}`, () => {
    const interfaces = [LO, ETH0, WLAN0, TUN1, WG0];
    assertEquals(brief(chooseGateway({ routes: linux("vpn_split"), interfaces }, selector)), outcome);
  });
}

Deno.test("chooseGateway() sends from the very source that was selected", () => {
  const second = address("eth0", "10.9.9.9/8");
  const choice = chooseGateway({ routes: linux("plain"), interfaces: [ETH0, second] }, {
    source: "10.9.9.9",
  });
  assertEquals(brief(choice), "192.168.1.1 from 10.9.9.9 on eth0");
  assertEquals(gatewayOf(choice).reason, "default route through eth0, as requested");
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

// ---- the kernel's route ----

/** A route as the kernel tells it. */
function kernelRoute(route: Partial<KernelRoute> & Pick<KernelRoute, "interfaceName">): KernelRoute {
  return { isForeignHop: false, isLocal: false, origin: "main-table", ...route };
}

Deno.test("chooseGateway() takes the kernel's next hop, which is the second of the table's route", () => {
  const around = {
    routes: linux("plain"),
    interfaces: [LO, ETH0, WLAN0],
    kernelRoute: kernelRoute({ interfaceName: "wlan0", nextHop: "192.168.7.1", source: "192.168.7.33" }),
  };
  const choice = chooseGateway(around);
  assertEquals(brief(choice), "192.168.7.1 from 192.168.7.33 on wlan0");
  assertEquals(gatewayOf(choice).reason, "the system's route to the Internet leads through wlan0");
  assertEquals(choice.candidates.map(({ gateway }) => gateway), ["192.168.7.1", "192.168.1.1"]);
});

Deno.test("chooseGateway() calls the kernel's route by what the table says of it", () => {
  const around = {
    routes: linux("several_defaults"),
    interfaces: [LO, ETH0, WLAN0],
    kernelRoute: kernelRoute({ interfaceName: "eth0", nextHop: "192.168.1.1", source: "192.168.1.20" }),
  };
  assertEquals(gatewayOf(chooseGateway(around)).reason, "default route through eth0, metric 600");
});

Deno.test("chooseGateway() says that a kernel's route of another table is policy routing", () => {
  const route = {
    interfaceName: "wg0",
    nextHop: "10.2.0.254",
    origin: "other-table",
    source: "10.2.0.2",
  } as const;
  const around = { routes: linux("plain"), interfaces: [LO, ETH0, WG0], kernelRoute: kernelRoute(route) };
  const choice = chooseGateway(around);
  assertEquals(brief(choice), "10.2.0.254 from 10.2.0.2 on wg0!");
  assertEquals(
    gatewayOf(choice).reason,
    "the system's route to the Internet leads through wg0, although the routing table's default route is through " +
      "eth0: policy routing, as with a VPN",
  );
  // A rule that leads to a copy of the main table overrules nothing.
  const copy = kernelRoute({ interfaceName: "eth0", nextHop: "192.168.1.1", origin: "other-table" });
  assertEquals(
    brief(chooseGateway({ ...around, kernelRoute: copy })),
    "192.168.1.1 from 192.168.1.20 on eth0",
  );
});

Deno.test("chooseGateway() takes no source address of another interface for policy routing", () => {
  const route = { interfaceName: "eth0", nextHop: "192.168.1.1", source: "10.2.0.2" };
  const around = { routes: linux("plain"), interfaces: [LO, ETH0, WG0], kernelRoute: kernelRoute(route) };
  assertEquals(brief(chooseGateway(around)), "192.168.1.1 from 192.168.1.20 on eth0");
});

Deno.test("chooseGateway() sends from the kernel's source where the route's interface has no address", () => {
  const route = { interfaceName: "eth0", nextHop: "192.168.1.1", source: "192.168.7.33" };
  const around = { routes: linux("plain"), interfaces: [LO, WLAN0], kernelRoute: kernelRoute(route) };
  assertEquals(brief(chooseGateway(around)), "192.168.1.1 from 192.168.7.33 on eth0");
});

Deno.test("chooseGateway() leaves a kernel's route that leads to this host, or is only assumed, to the table", () => {
  for (const odd of [{ isLocal: true }, { origin: "assumed" }] as const) {
    const around = {
      routes: linux("plain"),
      interfaces: [LO, ETH0, WG0],
      kernelRoute: kernelRoute({ interfaceName: "wg0", ...odd }),
    };
    assertEquals(brief(chooseGateway(around)), "192.168.1.1 from 192.168.1.20 on eth0");
  }
});

Deno.test("chooseGateway() has the gateway of a selected interface from the kernel's route through it", () => {
  const interfaces = [LO, ETH0, WLAN0];
  const route = { interfaceName: "wlan0", nextHop: "192.168.7.254", origin: "other-table" } as const;
  const around = { routes: linux("plain"), interfaces, kernelRoute: kernelRoute(route) };
  const choice = chooseGateway(around, { interfaceName: "wlan0" });
  assertEquals(brief(choice), "192.168.7.254 from 192.168.7.33 on wlan0");
  assertEquals(
    gatewayOf(choice).reason,
    "the system's route to the Internet leads through wlan0, as requested",
  );
  const assumed = kernelRoute({ interfaceName: "wlan0", origin: "assumed" });
  assertEquals(
    brief(chooseGateway({ ...around, kernelRoute: assumed }, { interfaceName: "wlan0" })),
    "no-gateway",
  );
});

// ---- ways that lead nowhere ----

const onLink = (interfaceName: string, destination = "0.0.0.0/0", metric = 0): Route => {
  const [network, length] = destination.split("/");
  return { interfaceName, destination: network!, prefixLength: Number(length), metric, rejects: false };
};

const PPP0 = address("ppp0", "133.159.203.5/32", NO_MAC);

Deno.test("chooseGateway() takes the next way where the first leads nowhere, and says so", () => {
  const routes = [onLink("ppp0"), { ...linux("plain")[0]!, metric: 20 }];
  const choice = chooseGateway({ routes, interfaces: [LO, PPP0, ETH0] });
  assertEquals(brief(choice), "192.168.1.1 from 192.168.1.20 on eth0");
  const { reason, isSecondChoice } = gatewayOf(choice);
  assertEquals(isSecondChoice, true);
  assertEquals(
    reason,
    "default route through eth0, metric 20; ppp0 comes first, but it names no next hop, and the likely one, " +
      "133.159.203.1, is not a private address (RFC 1918)",
  );
  assertEquals(choice.candidates.map(({ interfaceName, chosen }) => [interfaceName, chosen]), [
    ["eth0", true],
    ["ppp0", false],
  ]);
});

Deno.test("chooseGateway() fails with the first way's reason where none leads anywhere", () => {
  const routes = [onLink("ppp0"), onLink("eth0", "0.0.0.0/0", 20)];
  const choice = chooseGateway({ routes, interfaces: [LO, PPP0, address("eth0", "10.9.0.1/32")] });
  assertEquals("failure" in choice && choice.failure, {
    kind: "no-private-guess",
    interfaceName: "ppp0",
    guess: "133.159.203.1",
  });
});

Deno.test("chooseGateway() has no IPv4 gateway for a route whose next hop is an IPv6 address", () => {
  const interfaces = [LO, ETH0];
  const routes = parseLinuxRoutes(table("linux_ipv6_next_hop.txt"));
  assertEquals(brief(chooseGateway({ routes, interfaces })), "ipv6-hop");
  const route = kernelRoute({ interfaceName: "eth0", nextHop: "fe80::1", isForeignHop: true });
  assertEquals(brief(chooseGateway({ routes, interfaces, kernelRoute: route })), "ipv6-hop");
});

// ---- guesses ----

const GUESSES: readonly (readonly [own: string, routes: string[], outcome: string])[] = [
  ["10.64.64.64/32", ["10.64.64.65/32"], "10.64.64.65 from 10.64.64.64 on tun9?"],
  ["10.64.64.64/32", ["10.64.64.65/32", "10.64.64.66/32"], "10.64.64.1 from 10.64.64.64 on tun9?"],
  ["10.9.3.77/16", ["10.9.0.0/16"], "10.9.0.1 from 10.9.3.77 on tun9?"],
  ["10.9.3.6/31", [], "10.9.3.7 from 10.9.3.6 on tun9?"],
  ["10.9.3.7/31", [], "10.9.3.6 from 10.9.3.7 on tun9?"],
  ["10.9.0.1/16", [], "no-guess"],
  ["10.9.3.6/30", [], "10.9.3.5 from 10.9.3.6 on tun9?"],
  ["10.64.64.64/32", ["133.159.203.9/32"], "no-private-guess"],
  ["100.101.102.103/32", [], "no-private-guess"],
  ["172.32.0.9/24", [], "no-private-guess"],
  ["172.31.0.9/24", [], "172.31.0.1 from 172.31.0.9 on tun9?"],
  ["169.254.7.7/16", [], "no-private-guess"],
];
for (const [own, narrow, outcome] of GUESSES) {
  Deno.test(`chooseGateway() guesses next to ${own} with routes to ${narrow.join(", ") || "nothing"}: ${outcome}`, () => {
    const routes = [onLink("tun9"), ...narrow.map((network) => onLink("tun9", network))];
    const interfaces = [LO, address("tun9", own, NO_MAC)];
    for (const selector of [{}, { interfaceName: "tun9" }]) {
      assertEquals(brief(chooseGateway({ routes, interfaces }, selector)), outcome);
    }
  });
}

// ---- hosts without IPv4 ----

const GLOBAL6 = address("eth0", "2001:db8:78::7/64");
const LINK_LOCAL6 = address("eth0", "fe80::7/64");

Deno.test("chooseGateway() knows a host of an IPv6-only network", () => {
  const outcome = (...interfaces: InterfaceAddress[]) => brief(chooseGateway({ routes: [], interfaces }));
  assertEquals(outcome(LO, LINK_LOCAL6, GLOBAL6), "ipv6-only");
  assertEquals(outcome(LO, address("eth0", "169.254.7.7/16"), GLOBAL6), "ipv6-only");
  assertEquals(outcome(LO, LINK_LOCAL6), "no-default-route");
  assertEquals(outcome(LO, ETH0, GLOBAL6), "no-default-route");
  assertEquals(outcome(LO, address("clat", "192.0.0.4/32"), GLOBAL6), "ipv6-only");
});

Deno.test("chooseGateway() asks nobody behind the address of 464XLAT, whatever the route says", () => {
  const interfaces = [LO, address("en0", "192.0.0.2/32"), GLOBAL6];
  for (const gateway of [undefined, "192.0.0.1"]) {
    const routes = [{ ...onLink("en0"), ...(gateway === undefined ? {} : { gateway }) }];
    for (const selector of [{}, { interfaceName: "en0" }]) {
      assertEquals(brief(chooseGateway({ routes, interfaces }, selector)), "translated");
    }
  }
});
