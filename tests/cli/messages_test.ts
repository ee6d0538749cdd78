import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { addressWarning } from "../../lib/cli/address_warning.ts";
import { explain } from "../../lib/cli/messages.ts";
import {
  NoAnswerError,
  NoGatewayError,
  type NoGatewayReason,
  NotSupportedError,
  PortDiffersError,
  type Refusal,
  RefusedError,
} from "../../lib/errors.ts";

const EFFORT = { attempts: 5, elapsedMs: 7750 };
const SILENCE = "10.0.0.1:5351 did not answer within 7.75 s (attempts: 5)";

function silence(discarded: readonly (readonly [string, number])[], socketFailure?: string): NoAnswerError {
  return new NoAnswerError(SILENCE, EFFORT, {
    discarded: new Map(discarded),
    ...(socketFailure === undefined ? {} : { socketFailure }),
  });
}

const TURN_ON = "Turn on UPnP, NAT-PMP or PCP in the router, or name another router with --gateway";

Deno.test("explain() says of a closed port what the contract says", () => {
  assertEquals(
    explain(new NotSupportedError("No program listens there", "port-unreachable")),
    "PCP, NAT-PMP: no program listens there. " + TURN_ON,
  );
});

Deno.test("explain() says who was silent, for how long, and what to do", () => {
  const text = explain(silence([]));
  for (const part of [SILENCE, "--timeout", "--gateway", "NAT-PMP"]) assertStringIncludes(text, part);
});

Deno.test("explain() advises natpmp doctor to nobody who has just run it", () => {
  assertEquals(explain(silence([])).includes("doctor"), false);
});

Deno.test("explain() says how many replies were no valid answer, and why", () => {
  const text = explain(silence([["too short for a response", 3], ["from another port", 2]]));
  assertStringIncludes(text, "5 datagrams");
  assertStringIncludes(text, "too short for a response (3), from another port (2)");
});

Deno.test("explain() says that one reply was no valid answer", () => {
  assertMatch(explain(silence([["a success with external port 0", 1]])), /one datagram/i);
});

Deno.test("explain() says nothing of replies when none came", () => {
  assertEquals(explain(silence([])).includes("datagram"), false);
});

Deno.test("explain() says what kept this host from sending", () => {
  assertStringIncludes(explain(silence([], "Network is unreachable")), "Network is unreachable");
});

Deno.test("explain() says what came back and what to do after each refusal", () => {
  const cures: Record<Refusal, string> = {
    "not-authorized": "router",
    "network-failure": "Internet",
    "out-of-resources": "later",
    "port-unavailable": "--exact",
    "unknown-result": "RFC 6886",
  };
  for (const [refusal, cure] of Object.entries(cures)) {
    const message = "10.0.0.1 answered: something (result 9)";
    const text = explain(new RefusedError(message, refusal as Refusal, { resultCode: 9 }));
    assertStringIncludes(text, message);
    assertStringIncludes(text.slice(message.length), cure);
  }
});

Deno.test("explain() says what to do when another version is spoken", () => {
  const error = new NotSupportedError("10.0.0.1 speaks version 2, not NAT-PMP", "unsupported-version", {
    version: 2,
  });
  assertMatch(explain(error), /speaks version 2, not NAT-PMP\. .*--gateway/);
});

Deno.test("explain() names the option that helps when the port differs", () => {
  const ports = { wantedPort: 8080, grantedPort: 40_001 };
  assertStringIncludes(explain(new PortDiffersError("x", { ...ports, requirement: "exact" })), "--exact");
  assertStringIncludes(explain(new PortDiffersError("x", { ...ports, requirement: "pair" })), "--any-port");
});

Deno.test("explain() has the message of any other error, and any other thing as text", () => {
  assertEquals(explain(new TypeError("x is not a function")), "x is not a function");
  assertEquals(explain("stopped"), "stopped");
});

Deno.test("addressWarning() is there for addresses that the Internet cannot reach", () => {
  for (const address of ["10.0.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255"]) {
    const text = addressWarning(address) ?? "";
    assertStringIncludes(text, address);
    assertStringIncludes(text, "double NAT");
  }
});

Deno.test("addressWarning() is not there for public addresses", () => {
  for (const address of ["8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "192.169.0.1"]) {
    assertEquals(addressWarning(address), undefined);
  }
});

Deno.test("explain() says what to do about each reason for which there is no gateway", () => {
  const cures: Record<NoGatewayReason, string> = {
    "no-route": "--gateway",
    "no-next-hop": "--gateway",
    "no-address": "--interface",
    "ipv6-only": "IPv6 firewall",
    "other-interface": "--gateway",
    "unlisted-interfaces": "AF_NETLINK",
    "unreadable-routes": "--gateway",
    "no-permission": "-A",
  };
  for (const [reason, cure] of Object.entries(cures)) {
    const text = explain(new NoGatewayError("Cannot do it: why", { reason: reason as NoGatewayReason }));
    assertEquals(text.startsWith("Cannot do it: why. "), true);
    assertStringIncludes(text, cure);
  }
  assertEquals(explain(new NoGatewayError("Cannot do it: why")), "Cannot do it: why");
});
