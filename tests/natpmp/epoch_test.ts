import { assertEquals } from "@std/assert";
import { type EpochRecord, isEpochBelieved, isStateLost, judgeEpoch } from "../../lib/natpmp/epoch.ts";

/** From `last` to `next` seconds of the gateway's clock in `elapsedMs` of ours. */
interface Case {
  readonly name: string;
  readonly last: number;
  readonly next: number;
  readonly elapsedMs: number;
  readonly isLost: boolean;
}

const DAY_MS = 86_400_000;

// expected = last + 7/8 * elapsed; a loss is what is less than expected - 2 (§3.6).
const CASES: readonly Case[] = [
  { name: "1: both clocks agree", last: 100, next: 160, elapsedMs: 60_000, isLost: false },
  { name: "2: no time passes", last: 100, next: 100, elapsedMs: 0, isLost: false },
  { name: "3: exactly 2 s less than expected", last: 100, next: 98, elapsedMs: 0, isLost: false },
  { name: "4: 3 s less than expected", last: 100, next: 97, elapsedMs: 0, isLost: true },
  { name: "5: exactly 2 s less after 80 s", last: 1000, next: 1068, elapsedMs: 80_000, isLost: false },
  { name: "6: 3 s less after 80 s", last: 1000, next: 1067, elapsedMs: 80_000, isLost: true },
  { name: "7: a millisecond beyond 2 s less", last: 1000, next: 1068, elapsedMs: 80_001, isLost: true },
  { name: "8: the fraction of the expected counts", last: 0, next: 6, elapsedMs: 9143, isLost: true },
  { name: "9: and is not rounded up either", last: 0, next: 6, elapsedMs: 9142, isLost: false },
  { name: "10: the gateway's clock runs fast", last: 100, next: 100_000, elapsedMs: 1000, isLost: false },
  { name: "11: 12 % slow for a day", last: 0, next: 76_032, elapsedMs: DAY_MS, isLost: false },
  { name: "12: 12.5 % slow for a day", last: 0, next: 75_600, elapsedMs: DAY_MS, isLost: false },
  { name: "13: 13 % slow for a day", last: 0, next: 75_168, elapsedMs: DAY_MS, isLost: true },
  { name: "14: 13 % slow for 6 min, within the 2 s", last: 0, next: 313, elapsedMs: 360_000, isLost: false },
  { name: "15: 13 % slow for 8 min", last: 0, next: 417, elapsedMs: 480_000, isLost: true },
  { name: "16: the gateway has just started", last: 74_565, next: 0, elapsedMs: 5000, isLost: true },
  { name: "17: it starts right after its start", last: 2, next: 0, elapsedMs: 0, isLost: false },
  { name: "18: the largest epoch", last: 4_294_967_290, next: 4_294_967_295, elapsedMs: 5000, isLost: false },
  { name: "19: the epoch wraps around", last: 4_294_967_295, next: 0, elapsedMs: 1000, isLost: true },
];

for (const { name, last, next, elapsedMs, isLost } of CASES) {
  Deno.test(`isStateLost() case ${name}`, () => {
    const atMs = 123_456_000;
    const found = isStateLost({ epochSeconds: last, atMs }, { epochSeconds: next, atMs: atMs + elapsedMs });
    assertEquals(found, isLost);
  });
}

Deno.test("isStateLost() never finds a loss in the first sample", () => {
  assertEquals(isStateLost(undefined, { epochSeconds: 0, atMs: 1e9 }), false);
});

/** Epochs, each with the seconds since the one before, and what is made of them: believed losses, and belief at the end. */
interface Course {
  readonly name: string;
  readonly samples: readonly (readonly [afterSeconds: number, epochSeconds: number])[];
  readonly losses: number;
  readonly isBelieved: boolean;
}

const COURSES: readonly Course[] = [
  { name: "1: right all the time", samples: [[0, 10], [900, 910], [900, 1810]], losses: 0, isBelieved: true },
  { name: "2: wrong twice", samples: [[0, 10], [900, 10], [900, 10]], losses: 2, isBelieved: true },
  {
    name: "3: wrong three times in a row",
    samples: [[0, 10], [900, 10], [900, 10], [900, 10], [900, 10]],
    losses: 2,
    isBelieved: false,
  },
  {
    name: "4: right for five minutes between two reboots",
    samples: [[0, 9000], [900, 1], [300, 301], [900, 1], [300, 301], [900, 1], [300, 301]],
    losses: 3,
    isBelieved: true,
  },
  {
    name: "5: right for a minute is not enough, with a clock that runs at 0.86",
    samples: [[0, 9000], [900, 9774], [60, 9826], [900, 10_600], [60, 10_652], [900, 11_426]],
    losses: 2,
    isBelieved: false,
  },
  {
    name: "6: a leap ahead is not right",
    samples: [[0, 9000], [900, 1], [700, 9_000_000], [900, 1], [700, 9_000_000], [900, 1]],
    losses: 2,
    isBelieved: false,
  },
  {
    name: "7: right for long enough after it was ignored",
    samples: [[0, 9], [900, 9], [900, 9], [900, 9], [600, 609], [900, 9]],
    losses: 3,
    isBelieved: true,
  },
];

for (const { name, samples, losses, isBelieved } of COURSES) {
  Deno.test(`judgeEpoch() course ${name}`, () => {
    let record: EpochRecord | undefined;
    let atMs = 0;
    let found = 0;
    for (const [afterSeconds, epochSeconds] of samples) {
      atMs += afterSeconds * 1000;
      const judged = judgeEpoch(record, { epochSeconds, atMs });
      record = judged.record;
      if (judged.isLost) found++;
    }
    assertEquals([found, isEpochBelieved(record)], [losses, isBelieved]);
  });
}
