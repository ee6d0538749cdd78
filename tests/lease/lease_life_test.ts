import { assertEquals } from "@std/assert";
import { forgetOld, leftMs, standingOf } from "../../lib/lease/lease_life.ts";
import { type Moment, momentAfter } from "../../lib/lease/moment.ts";
import type { LinkState, State, StoredLease } from "../../lib/lease/state.ts";
import { leaseOf, linkWith, NEW_YEAR, runOf } from "../support/state_samples.ts";

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

function after(ms: number): Moment {
  return momentAfter(NEW_YEAR, ms);
}

Deno.test("leftMs() is what is left of the granted lifetime, and negative when it is over", () => {
  assertEquals([0, HOUR, 2 * HOUR, 3 * HOUR].map((ms) => leftMs(leaseOf(80), after(ms))), [
    2 * HOUR,
    HOUR,
    0,
    -HOUR,
  ]);
});

Deno.test("leftMs() of the longest lease that there is is exact", () => {
  const forever = leaseOf(80, { lifetimeSeconds: 4_294_967_295 });
  assertEquals(leftMs(forever, after(DAY)), 4_294_967_295_000 - DAY);
});

const STANDINGS: readonly (readonly [what: string, lease: StoredLease, now: Moment, standing: string])[] = [
  ["is alive until its last millisecond", leaseOf(80), after(2 * HOUR - 1), "alive"],
  ["has expired in the moment of its end", leaseOf(80), after(2 * HOUR), "expired"],
  ["is lost, whatever is left of it", leaseOf(80, { isLost: true }), after(0), "lost"],
  ["is lost, though it is over too", leaseOf(80, { isLost: true }), after(DAY), "lost"],
  ["is alive though the calendar was set back", leaseOf(80), { ...after(HOUR), wallMs: 0 }, "alive"],
  ["has expired though the calendar was set back", leaseOf(80), { ...after(3 * HOUR), wallMs: 0 }, "expired"],
  ["is alive though the calendar was set forward", leaseOf(80), { ...after(HOUR), wallMs: 9e12 }, "alive"],
  [
    "is of unknown standing in another run of the machine with a calendar from before",
    leaseOf(80),
    { wallMs: NEW_YEAR.wallMs - 1, uptimeMs: 1, boot: "second" },
    "unknown",
  ],
  ["of no time at all has expired", leaseOf(80, { lifetimeSeconds: 0 }), after(0), "expired"],
];

for (const [what, lease, now, standing] of STANDINGS) {
  Deno.test(`a lease ${what}`, () => assertEquals(standingOf(lease, now), standing));
}

/** What is left of some leases of one link. */
function keptOf(leases: readonly StoredLease[], now: Moment, link: Partial<LinkState> = {}): number[] {
  const { links } = forgetOld({ links: [linkWith({ ...link, leases })], runs: [] }, now);
  return links.flatMap(({ leases }) => leases.map(({ internalPort }) => internalPort));
}

Deno.test("forgetOld() forgets a lease a day after its end, and none sooner", () => {
  assertEquals(keptOf([leaseOf(80)], after(2 * HOUR + DAY)), [80]);
  assertEquals(keptOf([leaseOf(80)], after(2 * HOUR + DAY + 1)), []);
  assertEquals(keptOf([leaseOf(80), leaseOf(22, { lifetimeSeconds: 100_000 })], after(27 * HOUR)), [22]);
});

Deno.test("forgetOld() keeps for 30 days what a configuration or a keeper is to renew, and then nobody does", () => {
  const keepers = [{ lock: "a", mappings: [{ protocol: "tcp", internalPort: 22 }] }] as const;
  const leases = [leaseOf(80, { config: "/etc/natpmp.json" }), leaseOf(22), leaseOf(443)];
  assertEquals(keptOf(leases, after(3 * DAY), { keepers }), [80, 22]);
  assertEquals(keptOf(leases, after(2 * HOUR + 30 * DAY), { keepers }), [80, 22]);
  assertEquals(keptOf(leases, after(2 * HOUR + 30 * DAY + 1), { keepers }), []);
});

Deno.test("forgetOld() keeps a lease whose age nobody can know", () => {
  const now = { wallMs: NEW_YEAR.wallMs - 365 * DAY, uptimeMs: 1, boot: "second" };
  assertEquals(keptOf([leaseOf(80)], now), [80]);
});

Deno.test("forgetOld() is not confused by a calendar that was set within the run of the machine", () => {
  for (const wallMs of [NEW_YEAR.wallMs - 365 * DAY, NEW_YEAR.wallMs + 365 * DAY]) {
    assertEquals(keptOf([leaseOf(80)], { ...after(HOUR), wallMs }), [80]);
    assertEquals(keptOf([leaseOf(80)], { ...after(2 * DAY), wallMs }), []);
  }
});

Deno.test("forgetOld() does not judge another host's leases by this host's uptime", () => {
  const fresh = (granted: Moment) => [leaseOf(80, { granted })];
  const now = { wallMs: NEW_YEAR.wallMs + HOUR, uptimeMs: 400 * DAY };
  // Where neither names its runs, where one does, and where both do.
  assertEquals(keptOf(fresh({ wallMs: NEW_YEAR.wallMs, uptimeMs: HOUR }), now), [80]);
  assertEquals(keptOf(fresh(NEW_YEAR), now), [80]);
  assertEquals(keptOf(fresh(NEW_YEAR), { ...now, boot: "another" }), [80]);
});

Deno.test("forgetOld() forgets a gateway without leases and keepers after 30 days, and one that never answered at once", () => {
  const linksAfter = (ms: number, link: Partial<LinkState>) =>
    forgetOld({ links: [linkWith(link)], runs: [] }, after(ms)).links.length;
  const memory = { data: {}, at: NEW_YEAR };
  assertEquals(linksAfter(30 * DAY - 1, { memory }), 1);
  assertEquals(linksAfter(30 * DAY, { memory }), 0);
  assertEquals(linksAfter(0, {}), 0);
  assertEquals(linksAfter(0, { keepers: [{ lock: "a", mappings: [] }] }), 1);
  assertEquals(linksAfter(40 * DAY, { memory, leases: [leaseOf(80, { lifetimeSeconds: 4_000_000 })] }), 1);
});

Deno.test("forgetOld() forgets a command that did not run for 90 days", () => {
  const state: State = { links: [], runs: [runOf(), runOf({ source: "later", at: after(DAY) })] };
  assertEquals(forgetOld(state, after(90 * DAY - 1)).runs.length, 2);
  assertEquals(forgetOld(state, after(90 * DAY)).runs.map(({ source }) => source), ["later"]);
});

Deno.test("forgetOld() leaves what is young as it is", () => {
  const memory = { data: { epochSeconds: 1 }, at: NEW_YEAR };
  const state: State = { links: [linkWith({ memory, leases: [leaseOf(80)] })], runs: [runOf()] };
  assertEquals(forgetOld(state, after(HOUR)), state);
});
