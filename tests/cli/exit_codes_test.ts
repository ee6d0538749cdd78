import { assertEquals } from "@std/assert";
import { type ErrorKind, EXIT_CODES, exitCodeOf, exitCodeTable, kindOf } from "../../lib/cli/exit_codes.ts";
import { UsageError } from "../../lib/cli/usage_error.ts";
import { Stopped } from "../../lib/cli/world.ts";
import {
  BusyError,
  NoAnswerError,
  NoGatewayError,
  NotSupportedError,
  PortDiffersError,
  RefusedError,
  SocketError,
} from "../../lib/errors.ts";

const EFFORT = { attempts: 1, elapsedMs: 1 };

/** Each cause, its kind and its exit code, as in the contract's table. */
const CAUSES: readonly (readonly [string, unknown, ErrorKind, number])[] = [
  ["a usage error", new UsageError("x"), "usage", 2],
  ["no gateway", new NoGatewayError("x"), "no-gateway", 3],
  ["silence", new NoAnswerError("x", EFFORT, { discarded: new Map() }), "timeout", 4],
  ["result 2", new RefusedError("x", "not-authorized", { resultCode: 2 }), "not-authorized", 5],
  ["result 3", new RefusedError("x", "network-failure", { resultCode: 3 }), "network-failure", 6],
  ["0.0.0.0", new RefusedError("x", "network-failure", { resultCode: 0 }), "network-failure", 6],
  ["result 4", new RefusedError("x", "out-of-resources", { resultCode: 4 }), "out-of-resources", 7],
  ["ICMP", new NotSupportedError("x", "port-unreachable"), "not-supported", 8],
  ["result 1", new NotSupportedError("x", "unsupported-version", { resultCode: 1 }), "not-supported", 8],
  ["result 5", new NotSupportedError("x", "unsupported-opcode", { resultCode: 5 }), "not-supported", 8],
  ["result 6", new RefusedError("x", "unknown-result", { resultCode: 6 }), "unknown-result", 9],
  [
    "--exact",
    new PortDiffersError("x", { requirement: "exact", wantedPort: 1, grantedPort: 2 }),
    "port-differs",
    10,
  ],
  [
    "a pair",
    new PortDiffersError("x", { requirement: "pair", wantedPort: 1, grantedPort: 2 }),
    "port-differs",
    10,
  ],
  [
    "a port that the router cannot grant",
    new RefusedError("x", "port-unavailable", { resultCode: 11 }),
    "port-differs",
    10,
  ],
  ["another process", new BusyError("x", "natpmp watch, process 1"), "busy", 1],
  ["no socket", new SocketError("x"), "failure", 1],
  ["a defect", new TypeError("x"), "failure", 1],
  ["anything thrown", "x", "failure", 1],
];

for (const [cause, error, kind, code] of CAUSES) {
  Deno.test(`exitCodeOf() is ${code} and kindOf() ${kind} after ${cause}`, () => {
    assertEquals([exitCodeOf(error), kindOf(error)], [code, kind]);
  });
}

Deno.test("exitCodeOf() is 128 and the signal's number when the process was stopped", () => {
  assertEquals(exitCodeOf(new Stopped("SIGINT", 130)), 130);
  assertEquals(exitCodeOf(new Stopped("SIGTERM", 143)), 143);
});

Deno.test("EXIT_CODES are different for different kinds, but that busy is a failure like any other", () => {
  const { busy, ...others } = EXIT_CODES;
  const codes = Object.values(others);
  assertEquals([new Set<number>(codes).size, busy], [codes.length, others.failure]);
});

Deno.test("exitCodeTable() has each kind with its code, success before and signals behind them", () => {
  const rows = exitCodeTable();
  assertEquals([rows[0]?.codes, rows.at(-1)?.codes], ["0", "130, 143"]);
  const kinds = rows.slice(1, -1).map(({ codes, kind }) => [kind, Number(codes)]);
  assertEquals(Object.fromEntries(kinds), EXIT_CODES);
  const codes = kinds.map(([, code]) => Number(code));
  assertEquals(codes, codes.toSorted((a, b) => a - b));
});
