import { assertEquals } from "@std/assert";
import { joinsAtMs, retryAtMs, tryEndMs, tryMs } from "../../lib/lease/schedule.ts";
import type { Lease } from "../../lib/port_mapper.ts";

/** Each: left of the lease now, when it is due, the most a try may last, how long it lasts. */
const TRIES: readonly (readonly [string, number, number, number, number])[] = [
  ["half of what is left", 30_000, 0, 60_000, 15_000],
  ["2 s at least", 3000, 0, 60_000, 2000],
  ["2 s when nothing is left", 0, 0, 60_000, 2000],
  ["2 s after the end", -5000, 0, 60_000, 2000],
  ["60 s at most", 7_200_000, 0, 60_000, 60_000],
  ["no longer than the caller wants", 7_200_000, 0, 1000, 1000],
  ["the caller's limit goes below 2 s", 1000, 0, 250, 250],
  ["a lease that is due later takes its turn then", 60_000, 30_000, 60_000, 45_000],
];

for (const [name, leftMs, dueInMs, maxMs, expected] of TRIES) {
  Deno.test(`tryMs(): ${name}`, () => {
    const nowMs = 1_000_000;
    assertEquals(tryMs(tryEndMs(nowMs + dueInMs, nowMs + leftMs, nowMs), nowMs, maxMs), expected);
  });
}

Deno.test("tryMs() is the longest when no lease lives", () => {
  assertEquals(tryMs(Infinity, 0, 60_000), 60_000);
});

type Failed = Parameters<typeof retryAtMs>[0];
const NOW_MS = 500_000;
const refused = (failures: number, expiresAtMs?: number): Failed => ({
  failures,
  wasSilent: false,
  wasRefused: true,
  startedAtMs: NOW_MS,
  nowMs: NOW_MS,
  expiresAtMs,
});
const silent = (failures: number, tookMs: number, expiresAtMs?: number): Failed => ({
  failures,
  wasSilent: true,
  wasRefused: false,
  startedAtMs: NOW_MS - tookMs,
  nowMs: NOW_MS,
  expiresAtMs,
});
const unsupported = (failures: number, expiresAtMs?: number): Failed => ({
  ...refused(failures, expiresAtMs),
  wasRefused: false,
});

/** Each: how it failed, how long it then pauses. */
const RETRIES: readonly (readonly [string, Failed, number])[] = [
  ["nothing held, refused once", refused(1), 2000],
  ["nothing held, refused twice", refused(2), 4000],
  ["nothing held, refused five times", refused(5), 32_000],
  ["nothing held, refused six times", refused(6), 60_000],
  ["nothing held, refused a thousand times", refused(1000), 60_000],
  ["held, refused: half of what is left", refused(1, NOW_MS + 3_600_000), 1_800_000],
  ["held, refused again: the same rule", refused(7, NOW_MS + 100_000), 50_000],
  ["held, refused near the end: 2 s", refused(3, NOW_MS + 1000), 2000],
  ["held, silence: at once", silent(1, 15_000, NOW_MS + 15_000), 0],
  ["held, silence after a short try: 2 s from its start", silent(1, 500, NOW_MS + 15_000), 1500],
  ["nothing held, silence for a whole minute: at once", silent(9, 60_000), 0],
  ["nothing held, silence after a short try: the step counts from its start", silent(6, 7750), 52_250],
  ["held, not supported: steps as for what is not held", unsupported(3, NOW_MS + 3_600_000), 8000],
  ["held, not supported, near the end: half of what is left", unsupported(6, NOW_MS + 10_000), 5000],
];

for (const [name, failed, expected] of RETRIES) {
  Deno.test(`retryAtMs(): ${name}`, () => assertEquals(retryAtMs(failed) - NOW_MS, expected));
}

function lease(lifetimeSeconds: number, requestedLifetimeSeconds: number, renewAtMs: number): Lease {
  return {
    protocol: "tcp",
    internalPort: 80,
    externalPort: 8080,
    lifetimeSeconds,
    requestedLifetimeSeconds,
    grantedAtMs: 0,
    renewAtMs,
    expiresAtMs: lifetimeSeconds * 1000,
    attempts: 1,
    elapsedMs: 0,
  };
}

Deno.test("joinsAtMs() is a sixty-fourth of the life before its half", () => {
  assertEquals(joinsAtMs(lease(6400, 6400, 3_300_000)), 3_100_000);
});

Deno.test("joinsAtMs() goes by the smaller of the granted and the requested lifetime", () => {
  assertEquals(joinsAtMs(lease(2 ** 32 - 1, 64, 33_000)), 31_000);
  assertEquals(joinsAtMs(lease(64, 7200, 33_000)), 31_000);
});

Deno.test("joinsAtMs() is never after the lease is due itself", () => {
  assertEquals(joinsAtMs(lease(6400, 6400, 1000)), 1000);
});
