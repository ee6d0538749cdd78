import { isStateLost } from "../../lib/natpmp/epoch.ts";
import { type LossCase, testLossRule } from "../support/loss_rule.ts";

const DAY_MS = 86_400_000;

// expected = last + 7/8 * elapsed; a loss is what is less than expected - 2 (§3.6).
const CASES: readonly LossCase[] = [
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

testLossRule(["isStateLost() of NAT-PMP (§3.6)", isStateLost], CASES, 123_456_000);
