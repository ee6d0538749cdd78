import { assertEquals } from "@std/assert";
import { failureOf } from "../../lib/cli/failure.ts";
import { UsageError } from "../../lib/cli/usage_error.ts";
import { Stopped } from "../../lib/cli/world.ts";
import { NoAnswerError, NotSupportedError, RefusedError } from "../../lib/errors.ts";

Deno.test("failureOf() has the kind and message of a usage error and no more", () => {
  const { exitCode, message, json } = failureOf(new UsageError("No mapping is given"));
  assertEquals([exitCode, message], [2, "No mapping is given"]);
  assertEquals(json, { kind: "usage", message: "No mapping is given" });
});

Deno.test("failureOf() has what an unanswered request cost, to a tenth of a millisecond", () => {
  const error = new NoAnswerError("x", { attempts: 5, elapsedMs: 7750.4321 }, { discarded: new Map() });
  const { exitCode, json } = failureOf(error);
  assertEquals(exitCode, 4);
  assertEquals([json.kind, json.attempts, json.elapsedMs], ["timeout", 5, 7750.4]);
  assertEquals(Object.hasOwn(json, "resultCode"), false);
});

Deno.test("failureOf() has a refusal's result code, 0 included", () => {
  const effort = { attempts: 1, elapsedMs: 2 };
  const { json } = failureOf(new RefusedError("x", "network-failure", { resultCode: 0, effort }));
  assertEquals([json.kind, json.resultCode, json.attempts], ["network-failure", 0, 1]);
  const { json: unsupported } = failureOf(
    new NotSupportedError("x", "unsupported-opcode", { resultCode: 5 }),
  );
  assertEquals([unsupported.kind, unsupported.resultCode], ["not-supported", 5]);
});

Deno.test("failureOf() leaves out what is not known, without nulls", () => {
  const { json } = failureOf(new NotSupportedError("x", "unsupported-version", { version: 2 }));
  assertEquals(Object.keys(json).sort(), ["kind", "message"]);
});

Deno.test("failureOf() has the same message for people and for JSON, of one line", () => {
  for (
    const error of [
      new RefusedError("10.0.0.1 answered: x (result 4)", "out-of-resources", { resultCode: 4 }),
      new NotSupportedError("x", "port-unreachable"),
      new Error("x"),
      "x",
    ]
  ) {
    const { message, json } = failureOf(error);
    assertEquals(json.message, message);
    assertEquals(message.split("\n").length, 1);
  }
});

Deno.test("failureOf() of a stop has its exit code", () => {
  assertEquals(failureOf(new Stopped("SIGINT", 130)).exitCode, 130);
});
