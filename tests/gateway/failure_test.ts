import { assertEquals, assertInstanceOf } from "@std/assert";
import { NoGatewayError, UnknownInterfaceError } from "../../lib/errors.ts";
import type { ChoiceFailure } from "../../lib/gateway/choose.ts";
import { failureError } from "../../lib/gateway/failure.ts";

Deno.test("failureError() makes the caller's mistakes an UnknownInterfaceError with the list of what there is", () => {
  const error = failureError({ kind: "unknown-interface", asked: "eth9", known: ["lo", "eth0"] });
  assertInstanceOf(error, UnknownInterfaceError);
  assertEquals(error.name, "UnknownInterfaceError");
  assertEquals(error.message, "Cannot send from eth9: this host has no such interface (there is lo, eth0)");
  assertEquals([error.asked, error.known], ["eth9", ["lo", "eth0"]]);
});

Deno.test("failureError() names the interface that a foreign source was looked for on", () => {
  const known = ["192.168.1.20"];
  assertEquals(
    failureError({ kind: "foreign-source", asked: "10.0.0.9", known }).message,
    "Cannot send from 10.0.0.9: it is no IPv4 address of this host (there is 192.168.1.20)",
  );
  assertEquals(
    failureError({ kind: "foreign-source", asked: "10.0.0.9", interfaceName: "eth0", known: [] }).message,
    "Cannot send from 10.0.0.9: it is no IPv4 address of eth0 (there is none)",
  );
});

const NO_GATEWAY: [failure: ChoiceFailure, message: string][] = [
  [{ kind: "no-address", interfaceName: "eth1" }, "Cannot send from eth1: the interface has no IPv4 address"],
  [
    { kind: "no-gateway", interfaceName: "eth1" },
    "Cannot find a gateway through eth1: no default route leads through it; name the gateway with --gateway",
  ],
  [
    { kind: "no-guess", interfaceName: "wg0", localAddress: "10.2.0.1" },
    "Cannot find a gateway through wg0: its route names no next hop, and its own address 10.2.0.1 leaves nothing " +
    "to guess; name the gateway with --gateway",
  ],
  [
    { kind: "no-default-route" },
    "Cannot find a gateway: this host has no default route; connect it to a network, or name the gateway with " +
    "--gateway",
  ],
];
for (const [failure, message] of NO_GATEWAY) {
  Deno.test(`failureError() makes ${failure.kind} a NoGatewayError that says what to do`, () => {
    const error = failureError(failure);
    assertInstanceOf(error, NoGatewayError);
    assertEquals(error.message, message);
  });
}
