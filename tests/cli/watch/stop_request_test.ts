import { assertEquals } from "@std/assert";
import { StopRequest } from "../../../lib/cli/watch/stop_request.ts";
import { ManualClock } from "../../../lib/simulator/mod.ts";

Deno.test("StopRequest stops when any signal aborts, once", () => {
  const signals = [new AbortController(), new AbortController()];
  using stop = new StopRequest({ signals: signals.map(({ signal }) => signal), clock: new ManualClock() });
  let stops = 0;
  stop.onStop(() => stops++);
  assertEquals(stops, 0);
  for (const controller of signals) controller.abort();
  assertEquals(stops, 1);
  stop.onStop(() => stops++);
  assertEquals(stops, 2);
});

Deno.test("StopRequest stops by itself after its time, and its deadline is 3 s later", async () => {
  const clock = new ManualClock();
  using stop = new StopRequest({ signals: [], clock, forMs: 60_000 });
  let isStopped = false;
  stop.onStop(() => void (isStopped = true));
  await clock.advance(59_999);
  assertEquals(isStopped, false);
  await clock.advance(1);
  assertEquals(isStopped, true);
  await clock.advance(2999);
  assertEquals(stop.deadline.aborted, false);
  await clock.advance(1);
  assertEquals(stop.deadline.aborted, true);
});

Deno.test("StopRequest waits for nothing once the command has ended", async () => {
  const clock = new ManualClock();
  const stop = new StopRequest({ signals: [], clock, forMs: 60_000 });
  let isStopped = false;
  stop.onStop(() => void (isStopped = true));
  stop[Symbol.dispose]();
  await clock.advance(120_000);
  assertEquals(isStopped, false);
});
