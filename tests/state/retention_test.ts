import { assertEquals } from "@std/assert";
import type { LedgerEntry } from "../../lib/lease/ledger.ts";
import { type StoredTime, timeAfter } from "../../lib/lease/stored_time.ts";
import type { GatewayRecord, State } from "../../lib/state/records.ts";
import { forgetOld } from "../../lib/state/retention.ts";
import { entryOf, NEW_YEAR, recordWith, runOf } from "../support/state_samples.ts";

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

function after(ms: number): StoredTime {
  return timeAfter(NEW_YEAR, ms);
}

/** The internal ports that are left of some mappings of one gateway. */
function keptOf(
  entries: readonly LedgerEntry[],
  now: StoredTime,
  record: Partial<GatewayRecord> = {},
): number[] {
  const { gateways } = forgetOld({ gateways: [recordWith({ ...record, entries })], runs: [] }, now);
  return gateways.flatMap(({ entries }) => entries.map(({ internalPort }) => internalPort));
}

Deno.test("forgetOld() forgets a lease a day after its end, and no sooner", () => {
  assertEquals(keptOf([entryOf(80)], after(2 * HOUR + DAY)), [80]);
  assertEquals(keptOf([entryOf(80)], after(2 * HOUR + DAY + 1)), []);
  assertEquals(
    keptOf([entryOf(80), entryOf(22, { lease: { lifetimeSeconds: 100_000 } })], after(27 * HOUR)),
    [22],
  );
});

Deno.test("forgetOld() keeps for 30 days what a configuration or a watch is to renew", () => {
  const watches = [{ lock: "a", mappings: [{ protocol: "tcp", internalPort: 22 }] }] as const;
  const entries = [entryOf(80, { config: "/etc/natpmp.json" }), entryOf(22), entryOf(443)];
  assertEquals(keptOf(entries, after(3 * DAY), { watches }), [80, 22]);
  assertEquals(keptOf(entries, after(2 * HOUR + 30 * DAY), { watches }), [80, 22]);
  assertEquals(keptOf(entries, after(2 * HOUR + 30 * DAY + 1), { watches }), []);
});

Deno.test("forgetOld() keeps a lease whose age is unknown", () => {
  const now = { wallMs: NEW_YEAR.wallMs - 365 * DAY, uptimeMs: 1, boot: "second" };
  assertEquals(keptOf([entryOf(80)], now), [80]);
});

Deno.test("forgetOld() is not confused by a wall clock that was set within the run of the machine", () => {
  for (const wallMs of [NEW_YEAR.wallMs - 365 * DAY, NEW_YEAR.wallMs + 365 * DAY]) {
    assertEquals(keptOf([entryOf(80)], { ...after(HOUR), wallMs }), [80]);
    assertEquals(keptOf([entryOf(80)], { ...after(2 * DAY), wallMs }), []);
  }
});

Deno.test("forgetOld() does not judge another host's leases by this host's uptime", () => {
  const fresh = (granted: StoredTime) => [entryOf(80, { lease: { granted } })];
  const now = { wallMs: NEW_YEAR.wallMs + HOUR, uptimeMs: 400 * DAY };
  // Where neither names its runs, where one does, and where both do.
  assertEquals(keptOf(fresh({ wallMs: NEW_YEAR.wallMs, uptimeMs: HOUR }), now), [80]);
  assertEquals(keptOf(fresh(NEW_YEAR), now), [80]);
  assertEquals(keptOf(fresh(NEW_YEAR), { ...now, boot: "another" }), [80]);
});

Deno.test("forgetOld() forgets a gateway without mappings and watches after 30 days, and one that never answered at once", () => {
  const gatewaysAfter = (ms: number, record: Partial<GatewayRecord>) =>
    forgetOld({ gateways: [recordWith(record)], runs: [] }, after(ms)).gateways.length;
  const memory = { data: {}, at: NEW_YEAR };
  assertEquals(gatewaysAfter(30 * DAY - 1, { memory }), 1);
  assertEquals(gatewaysAfter(30 * DAY, { memory }), 0);
  assertEquals(gatewaysAfter(0, {}), 0);
  assertEquals(gatewaysAfter(0, { watches: [{ lock: "a", mappings: [] }] }), 1);
  assertEquals(
    gatewaysAfter(40 * DAY, { memory, entries: [entryOf(80, { lease: { lifetimeSeconds: 4_000_000 } })] }),
    1,
  );
});

Deno.test("forgetOld() forgets a command that did not run for 90 days", () => {
  const state: State = { gateways: [], runs: [runOf(), runOf({ source: "later", at: after(DAY) })] };
  assertEquals(forgetOld(state, after(90 * DAY - 1)).runs.length, 2);
  assertEquals(forgetOld(state, after(90 * DAY)).runs.map(({ source }) => source), ["later"]);
});

Deno.test("forgetOld() leaves what is young as it is", () => {
  const memory = { data: { epochSeconds: 1 }, at: NEW_YEAR };
  const state: State = { gateways: [recordWith({ memory, entries: [entryOf(80)] })], runs: [runOf()] };
  assertEquals(forgetOld(state, after(HOUR)), state);
});

Deno.test("forgetOld() never forgets a lease that never ends", () => {
  const entry = entryOf(80, { lease: { lifetimeSeconds: "permanent" } });
  assertEquals(keptOf([entry], after(10_000 * DAY)), [80]);
});

Deno.test("forgetOld() forgets a mapping without a lease", () => {
  const memory = { data: {}, at: NEW_YEAR };
  assertEquals(keptOf([{ protocol: "tcp", internalPort: 9 }, entryOf(80)], after(0), { memory }), [80]);
});
