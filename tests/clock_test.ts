import { assertEquals, assertGreaterOrEqual, assertRejects } from "@std/assert";
import { systemClock } from "../lib/clock.ts";

interface Timer {
  readonly fire: () => void;
  readonly ms: number;
}

/** Replaces the system's timers, so that no test sleeps; what is set waits in `timers` until it is fired. */
function fakeTimers(): { readonly timers: Timer[] } & Disposable {
  const { setTimeout, clearTimeout } = globalThis;
  const { timeout } = AbortSignal;
  const timers: Timer[] = [];
  Object.assign(globalThis, {
    setTimeout: (fire: () => void, ms: number) => timers.push({ fire, ms }) - 1,
    clearTimeout: (id: number) => void (timers[id] = { fire: () => {}, ms: NaN }),
  });
  AbortSignal.timeout = (ms) => {
    const controller = new AbortController();
    timers.push({ fire: () => controller.abort(), ms });
    return controller.signal;
  };
  return {
    timers,
    [Symbol.dispose]: () => {
      Object.assign(globalThis, { setTimeout, clearTimeout });
      AbortSignal.timeout = timeout;
    },
  };
}

/** Lets what only promises hold up come to pass. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

/** Sleeps with every timer fired as soon as it is set, and tells how long each was to be. */
async function delaysOf(ms: number): Promise<number[]> {
  using faked = fakeTimers();
  let isDone = false;
  const done = systemClock.sleep(ms).then(() => isDone = true);
  for (let i = 0; !isDone; i++) {
    await settle();
    const timer = faked.timers[i];
    if (timer === undefined) throw new Error(`The sleep of ${ms} ms goes on without a timer`);
    timer.fire();
    await settle();
  }
  await done;
  return faked.timers.map(({ ms }) => ms);
}

Deno.test("systemClock.now() never goes back", () => {
  let last = systemClock.now();
  for (let i = 0; i < 1000; i++) {
    const now = systemClock.now();
    assertGreaterOrEqual(now, last);
    last = now;
  }
});

Deno.test("systemClock.wallNow() is the wall clock", () => {
  const before = Date.now();
  const wall = systemClock.wallNow().getTime();
  assertGreaterOrEqual(wall, before);
  assertGreaterOrEqual(Date.now(), wall);
});

Deno.test("systemClock.sleep() sets one timer for a wait that a timer can do", async () => {
  assertEquals(await delaysOf(250), [250]);
  assertEquals(await delaysOf(0), [0]);
  assertEquals(await delaysOf(2 ** 31 - 1), [2 ** 31 - 1]);
});

Deno.test("systemClock.sleep() asks timers for whole milliseconds, rounded up, as they cut fractions off", async () => {
  assertEquals(await delaysOf(249.4), [250]);
});

Deno.test("systemClock.sleep() takes a time that is past as no wait", async () => {
  assertEquals(await delaysOf(-5), [0]);
});

Deno.test("systemClock.sleep() waits out what no timer can do: 2^31 ms and the longest lifetime", async () => {
  for (const ms of [2 ** 31, 2 ** 32, (2 ** 32 - 1) * 1000]) {
    const delays = await delaysOf(ms);
    assertEquals(delays.reduce((sum, delay) => sum + delay), ms);
    assertEquals(delays.every((delay) => delay >= 0 && delay < 2 ** 31), true);
  }
});

Deno.test("systemClock.sleep() resolves with the system's own timers", async () => {
  await systemClock.sleep(0);
  await systemClock.sleep(-1);
});

Deno.test("systemClock.sleep() rejects with the signal's reason and leaves nothing behind", async () => {
  const reason = new Error("enough");
  const controller = new AbortController();
  // The sanitizers would find a timer that is left.
  const sleeping = systemClock.sleep(2 ** 40, { signal: controller.signal });
  controller.abort(reason);
  assertEquals(await assertRejects(() => sleeping, Error), reason);
});

Deno.test("systemClock.sleep() rejects when it is aborted in a later part of a long wait", async () => {
  using faked = fakeTimers();
  const controller = new AbortController();
  const sleeping = systemClock.sleep(2 ** 33, { signal: controller.signal });
  faked.timers[0]?.fire();
  await settle();
  assertEquals(faked.timers.length, 2);
  controller.abort(new Error("enough"));
  await assertRejects(() => sleeping, Error, "enough");
  for (const { fire } of faked.timers) fire();
  await settle();
  assertEquals(faked.timers.length, 2, "and no further part begins");
});

Deno.test("systemClock.sleep() rejects at once when the signal has aborted before", async () => {
  using faked = fakeTimers();
  const signal = AbortSignal.abort(new Error("too late"));
  await assertRejects(() => systemClock.sleep(1000, { signal }), Error, "too late");
  assertEquals(faked.timers, []);
});

Deno.test("systemClock.sleep() leaves no listener on a signal that outlives it", async () => {
  using faked = fakeTimers();
  const { signal } = new AbortController();
  let listeners = 0;
  signal.addEventListener = () => void listeners++;
  signal.removeEventListener = () => void listeners--;
  const sleeping = systemClock.sleep(2 ** 32, { signal });
  for (let i = 0; i < 3; i++) {
    faked.timers[i]?.fire();
    await settle();
  }
  await sleeping;
  assertEquals(listeners, 0);
});
