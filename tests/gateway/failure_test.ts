import { assertEquals, assertInstanceOf } from "@std/assert";
import { NoGatewayError, type NoGatewayReason, UnknownInterfaceError } from "../../lib/errors.ts";
import type { ChoiceFailure } from "../../lib/gateway/choose.ts";
import { failureError } from "../../lib/gateway/failure.ts";

Deno.test("failureError() makes the caller's mistakes an UnknownInterfaceError with the list of what there is", () => {
  const error = failureError({ kind: "unknown-interface", asked: "eth9", known: ["lo", "eth0"] });
  assertInstanceOf(error, UnknownInterfaceError);
  assertEquals(error.name, "UnknownInterfaceError");
  assertEquals(
    error.message,
    "Cannot send from eth9: this host has no such interface (interfaces: lo, eth0)",
  );
  assertEquals([error.asked, error.known], ["eth9", ["lo", "eth0"]]);
});

Deno.test("failureError() names the interface that a foreign source was looked for on", () => {
  const known = ["192.168.1.20"];
  assertEquals(
    failureError({ kind: "foreign-source", asked: "10.0.0.9", known }).message,
    "Cannot send from 10.0.0.9: it is not an IPv4 address of this host (addresses: 192.168.1.20)",
  );
  assertEquals(
    failureError({ kind: "foreign-source", asked: "10.0.0.9", interfaceName: "eth0", known: [] }).message,
    "Cannot send from 10.0.0.9: it is not an IPv4 address of eth0 (addresses: none)",
  );
});

const NO_GATEWAY: readonly (readonly [failure: ChoiceFailure, reason: NoGatewayReason, message: string])[] = [
  [
    { kind: "no-address", interfaceName: "eth1" },
    "no-address",
    "Cannot send from eth1: the interface has no IPv4 address",
  ],
  [
    { kind: "no-gateway", interfaceName: "eth1" },
    "no-route",
    "Cannot find a router through eth1: no default route leads through it",
  ],
  [
    { kind: "no-guess", interfaceName: "wg0", localAddress: "10.2.0.1" },
    "no-next-hop",
    "Cannot find a router through wg0: its route names no next hop, and its own address 10.2.0.1 does not " +
    "allow a guess",
  ],
  [
    { kind: "no-private-guess", interfaceName: "ppp0", guess: "133.159.203.1" },
    "no-next-hop",
    "Cannot find a router through ppp0: its route names no next hop, and the likely one, 133.159.203.1, may be " +
    "a stranger's, as it is not a private address (RFC 1918)",
  ],
  [
    { kind: "ipv6-hop", interfaceName: "eth0" },
    "no-next-hop",
    "Cannot find a router through eth0: the next hop of its route is an IPv6 address",
  ],
  [
    { kind: "translated", interfaceName: "clat", localAddress: "192.0.0.4" },
    "ipv6-only",
    "Cannot find a router through clat: its address 192.0.0.4 belongs to an IPv6-only network, which translates " +
    "IPv4 (464XLAT), and NAT-PMP is for IPv4",
  ],
  [
    { kind: "ipv6-only" },
    "ipv6-only",
    "Cannot find a router: this host has only an IPv6 network, and NAT-PMP is for IPv4",
  ],
  [{ kind: "no-default-route" }, "no-route", "Cannot find a router: this host has no default route"],
];
for (const [failure, reason, message] of NO_GATEWAY) {
  Deno.test(`failureError() makes ${failure.kind} a NoGatewayError that says why, and names no option`, () => {
    const error = failureError(failure);
    assertInstanceOf(error, NoGatewayError);
    assertEquals([error.message, error.reason], [message, reason]);
  });
}
