import { assertEquals, assertMatch } from "@std/assert";
import { NoAnswerError, NoGatewayError, RefusedError } from "../../../lib/errors.ts";
import type { WatchEvent } from "../../../lib/cli/publish/watch_events.ts";
import { reportOf } from "../../../lib/cli/publish/watch_report.ts";
import { GRANTED as now, heldLeaseOf } from "../../support/leases.ts";

const time = new Date("2026-01-01T00:00:00Z");
const about = { gateway: "10.0.0.1", time } as const;
const head = { time: "2026-01-01T00:00:00Z", gateway: "10.0.0.1" };
const silence = new NoAnswerError("10.0.0.1 did not answer within 60 s", { attempts: 8, elapsedMs: 60_000 }, {
  discarded: new Map(),
});

/** The fields of a granted mapping, as `map --json` has them. */
const GRANTED_FIELDS = {
  protocol: "tcp",
  internalPort: 80,
  requestedExternalPort: 8080,
  externalPort: 40_001,
  via: "nat-pmp",
  requestedLifetimeSeconds: 7200,
  lifetimeSeconds: 3600,
  expiresAt: "2026-01-01T01:00:00Z",
  epochSeconds: 74_565,
  attempts: 1,
  elapsedMs: 2.8,
};

const CASES: readonly (readonly [WatchEvent, string, readonly Record<string, unknown>[]])[] = [
  [{ type: "started", mappings: [], time }, "started", [{ event: "started", time: head.time }]],
  [
    { type: "started", mappings: [heldLeaseOf(), heldLeaseOf({ protocol: "udp", internalPort: 53 })], time },
    "started: tcp 80, udp 53",
    [
      { event: "started", time: head.time },
    ],
  ],
  [{ type: "stopped", time }, "stopped", [{ event: "stopped", time: head.time }]],
  [
    { type: "mapped", lease: heldLeaseOf(), externalAddress: "203.0.113.7", ...about },
    "mapped tcp 203.0.113.7:40001 -> 80, 3600 s (asked for 8080, 7200 s)",
    [{ event: "mapped", ...head, ...GRANTED_FIELDS, externalAddress: "203.0.113.7" }],
  ],
  [
    { type: "renewed", lease: heldLeaseOf(), ...about },
    "renewed tcp 40001 -> 80, 3600 s (asked for 8080, 7200 s)",
    [{ event: "renewed", ...head, ...GRANTED_FIELDS }],
  ],
  [
    {
      type: "changed",
      lease: heldLeaseOf(),
      externalAddress: "203.0.113.7",
      previousExternalPort: 40_000,
      ...about,
    },
    "changed tcp 203.0.113.7:40001 -> 80, 3600 s (asked for 8080, 7200 s) (was 40000)",
    [{
      event: "changed",
      ...head,
      ...GRANTED_FIELDS,
      externalAddress: "203.0.113.7",
      previousExternalPort: 40_000,
    }],
  ],
  [
    {
      type: "changed",
      lease: heldLeaseOf(),
      externalAddress: "203.0.113.8",
      previousExternalAddress: "203.0.113.7",
      ...about,
    },
    "changed tcp 203.0.113.8:40001 -> 80, 3600 s (asked for 8080, 7200 s) (was 203.0.113.7:40001)",
    [{
      event: "changed",
      ...head,
      ...GRANTED_FIELDS,
      externalAddress: "203.0.113.8",
      previousExternalAddress: "203.0.113.7",
    }],
  ],
  ...(["expired", "unmapped"] as const).map((type) =>
    [
      {
        type,
        mapping: { protocol: "tcp", internalPort: 80 },
        via: "pcp",
        previousExternalPort: 40_001,
        ...about,
      },
      `${type} tcp 40001 -> 80`,
      [{ event: type, ...head, protocol: "tcp", internalPort: 80, via: "pcp", previousExternalPort: 40_001 }],
    ] as const
  ),
  [
    { type: "address", externalAddress: "203.0.113.8", previousExternalAddress: "203.0.113.7", ...about },
    "address 203.0.113.8 (was 203.0.113.7)",
    [{ event: "address", ...head, externalAddress: "203.0.113.8", previousExternalAddress: "203.0.113.7" }],
  ],
  [{ type: "state-lost", ...about }, "state-lost: 10.0.0.1 forgot its mappings", [{
    event: "state-lost",
    ...head,
  }]],
  [{ type: "announcement", ...about }, "announcement from 10.0.0.1", [{ event: "announcement", ...head }]],
  [{ type: "gateway-back", ...about }, "gateway-back: 10.0.0.1 answers again", [{
    event: "gateway-back",
    ...head,
  }]],
  [
    { type: "gateway-changed", previousGateway: "10.0.1.1", ...about },
    "gateway-changed: 10.0.0.1 (was 10.0.1.1)",
    [{ event: "gateway-changed", ...head, previousGateway: "10.0.1.1" }],
  ],
  [
    {
      type: "hook-failed",
      event: { type: "mapped", lease: heldLeaseOf(), ...about },
      reason: "ended with exit code 1",
      time,
    },
    "hook-failed: The hook for mapped tcp 80 ended with exit code 1",
    [{
      event: "hook-failed",
      ...head,
      protocol: "tcp",
      internalPort: 80,
      via: "nat-pmp",
      error: { kind: "failure", message: "The hook for mapped tcp 80 ended with exit code 1" },
    }],
  ],
];

