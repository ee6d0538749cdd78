import { assert, assertEquals, assertFalse, assertNotEquals } from "@std/assert";
import {
  NoAnswerError,
  NoGatewayError,
  NotSupportedError,
  PortDiffersError,
  type PortMapperError,
  RefusedError,
  SocketError,
} from "../../lib/errors.ts";
import { causeOf, Interrupted, isPerMapping, isRetryable } from "../../lib/lease/cause.ts";
import type { Via } from "../../lib/port_mapper.ts";

function refused(resultCode: number, message = "no"): RefusedError {
  return new RefusedError(message, resultCode < 6 ? "not-authorized" : "unknown-result", { resultCode });
}

function silence(message: string, attempts: number): NoAnswerError {
  return new NoAnswerError(message, { attempts, elapsedMs: attempts }, {
    discarded: new Map([["junk", attempts]]),
  });
}

function differs(requirement: "exact" | "pair", grantedPort: number): PortDiffersError {
  return new PortDiffersError(`${grantedPort}`, { requirement, wantedPort: 80, grantedPort });
}

Deno.test("causeOf() is the same for two tries that failed for the same cause, whatever else differs", () => {
  assertEquals(causeOf(refused(2, "tcp 80")), causeOf(refused(2, "udp 53")));
  assertEquals(causeOf(silence("for 8 s", 5)), causeOf(silence("for 60 s", 8)));
  assertEquals(causeOf(differs("pair", 40_001)), causeOf(differs("pair", 40_002)));
  assertEquals(
    causeOf(new NotSupportedError("first", "port-unreachable")),
    causeOf(new NotSupportedError("second", "port-unreachable", { effort: { attempts: 2, elapsedMs: 1 } })),
  );
});

Deno.test("causeOf() differs for the same number by another protocol", () => {
  const by = <E extends PortMapperError>(error: E, via: Via) => Object.assign(error, { via });
  assertNotEquals(causeOf(by(refused(4), "pcp")), causeOf(by(refused(4), "nat-pmp")));
  assertEquals(causeOf(by(refused(4), "pcp")), causeOf(by(refused(4), "pcp")));
  const lacks = () => new NotSupportedError("no", "unsupported-version");
  assertNotEquals(causeOf(by(lacks(), "pcp")), causeOf(by(lacks(), "nat-pmp")));
});

Deno.test("causeOf() differs for different causes, undefined result codes among them", () => {
  const causes = [
    refused(2),
    refused(6),
    refused(65_535),
    silence("silent", 1),
    new NotSupportedError("unreachable", "port-unreachable"),
    new NotSupportedError("version", "unsupported-version"),
    differs("exact", 1),
    differs("pair", 1),
    new NoGatewayError("none"),
    new SocketError("none"),
    new SocketError("other"),
    "a text",
  ].map(causeOf);
  assertEquals(new Set(causes).size, causes.length);
  assertNotEquals(causeOf(new Error("a text")), causeOf("a text"));
});

Deno.test("isRetryable() is true of what trying again may cure, and not of a defect", () => {
  for (
    const error of [
      refused(2),
      silence("s", 1),
      differs("pair", 1),
      new NoGatewayError("n"),
      new SocketError("s"),
    ]
  ) {
    assert(isRetryable(error));
  }
  for (
    const error of [
      new TypeError("t"),
      new RangeError("r"),
      new Error("e"),
      new Interrupted(),
      "text",
      undefined,
    ]
  ) {
    assertFalse(isRetryable(error));
  }
});

Deno.test("isPerMapping() is true of a refusal and of another port, and not of what is wrong with the gateway as a whole", () => {
  assert(isPerMapping(refused(4)));
  assert(isPerMapping(differs("exact", 1)));
  for (
    const error of [
      silence("s", 1),
      new NotSupportedError("n", "unsupported-version"),
      new SocketError("s"),
      undefined,
    ]
  ) {
    assertFalse(isPerMapping(error));
  }
});
