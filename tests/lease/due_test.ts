import { assertEquals } from "@std/assert";
import { type DueOptions, isDue, isTooShort } from "../../lib/lease/due.ts";
import { momentAfter } from "../../lib/lease/moment.ts";
import type { StoredLease } from "../../lib/lease/state.ts";
import { leaseOf, NEW_YEAR } from "../support/state_samples.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

interface Case {
  readonly what: string;
  readonly lease?: StoredLease;
  readonly ageMs?: number;
  readonly options?: Partial<DueOptions>;
  readonly due: boolean;
}

const CASES: readonly Case[] = [
  { what: "a lease of two hours just granted is not due", lease: leaseOf(80), due: false },
  { what: "a lease before half of its life is not due", lease: leaseOf(80), ageMs: HOUR - 1, due: false },
  { what: "a lease at half of its life is due", lease: leaseOf(80), ageMs: HOUR, due: true },
  { what: "a lease that is over is due", lease: leaseOf(80), ageMs: 3 * HOUR, due: true },
  { what: "what is not known is due", due: true },
  { what: "what the gateway forgot is due", lease: leaseOf(80, { isLost: true }), due: true },
  { what: "what could not be told is due", lease: leaseOf(80, { isUntold: true }), due: true },
  {
    what: "a lease of unknown age is due",
    lease: leaseOf(80),
    options: { now: { wallMs: 0, boot: "second" } },
    due: true,
  },
  {
    what: "a lease that would not survive two more runs is due",
    lease: leaseOf(80, { lifetimeSeconds: 2400 }),
    ageMs: 10 * MINUTE,
    options: { intervalMs: 15 * MINUTE },
    due: true,
  },
  {
    what: "a lease that would survive two more runs by a moment is not due",
    lease: leaseOf(80, { lifetimeSeconds: 2401 }),
    ageMs: 10 * MINUTE,
    options: { intervalMs: 15 * MINUTE },
    due: false,
  },
  {
    what: "a lease is due when the runs are days apart, as after a week off",
    lease: leaseOf(80, { lifetimeSeconds: 86_400, requestedLifetimeSeconds: 86_400 }),
    options: { intervalMs: 24 * 7 * HOUR },
    due: true,
  },
  {
    what: "a lease with another lifetime than is wanted is due",
    lease: leaseOf(80),
    options: { lifetimeSeconds: 3600 },
    due: true,
  },
  {
    what: "a lease with the lifetime that is wanted is not due",
    lease: leaseOf(80, { lifetimeSeconds: 3000 }),
    options: { lifetimeSeconds: 7200 },
    due: false,
  },
  {
    what: "a grant for ever after is due at half of what was asked for",
    lease: leaseOf(80, { lifetimeSeconds: 4_294_967_295 }),
    ageMs: HOUR,
    due: true,
  },
  {
    what: "a short grant is due at half of what was granted",
    lease: leaseOf(80, { lifetimeSeconds: 600 }),
    ageMs: 5 * MINUTE,
    due: true,
  },
];

for (const { what, lease, ageMs = 0, options = {}, due } of CASES) {
  Deno.test(`isDue(): ${what}`, () => {
    const now = momentAfter(NEW_YEAR, ageMs);
    assertEquals(isDue(lease, { now, intervalMs: undefined, lifetimeSeconds: undefined, ...options }), due);
  });
}

Deno.test("isTooShort() tells leases that do not see three runs", () => {
  assertEquals(isTooShort(2699, 15 * MINUTE), true);
  assertEquals(isTooShort(2700, 15 * MINUTE), false);
  assertEquals(isTooShort(1, undefined), false);
});