for (const [event, line, json] of CASES) {
  Deno.test(`reportOf() tells ${event.type}: ${line}`, () => {
    const report = reportOf(event, now);
    assertEquals(report.line, line);
    assertEquals(report.json, json);
  });
}

Deno.test("reportOf() tells an error of a pair in one line, and in one object for each protocol", () => {
  const error = new RefusedError("10.0.0.1 has no room (result 4)", "out-of-resources", { resultCode: 4 });
  const mappings = [heldLeaseOf(), heldLeaseOf({ protocol: "udp" })];
  const { line, level, json } = reportOf({ type: "error", error, mappings, ...about }, now);
  assertMatch(line, /^tcp 80, udp 80: 10\.0\.0\.1 has no room/);
  assertEquals(level, "error");
  assertEquals(json.map(({ event, protocol, internalPort }) => [event, protocol, internalPort]), [
    ["error", "tcp", 80],
    ["error", "udp", 80],
  ]);
  const reported = json[0]?.error as Record<string, unknown>;
  assertEquals([reported.kind, reported.resultCode], ["out-of-resources", 4]);
});

Deno.test("reportOf() tells an error that concerns everything in one object without a mapping", () => {
  const { json } = reportOf(
    { type: "error", error: new NoGatewayError("No route"), mappings: [], time },
    now,
  );
  assertEquals(json.length, 1);
  assertEquals([json[0]?.protocol, json[0]?.gateway], [undefined, undefined]);
  assertEquals((json[0]?.error as Record<string, unknown>).kind, "no-gateway");
});

Deno.test("reportOf() tells a silent gateway with the timeout's kind and numbers", () => {
  const { line, json } = reportOf({ type: "gateway-silent", error: silence, ...about }, now);
  assertMatch(line, /^gateway-silent: 10\.0\.0\.1 did not answer/);
  const { message: _, ...error } = json[0]?.error as Record<string, unknown>;
  assertEquals(error, { kind: "timeout", attempts: 8, elapsedMs: 60_000 });
});

Deno.test("reportOf() puts the warning of double NAT into the object of the address", () => {
  const { json } = reportOf({ type: "address", externalAddress: "100.64.1.2", ...about }, now);
  assertMatch((json[0]?.warnings as string[])[0]!, /double NAT/);
});

Deno.test("reportOf() counts changes and failures as news, and nothing else", () => {
  const routine = CASES.filter(([event]) => !reportOf(event, now).isNews).map(([{ type }]) => type);
  assertEquals([...new Set(routine)], ["started", "stopped", "renewed", "announcement"]);
});
