import { isStateLost } from "../../lib/pcp/epoch.ts";
import { type LossCase, testLossRule } from "../support/loss_rule.ts";

const DAY_MS = 86_400_000;
const TOP = 2 ** 32 - 1;

// Of the two deltas, the one + 2 has to reach 15/16 of the other, whose sixteenth is truncated (§8.5).
const CASES: readonly LossCase[] = [
  { name: "1: both clocks agree", last: 100, next: 160, elapsedMs: 60_000, isLost: false },
  { name: "2: no time passes", last: 100, next: 100, elapsedMs: 0, isLost: false },

  { name: "3: back by 1 at once", last: 100, next: 99, elapsedMs: 0, isLost: false },
  { name: "4: back by 1 in 1 s", last: 100, next: 99, elapsedMs: 1000, isLost: false },
  { name: "5: back by 1 in 2 s", last: 100, next: 99, elapsedMs: 2000, isLost: true },
  { name: "6: back by 2 at once", last: 100, next: 98, elapsedMs: 0, isLost: true },

  { name: "7: the server has just started", last: 74_565, next: 0, elapsedMs: 5000, isLost: true },
  { name: "8: it started again a minute ago", last: 74_565, next: 60, elapsedMs: 600_000, isLost: true },
  {
    name: "9: it started again when it had run for less",
    last: 10,
    next: 60,
    elapsedMs: 600_000,
    isLost: true,
  },
  { name: "10: it starts again right after its start", last: 1, next: 0, elapsedMs: 0, isLost: false },
  {
    name: "11: another server that has run for longer",
    last: 100,
    next: 9000,
    elapsedMs: 60_000,
    isLost: true,
  },

  { name: "12: behind within the tolerance, 100 s", last: 0, next: 92, elapsedMs: 100_000, isLost: false },
  { name: "13: behind by one more", last: 0, next: 91, elapsedMs: 100_000, isLost: true },
  { name: "14: ahead within the tolerance, 100 s", last: 0, next: 108, elapsedMs: 100_000, isLost: false },
  { name: "15: ahead by one more", last: 0, next: 109, elapsedMs: 100_000, isLost: true },

  { name: "16: a sixteenth of 15 s is 0", last: 0, next: 13, elapsedMs: 15_000, isLost: false },
  { name: "17: so 12 s are too few", last: 0, next: 12, elapsedMs: 15_000, isLost: true },
  { name: "18: 14.999 s are 14 s", last: 0, next: 12, elapsedMs: 14_999, isLost: false },
  { name: "19: a sixteenth of 16 s is 1", last: 0, next: 13, elapsedMs: 16_000, isLost: false },
  { name: "20: 2 s ahead at once", last: 0, next: 2, elapsedMs: 0, isLost: false },
  { name: "21: 3 s ahead at once", last: 0, next: 3, elapsedMs: 0, isLost: true },

  { name: "22: 1/16 slow for a day", last: 0, next: 81_000, elapsedMs: DAY_MS, isLost: false },
  { name: "23: and 2 s less", last: 0, next: 80_998, elapsedMs: DAY_MS, isLost: false },
  { name: "24: and 3 s less", last: 0, next: 80_997, elapsedMs: DAY_MS, isLost: true },
  { name: "25: our clock 1/16 slow for a day", last: 0, next: 92_160, elapsedMs: DAY_MS, isLost: false },
  { name: "26: and 2 s more", last: 0, next: 92_162, elapsedMs: DAY_MS, isLost: false },
  { name: "27: and 3 s more", last: 0, next: 92_163, elapsedMs: DAY_MS, isLost: true },
  {
    name: "28: 1/8 slow for a day, as NAT-PMP allows",
    last: 0,
    next: 75_600,
    elapsedMs: DAY_MS,
    isLost: true,
  },

  { name: "29: the largest epoch", last: TOP - 5, next: TOP, elapsedMs: 5000, isLost: false },
  { name: "30: back by 1 from the largest", last: TOP, next: TOP - 1, elapsedMs: 0, isLost: false },
  { name: "31: the epoch wraps around", last: TOP, next: 0, elapsedMs: 1000, isLost: true },
  { name: "32: from 0 to the largest at once", last: 0, next: TOP, elapsedMs: 0, isLost: true },
  {
    name: "33: from 0 to the largest in 136 years",
    last: 0,
    next: TOP,
    elapsedMs: TOP * 1000,
    isLost: false,
  },
];

testLossRule(["isStateLost() of PCP (§8.5)", isStateLost], CASES, 123_456_789.25);
