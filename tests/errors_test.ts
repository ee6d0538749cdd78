import { assertEquals, assertFalse, assertInstanceOf } from "@std/assert";
import {
  MalformedMessageError,
  NoAnswerError,
  NoGatewayError,
  NotSupportedError,
  PortDiffersError,
  PortMapperError,
  RefusedError,
  SocketError,
} from "../lib/errors.ts";

const EFFORT = { attempts: 5, elapsedMs: 7750 };

Deno.test("PortMapperError is the base of every error that a gateway or its absence causes", () => {
  const errors = [
    new RefusedError("no", "not-authorized", { resultCode: 2 }),
    new NotSupportedError("no", "port-unreachable"),
    new NoAnswerError("no", EFFORT, { discarded: new Map() }),
    new NoGatewayError("no"),
    new SocketError("no"),
    new PortDiffersError("no", { requirement: "exact", wantedPort: 1, grantedPort: 2 }),
  ];
  for (const error of errors) {
    assertInstanceOf(error, PortMapperError);
    assertInstanceOf(error, Error);
    assertEquals(error.message, "no");
  }
  assertEquals(errors.map(({ name }) => name), [
    "RefusedError",
    "NotSupportedError",
    "NoAnswerError",
    "NoGatewayError",
    "SocketError",
    "PortDiffersError",
  ]);
});

Deno.test("MalformedMessageError is not the gateway's doing, and has the length", () => {
  const error = new MalformedMessageError("too short", 3);
  assertFalse(error instanceof PortMapperError);
  assertEquals([error.name, error.message, error.byteLength], ["MalformedMessageError", "too short", 3]);
});

Deno.test("RefusedError has its cause, the result code and the effort in fields", () => {
  const error = new RefusedError("no", "unknown-result", { resultCode: 65_535, effort: EFFORT });
  assertEquals([error.refusal, error.resultCode, error.effort], ["unknown-result", 65_535, EFFORT]);
});

Deno.test("NotSupportedError has its reason, and the rest only where it is known", () => {
  const error = new NotSupportedError("no", "unsupported-version", {
    version: 2,
    resultCode: 1,
    effort: EFFORT,
  });
  assertEquals(
    [error.reason, error.version, error.resultCode, error.effort],
    ["unsupported-version", 2, 1, EFFORT],
  );
  const bare = new NotSupportedError("no", "port-unreachable");
  assertEquals([bare.version, bare.resultCode, bare.effort], [undefined, undefined, undefined]);
});

Deno.test("NoAnswerError has the effort, what was discarded and what the socket said", () => {
  const discarded = new Map([["junk", 3]]);
  const error = new NoAnswerError("no", EFFORT, { discarded, socketFailure: "Network is unreachable" });
  assertEquals(error.effort, EFFORT);
  assertEquals(error.discarded, discarded);
  assertEquals(error.socketFailure, "Network is unreachable");
  assertEquals(new NoAnswerError("no", EFFORT, { discarded }).socketFailure, undefined);
});

Deno.test("PortDiffersError has the requirement and both ports in fields", () => {
  const error = new PortDiffersError("no", { requirement: "pair", wantedPort: 80, grantedPort: 81 });
  assertEquals([error.requirement, error.wantedPort, error.grantedPort], ["pair", 80, 81]);
});
