import { assertEquals } from "@std/assert";
import { EpochCounter } from "../../lib/simulator/epoch_counter.ts";

Deno.test("EpochCounter counts whole seconds from the start (§3.6)", () => {
  const epoch = new EpochCounter(5000, 0);
  assertEquals([5000, 5999, 6000, 65_000].map((ms) => epoch.seconds(ms, 0)), [0, 0, 1, 60]);
});

Deno.test("EpochCounter starts at its start value and again at 0 after a loss (§3.6)", () => {
  const epoch = new EpochCounter(0, 74_565);
  assertEquals(epoch.seconds(1000, 0), 74_566);
  epoch.restart(2000);
  assertEquals(epoch.seconds(5000, 0), 3);
});

Deno.test("EpochCounter goes on from where it is when its rate changes", () => {
  const epoch = new EpochCounter(0, 0);
  epoch.setRate(0.88, 100_000);
  assertEquals(epoch.seconds(100_000, 0), 100);
  assertEquals(epoch.seconds(200_000, 0), 188);
  epoch.setRate(1, 200_000);
  assertEquals(epoch.seconds(201_000, 0), 189);
});

Deno.test("EpochCounter.seconds() adds the offset and stays within 32 bits (§3.2)", () => {
  const epoch = new EpochCounter(0, 10);
  assertEquals([-3, 0, 2, -11].map((offset) => epoch.seconds(0, offset)), [7, 10, 12, 0]);
  assertEquals(epoch.seconds(0, 0xffff_ffff), 0xffff_ffff);
});
