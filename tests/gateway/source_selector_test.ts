import { assert, assertEquals, assertFalse } from "@std/assert";
import { addressesOf, isPointToPoint, ownerOf, selectSource } from "../../lib/gateway/source_selector.ts";
import { address, ETH0, LO, NO_MAC, TUN1, WG0, WLAN0 } from "./_tables.ts";

const ALIAS = address("eth0:1", "192.168.9.20/24");
const V6_ONLY = address("eth5", "fe80::1");
const HOST = [LO, ETH0, ALIAS, WLAN0, WG0, V6_ONLY];

Deno.test("selectSource() gives an interface with all its IPv4 addresses, aliases too", () => {
  assertEquals(selectSource({ interfaceName: "eth0" }, HOST), {
    interfaceName: "eth0",
    addresses: [ETH0, ALIAS],
  });
});

Deno.test("selectSource() gives an alias its own address on the device that routes name", () => {
  assertEquals(selectSource({ interfaceName: "eth0:1" }, HOST), {
    interfaceName: "eth0",
    addresses: [ALIAS],
  });
});

Deno.test("selectSource() finds the interface of a source address", () => {
  assertEquals(selectSource({ source: "192.168.9.20" }, HOST), { interfaceName: "eth0", addresses: [ALIAS] });
});

Deno.test("selectSource() names what there is when the interface is unknown", () => {
  assertEquals(selectSource({ interfaceName: "eth9" }, [LO, ETH0], ["ifb0", "eth0"]), {
    kind: "unknown-interface",
    asked: "eth9",
    known: ["lo", "eth0", "ifb0"],
  });
});

Deno.test("selectSource() distinguishes an interface without an IPv4 address from an unknown one", () => {
  assertEquals(selectSource({ interfaceName: "eth5" }, HOST), { kind: "no-address", interfaceName: "eth5" });
  assertEquals(selectSource({ interfaceName: "ifb0" }, HOST, ["ifb0"]), {
    kind: "no-address",
    interfaceName: "ifb0",
  });
});

Deno.test("selectSource() names the addresses there are when the source is not this host's", () => {
  assertEquals(selectSource({ source: "203.0.113.9" }, [LO, ETH0, V6_ONLY]), {
    kind: "foreign-source",
    asked: "203.0.113.9",
    known: ["127.0.0.1", "192.168.1.20"],
  });
});

Deno.test("selectSource() refuses a source that is another interface's", () => {
  assertEquals(selectSource({ interfaceName: "wlan0", source: "192.168.1.20" }, HOST), {
    kind: "foreign-source",
    asked: "192.168.1.20",
    interfaceName: "wlan0",
    known: ["192.168.7.33"],
  });
});

Deno.test("ownerOf() takes every address of the loopback network for this host's", () => {
  assertEquals(ownerOf(HOST, "127.0.0.53"), { ...LO, address: "127.0.0.53" });
  assertEquals(ownerOf(HOST, "192.168.1.21"), undefined);
});

Deno.test("isPointToPoint() is true of tunnels and of prefixes for one or two hosts", () => {
  assert(isPointToPoint(WG0));
  assert(isPointToPoint(TUN1));
  assert(isPointToPoint(address("ppp0", "10.64.0.9/32")));
  assertFalse(isPointToPoint(ETH0));
  assertFalse(isPointToPoint(LO));
  assertFalse(isPointToPoint(address("lo", "127.0.0.2/32", NO_MAC)));
});

Deno.test("addressesOf() leaves IPv6 out", () => {
  assertEquals(addressesOf(HOST, "eth5"), []);
});
