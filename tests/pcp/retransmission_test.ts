import { assert, assertEquals } from "@std/assert";
import { FIRST_WAIT_MS, ONE_SHOT_FIRST_WAIT_MS } from "../../lib/pcp/constants.ts";
import { retransmissionWaitsMs } from "../../lib/pcp/retransmission.ts";
import { seeded } from "../support/seeded.ts";

/** RAND is 0. */
const inTheMiddle = () => 0.5;

/** When each datagram is sent, in milliseconds. */
function sendsAtMs(firstWaitMs: number, count: number): number[] {
  let atMs = 0;
  const laterMs = [...retransmissionWaitsMs(firstWaitMs, inTheMiddle).take(count - 1)].map((ms) =>
    atMs += ms
  );
  return [0, ...laterMs];
}

Deno.test("retransmissionWaitsMs() sends at 0, 3, 9 s and so on, from 1533 s on every 1024 s (§8.1.1)", () => {
  assertEquals(
    sendsAtMs(FIRST_WAIT_MS, 12).map((ms) => ms / 1000),
    [0, 3, 9, 21, 45, 93, 189, 381, 765, 1533, 2557, 3581],
  );
});

Deno.test("retransmissionWaitsMs() of a one-shot command begins at 250 ms", () => {
  assertEquals(sendsAtMs(ONE_SHOT_FIRST_WAIT_MS, 6), [0, 250, 750, 1750, 3750, 7750]);
});

Deno.test("retransmissionWaitsMs() doubles the wait as it was randomized (§8.1.1)", () => {
  const shortest = retransmissionWaitsMs(FIRST_WAIT_MS, () => 0);
  assertEquals([...shortest.take(3)], [2700, 4860, 8748]);
  const rands = [0.5, 0, 0.5];
  assertEquals([...retransmissionWaitsMs(FIRST_WAIT_MS, () => rands.shift()!).take(3)], [3000, 5400, 10_800]);
});

Deno.test("retransmissionWaitsMs() may be a tenth above the longest wait (§8.1.1)", () => {
  const longest = retransmissionWaitsMs(FIRST_WAIT_MS, () => 1 - 2 ** -32);
  assertEquals([...longest.take(12)].at(-1), 1_126_400);
});

Deno.test("retransmissionWaitsMs() draws each wait anew, in whole milliseconds", () => {
  const waitsMs = [...retransmissionWaitsMs(FIRST_WAIT_MS, seeded(8)).drop(20).take(100)];
  assert(waitsMs.every((ms) => Number.isInteger(ms) && ms >= 921_600 && ms <= 1_126_400));
  assert(new Set(waitsMs).size > 90);
});
