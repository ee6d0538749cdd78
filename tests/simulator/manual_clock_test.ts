import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { systemClock } from "../../lib/clock.ts";
import { ManualClock } from "../../lib/simulator/manual_clock.ts";

Deno.test("ManualClock stands still until somebody turns it", async () => {
  const clock = new ManualClock({ startMs: 100, wallStart: new Date(5000) });
  assertEquals([clock.now(), clock.wallNow().getTime()], [100, 5000]);
  await clock.advance(250);
  assertEquals([clock.now(), clock.wallNow().getTime()], [350, 5250]);
});

Deno.test("ManualClock.advance() wakes sleepers in the order of their times, each at its own", async () => {
  const clock = new ManualClock();
  const woken: string[] = [];
  const delays = [30, 10, 20, 10, 0, 41, 5, 40];
  const sleeps = delays.map(async (ms, i) => {
    await clock.sleep(ms);
    woken.push(`${i}: ${clock.now()}`);
  });
  await clock.advance(40);
  assertEquals(woken, ["4: 0", "6: 5", "1: 10", "3: 10", "2: 20", "0: 30", "7: 40"]);
  await clock.advance(1);
  await Promise.all(sleeps);
});

Deno.test("ManualClock.advance() settles what a wake-up causes before the next one", async () => {
  const clock = new ManualClock();
  const times: number[] = [];
  const repeat = async () => {
    for (let i = 0; i < 3; i++) {
      await clock.sleep(10);
      for (let turn = 0; turn < 50; turn++) await Promise.resolve();
      times.push(clock.now());
    }
  };
  const repeated = repeat();
  await clock.advance(100);
  await repeated;
  assertEquals(times, [10, 20, 30]);
});

Deno.test("ManualClock.sleep() rejects with the reason when its signal aborts, before or while it sleeps", async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const sleep = clock.sleep(1000, { signal: controller.signal });
  controller.abort(new RangeError("enough"));
  await assertRejects(() => sleep, RangeError, "enough");
  await assertRejects(() => clock.sleep(1000, { signal: controller.signal }), RangeError, "enough");
  await assertRejects(() => clock.runUntil(new Promise(() => {})), Error, "nobody sleeps");
});

Deno.test("ManualClock.sleep() takes times beyond what a timer of the system can", async () => {
  const clock = new ManualClock();
  await clock.runUntil(clock.sleep(2 ** 32 * 1000), { limitMs: Infinity });
  assertEquals(clock.now(), 2 ** 32 * 1000);
});

Deno.test("ManualClock.suspend() lets the wall clock and the world go on, but neither clock nor sleepers", async () => {
  const clock = new ManualClock({ wallStart: new Date(0) });
  let isAwake = false;
  const sleep = clock.sleep(1000).then(() => isAwake = true);
  clock.suspend(3_600_000);
  await clock.advance(999);
  assertEquals([clock.now(), clock.worldNow(), clock.wallNow().getTime()], [999, 3_600_999, 3_600_999]);
  assert(!isAwake);
  await clock.runUntil(sleep);
  assertEquals(clock.now(), 1000);
});

Deno.test("ManualClock.setWall() sets the wall clock alone", () => {
  const clock = new ManualClock({ startMs: 7 });
  clock.setWall(new Date(1_000_000));
  assertEquals([clock.now(), clock.worldNow(), clock.wallNow().getTime()], [7, 7, 1_000_000]);
});

Deno.test("ManualClock.runUntil() resolves and rejects as the promise does, no later than it", async () => {
  const clock = new ManualClock();
  const later = clock.sleep(5000);
  assertEquals(await clock.runUntil(clock.sleep(10).then(() => "done")), "done");
  assertEquals(clock.now(), 10);
  const failing = clock.sleep(10).then(() => Promise.reject(new TypeError("no")));
  await assertRejects(() => clock.runUntil(failing), TypeError, "no");
  await clock.runUntil(later);
});

Deno.test("ManualClock.runUntil() rejects when nobody sleeps who could settle the promise", async () => {
  const message = "The promise is pending at 0 ms, and nobody sleeps who could settle it";
  await assertRejects(() => new ManualClock().runUntil(new Promise(() => {})), Error, message);
});

Deno.test("ManualClock.runUntil() rejects at the limit and stays there", async () => {
  const clock = new ManualClock();
  const sleep = clock.sleep(2000);
  const message = "The promise is pending after the limit of 1000 ms";
  await assertRejects(() => clock.runUntil(sleep, { limitMs: 1000 }), Error, message);
  assertEquals(clock.now(), 1000);
  await clock.runUntil(sleep);
});

Deno.test("ManualClock passes a virtual week of 50000 wake-ups in seconds", async () => {
  const clock = new ManualClock();
  const week = async () => {
    for (let i = 0; i < 50_000; i++) {
      // A long wait that is given up, as for every answer that comes.
      const controller = new AbortController();
      const wait = clock.sleep(1e9, { signal: controller.signal }).catch(() => {});
      await clock.sleep(12_096);
      controller.abort();
      await wait;
    }
  };
  const startMs = systemClock.now();
  await clock.runUntil(week());
  assertEquals(clock.now(), 7 * 24 * 3600 * 1000);
  assertLess(systemClock.now() - startMs, 30_000);
});
