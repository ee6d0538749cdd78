import { assertEquals, assertInstanceOf } from "@std/assert";
import { NotSupportedError, RefusedError } from "../../lib/errors.ts";
import { decodeResponse } from "../../lib/natpmp/message.ts";
import { refusalError } from "../../lib/natpmp/refusal_error.ts";
import { hex } from "../simulator/hex.ts";

const EFFORT = { attempts: 2, elapsedMs: 251 };

/** The error that these bytes of a gateway are. */
const errorOf = (bytes: string) => refusalError("10.0.0.1", decodeResponse(hex(bytes)), EFFORT);

// Address replies of 12 bytes by RFC 6886 §3.2, with each result of §3.5.
for (
  const [result, refusal] of [
    ["0002", "not-authorized"],
    ["0003", "network-failure"],
    ["0004", "out-of-resources"],
    ["0006", "unknown-result"],
    ["ffff", "unknown-result"],
  ] as const
) {
  Deno.test(`refusalError() of result 0x${result} is ${refusal}, with the number and what it cost (§3.5)`, () => {
    const error = errorOf(`0080${result}0001234500000000`);
    assertInstanceOf(error, RefusedError);
    assertEquals([error.refusal, error.resultCode, error.effort], [refusal, parseInt(result, 16), EFFORT]);
  });
}

Deno.test("refusalError() of results 1 and 5 is that NAT-PMP is not spoken there, or not this part of it (§3.5)", () => {
  for (
    const [bytes, reason] of [["0080000100012345", "unsupported-version"], [
      "0083000500012345",
      "unsupported-opcode",
    ]]
  ) {
    const error = errorOf(bytes!);
    assertInstanceOf(error, NotSupportedError);
    assertEquals(error.reason, reason);
  }
});

Deno.test("refusalError() of a reply of version 2 names PCP (RFC 6887 App. A)", () => {
  const error = errorOf(`02800001${"00".repeat(20)}`);
  assertInstanceOf(error, NotSupportedError);
  assertEquals([error.version, error.message], [2, "10.0.0.1 speaks PCP, not NAT-PMP"]);
});

Deno.test("refusalError() of a success is none", () => {
  assertEquals(errorOf("0080000000012345cb007107"), undefined);
});
