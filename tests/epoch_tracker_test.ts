import { assertEquals } from "@std/assert";
import { type EpochRecord, isEpochBelieved, judgeEpoch, type LossRule } from "../lib/epoch_tracker.ts";
import { isStateLost as isLostByNatPmp } from "../lib/natpmp/epoch.ts";
import { isStateLost as isLostByPcp } from "../lib/pcp/epoch.ts";

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

function judge(isStateLost: LossRule, samples: Course["samples"]) {
  let record: EpochRecord | undefined;
  let atMs = 0;
  let losses = 0;
  for (const [afterSeconds, epochSeconds] of samples) {
    atMs += afterSeconds * 1000;
    const judged = judgeEpoch(record, { epochSeconds, atMs }, { isStateLost });
    record = judged.record;
    if (judged.isLost) losses++;
  }
  return { losses, isBelieved: isEpochBelieved(record) };
}

for (const [protocol, rule] of [["NAT-PMP", isLostByNatPmp], ["PCP", isLostByPcp]] as const) {
  for (const { name, samples, losses, isBelieved } of COURSES) {
    Deno.test(`judgeEpoch() by the rule of ${protocol}, course ${name}`, () => {
      assertEquals(judge(rule, samples), { losses, isBelieved });
    });
  }
}

Deno.test("judgeEpoch() finds a loss in a leap ahead by the rule of PCP (RFC 6887 §8.5), and none by NAT-PMP's", () => {
  const samples = [[0, 10], [60, 9000]] as const;
  assertEquals([judge(isLostByPcp, samples).losses, judge(isLostByNatPmp, samples).losses], [1, 0]);
});
