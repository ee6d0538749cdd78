import { assertEquals } from "@std/assert";
import { leaseFields, leaseLine } from "../../../lib/cli/publish/lease_report.ts";
import type { HeldLease } from "../../../lib/lease/ledger.ts";
import { timeAfter } from "../../../lib/lease/stored_time.ts";
import { GRANTED, heldLeaseOf } from "../../support/leases.ts";

const AS_ASKED = { externalPort: 8080, lifetimeSeconds: 7200 };
const FREE = heldLeaseOf();
// Not `undefined`: absent is absent.
const { requestedExternalPort: _, ...UNASKED } = FREE;

// The lines are those of the contract's examples.
for (
  const [what, lease, address, line] of [
    ["all as asked for", heldLeaseOf(AS_ASKED), "203.0.113.7", "tcp 203.0.113.7:8080 -> 80, 7200 s"],
    ["both different", FREE, "203.0.113.7", "tcp 203.0.113.7:40001 -> 80, 3600 s (asked for 8080, 7200 s)"],
    [
      "another port",
      heldLeaseOf({ lifetimeSeconds: 7200 }),
      "203.0.113.7",
      "tcp 203.0.113.7:40001 -> 80, 7200 s (asked for 8080)",
    ],
    [
      "another lifetime",
      heldLeaseOf({ externalPort: 8080 }),
      "203.0.113.7",
      "tcp 203.0.113.7:8080 -> 80, 3600 s (asked for 7200 s)",
    ],
    [
      "no port asked for",
      { ...UNASKED, lifetimeSeconds: 7200 },
      "203.0.113.7",
      "tcp 203.0.113.7:40001 -> 80, 7200 s",
    ],
    ["no address known", heldLeaseOf({ ...AS_ASKED, protocol: "udp" }), undefined, "udp 8080 -> 80, 7200 s"],
  ] as const
) {
  Deno.test(`leaseLine() of a lease with ${what}`, () => assertEquals(leaseLine(lease, address), line));
}

Deno.test("leaseFields() has the contract's fields, the end as RFC 3339 in UTC", () => {
  assertEquals(leaseFields(FREE, timeAfter(GRANTED, 500)), {
    via: "nat-pmp",
    requestedExternalPort: 8080,
    externalPort: 40_001,
    requestedLifetimeSeconds: 7200,
    lifetimeSeconds: 3600,
    expiresAt: "2026-01-01T01:00:00Z",
    epochSeconds: 74_565,
    attempts: 1,
    elapsedMs: 2.8,
  });
});

Deno.test("leaseFields() has the end by the present wall clock, also later", () => {
  assertEquals(leaseFields(FREE, timeAfter(GRANTED, 1_800_000)).expiresAt, "2026-01-01T01:00:00Z");
});

/** The names of the fields as JSON has them. */
const printed = (lease: HeldLease) => Object.keys(JSON.parse(JSON.stringify(leaseFields(lease, GRANTED))));

Deno.test("leaseFields() leaves the requested port out where the gateway was to choose", () => {
  assertEquals(printed(UNASKED).includes("requestedExternalPort"), false);
});

Deno.test("leaseFields() prints no null for an epoch that the protocol does not tell", () => {
  const { epochSeconds: _, ...lease } = FREE;
  assertEquals(printed(lease).includes("epochSeconds"), false);
});
