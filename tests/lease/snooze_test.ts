import { assertEquals, assertRejects } from "@std/assert";
import type { Clock } from "../../lib/clock.ts";
import { Snooze } from "../../lib/lease/snooze.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";

function bench() {
  const clock = new ManualClock({ startMs: 1000 });
  const ending = new AbortController();
  const snooze = new Snooze(clock, ending.signal);
  const wokenAtMs: number[] = [];
  const sleep = async (atMs: number) => {
    await snooze.until(atMs);
    wokenAtMs.push(clock.now());
  };
  return { clock, ending, snooze, wokenAtMs, sleep };
}

Deno.test("Snooze.until() sleeps until its time", async () => {
  const { clock, sleep, wokenAtMs } = bench();
  const sleeping = sleep(3500);
  await clock.advance(2499);
  assertEquals(wokenAtMs, []);
  await clock.advance(1);
  assertEquals(wokenAtMs, [3500]);
  await sleeping;
});

Deno.test("Snooze.until() is over at once for a time that has passed", async () => {
  const { clock, sleep } = bench();
  await clock.runUntil(sleep(10));
  assertEquals(clock.now(), 1000);
});

for (const atMs of [5000, Infinity]) {
  Deno.test(`Snooze.wake() ends a sleep until ${atMs} before its time`, async () => {
    const { clock, snooze, sleep, wokenAtMs } = bench();
    const sleeping = sleep(atMs);
    await clock.advance(100);
    snooze.wake();
    await clock.runUntil(sleeping);
    assertEquals(wokenAtMs, [1100]);
  });

  Deno.test(`Snooze ends a sleep until ${atMs} when its signal aborts`, async () => {
    const { clock, ending, sleep, wokenAtMs } = bench();
    const sleeping = sleep(atMs);
    await clock.advance(100);
    ending.abort();
    await clock.runUntil(sleeping);
    assertEquals(wokenAtMs, [1100]);
  });
}

Deno.test("Snooze.wake() while nobody sleeps does not shorten the next sleep", async () => {
  const { clock, snooze, sleep } = bench();
  snooze.wake();
  await clock.runUntil(sleep(2000));
  assertEquals(clock.now(), 2000);
});

Deno.test("Snooze.wake() ends one sleep, not the one after it", async () => {
  const { clock, snooze, sleep, wokenAtMs } = bench();
  const both = sleep(5000).then(() => sleep(6000));
  await clock.advance(0);
  snooze.wake();
  snooze.wake();
  await clock.runUntil(both);
  assertEquals(wokenAtMs, [1000, 6000]);
});

Deno.test("Snooze sleeps no more once its signal has aborted", async () => {
  const { clock, ending, sleep } = bench();
  ending.abort();
  await clock.runUntil(sleep(Infinity));
  assertEquals(clock.now(), 1000);
});

Deno.test("Snooze.until() hands on what the clock itself fails with", async () => {
  const clock: Clock = {
    now: () => 0,
    wallNow: () => new Date(0),
    sleep: () => Promise.reject(new RangeError("No such time")),
  };
  const snooze = new Snooze(clock, new AbortController().signal);
  await assertRejects(() => snooze.until(1), RangeError, "No such time");
});
