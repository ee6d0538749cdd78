import { assertEquals } from "@std/assert";
import { type FailedTry, retryInMs, tryEndInMs, tryMs } from "../../lib/lease/timing.ts";

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
  ["a lease that never ends", Infinity, 3_600_000, 60_000, 60_000],
  ["a lease that never ends and is never due", Infinity, Infinity, 60_000, 60_000],
  ["a lease that is due since long ago", 30_000, -Infinity, 60_000, 15_000],
];

for (const [name, leftMs, dueInMs, maxMs, expected] of TRIES) {
  Deno.test(`tryMs() of tryEndInMs(): ${name}`, () => {
    assertEquals(tryMs(tryEndInMs(dueInMs, leftMs), maxMs), expected);
  });
}

Deno.test("tryMs() is the longest when no lease lives", () => {
  assertEquals(tryMs(Infinity, 60_000), 60_000);
});

function refused(failures: number, leftMs?: number): FailedTry {
  return { failures, wasSilent: false, wasRefused: true, tookMs: 0, leftMs };
}

function silent(failures: number, tookMs: number, leftMs?: number): FailedTry {
  return { failures, wasSilent: true, wasRefused: false, tookMs, leftMs };
}

function unsupported(failures: number, leftMs?: number): FailedTry {
  return { ...refused(failures, leftMs), wasRefused: false };
}

/** Each: how it failed, how long it then pauses. */
const RETRIES: readonly (readonly [string, FailedTry, number])[] = [
  ["nothing held, refused once", refused(1), 2000],
  ["nothing held, refused twice", refused(2), 4000],
  ["nothing held, refused five times", refused(5), 32_000],
  ["nothing held, refused six times", refused(6), 60_000],
  ["nothing held, refused a thousand times", refused(1000), 60_000],
  ["held, refused: half of what is left", refused(1, 3_600_000), 1_800_000],
  ["held, refused again: the same rule", refused(7, 100_000), 50_000],
  ["held, refused near the end: 2 s", refused(3, 1000), 2000],
  ["held, refused near the end: its protocol's gap", { ...refused(3, 1000), minRetryGapMs: 4000 }, 4000],
  ["held for ever, refused: steps, as half of for ever never comes", refused(2, Infinity), 4000],
  ["held for ever, refused again and again: a minute", refused(100, Infinity), 60_000],
  ["held, silence: at once", silent(1, 15_000, 15_000), 0],
  ["held, silence after a short try: 2 s from its start", silent(1, 500, 15_000), 1500],
  [
    "held, silence after a short try: its protocol's gap",
    { ...silent(1, 500, 9000), minRetryGapMs: 4000 },
    3500,
  ],
  ["nothing held, silence for a whole minute: at once", silent(9, 60_000), 0],
  ["nothing held, silence after a short try: the step counts from its start", silent(6, 7750), 52_250],
  ["held, not supported: steps as for what is not held", unsupported(3, 3_600_000), 8000],
  ["held, not supported, near the end: half of what is left", unsupported(6, 10_000), 5000],
];

for (const [name, failed, expected] of RETRIES) {
  Deno.test(`retryInMs(): ${name}`, () => assertEquals(retryInMs(failed), expected));
}
