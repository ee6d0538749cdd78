import { assertEquals } from "@std/assert";
import { elapsedMs, type StoredTime, storedTimeOf, timeAfter } from "../../lib/lease/stored_time.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** Noon of the day on which something was noted. */
const NOON = Date.UTC(2026, 0, 1, 12);

/** The machine had been up for an hour then, in a run that is called `a`. */
const LINUX: StoredTime = { wallMs: NOON, uptimeMs: HOUR, boot: "a" };

/** Other systems do not name their runs. */
const OTHER: StoredTime = { wallMs: NOON, uptimeMs: HOUR };

/** And some have only the wall clock. */
const BARE: StoredTime = { wallMs: NOON };

interface Case {
  readonly what: string;
  readonly from: StoredTime;
  /** How far the wall clock has moved. */
  readonly wall: number;
  /** The uptime now. */
  readonly uptime?: number;
  readonly boot?: string;
  readonly elapsed: number | undefined;
}

const CASES: readonly Case[] = [
  // The machine runs on, and names its run.
  {
    what: "15 minutes pass",
    from: LINUX,
    wall: 15 * MINUTE,
    uptime: HOUR + 15 * MINUTE,
    boot: "a",
    elapsed: 15 * MINUTE,
  },
  { what: "no time passes", from: LINUX, wall: 0, uptime: HOUR, boot: "a", elapsed: 0 },
  {
    what: "the uptime has whole seconds, the wall clock milliseconds",
    from: LINUX,
    wall: 1999,
    uptime: HOUR + SECOND,
    boot: "a",
    elapsed: 1999,
  },
  {
    what: "the uptime was rounded the other way",
    from: { ...LINUX, uptimeMs: HOUR - 900 },
    wall: 100,
    uptime: HOUR,
    boot: "a",
    elapsed: 100,
  },
  {
    what: "the wall clock is set back by a year",
    from: LINUX,
    wall: 15 * MINUTE - YEAR,
    uptime: HOUR + 15 * MINUTE,
    boot: "a",
    elapsed: 15 * MINUTE,
  },
  {
    what: "the wall clock is set forward by a day",
    from: LINUX,
    wall: 15 * MINUTE + DAY,
    uptime: HOUR + 15 * MINUTE,
    boot: "a",
    elapsed: 15 * MINUTE,
  },
  {
    what: "the wall clock is set back by half a second",
    from: LINUX,
    wall: -400,
    uptime: HOUR,
    boot: "a",
    elapsed: 0,
  },
  {
    what: "summer time begins, and the wall clock is in UTC",
    from: LINUX,
    wall: 5 * HOUR,
    uptime: 6 * HOUR,
    boot: "a",
    elapsed: 5 * HOUR,
  },
  {
    what: "the machine is suspended for a week, which its uptime counts",
    from: LINUX,
    wall: 7 * DAY,
    uptime: HOUR + 7 * DAY,
    boot: "a",
    elapsed: 7 * DAY,
  },
  {
    what: "a slow wall clock loses a minute in a day",
    from: LINUX,
    wall: DAY - MINUTE,
    uptime: HOUR + DAY,
    boot: "a",
    elapsed: DAY,
  },

  // The machine starts anew, and names its run.
  {
    what: "the machine starts anew",
    from: LINUX,
    wall: 20 * MINUTE,
    uptime: 5 * MINUTE,
    boot: "b",
    elapsed: 20 * MINUTE,
  },
  {
    what: "the machine starts anew and has been up for longer than it had",
    from: LINUX,
    wall: DAY,
    uptime: 20 * HOUR,
    boot: "b",
    elapsed: DAY,
  },
  {
    what: "it starts anew with a wall clock from before",
    from: LINUX,
    wall: -YEAR,
    uptime: MINUTE,
    boot: "b",
    elapsed: undefined,
  },
  {
    what: "it starts anew without a clock of its own, in 1970",
    from: LINUX,
    wall: -NOON,
    uptime: MINUTE,
    boot: "b",
    elapsed: undefined,
  },
  {
    what: "it starts anew where its wall clock had stopped, and runs for 3 hours",
    from: LINUX,
    wall: 3 * HOUR,
    uptime: 3 * HOUR,
    boot: "b",
    elapsed: 3 * HOUR,
  },
  {
    what: "it starts anew, runs for 3 hours, and the wall clock is set back to a minute after",
    from: LINUX,
    wall: MINUTE,
    uptime: 3 * HOUR,
    boot: "b",
    elapsed: 3 * HOUR,
  },
  {
    what: "it starts anew, and its uptime is unknown",
    from: LINUX,
    wall: MINUTE,
    boot: "b",
    elapsed: MINUTE,
  },

  // The machine runs on, or starts anew, and does not name its runs.
  {
    what: "15 minutes pass elsewhere",
    from: OTHER,
    wall: 15 * MINUTE,
    uptime: HOUR + 15 * MINUTE,
    elapsed: 15 * MINUTE,
  },
  {
    what: "the wall clock is set back by a year elsewhere",
    from: OTHER,
    wall: 15 * MINUTE - YEAR,
    uptime: HOUR + 15 * MINUTE,
    elapsed: 15 * MINUTE,
  },
  {
    what: "the wall clock is set forward by a day elsewhere: older is safer",
    from: OTHER,
    wall: 15 * MINUTE + DAY,
    uptime: HOUR + 15 * MINUTE,
    elapsed: 15 * MINUTE + DAY,
  },
  {
    what: "it starts anew elsewhere",
    from: OTHER,
    wall: 20 * MINUTE,
    uptime: 5 * MINUTE,
    elapsed: 20 * MINUTE,
  },
  {
    what: "it starts anew elsewhere and has been up for longer than it had",
    from: OTHER,
    wall: DAY,
    uptime: 20 * HOUR,
    elapsed: DAY,
  },
  {
    what: "it starts anew elsewhere with a wall clock from before",
    from: OTHER,
    wall: -YEAR,
    uptime: MINUTE,
    elapsed: undefined,
  },
  {
    what: "it starts anew elsewhere, and the wall clock is set back to a minute after",
    from: OTHER,
    wall: MINUTE,
    uptime: 30 * MINUTE,
    elapsed: 30 * MINUTE,
  },
  {
    what: "only one of the two stored times names its run",
    from: LINUX,
    wall: 15 * MINUTE,
    uptime: HOUR + 15 * MINUTE,
    elapsed: 15 * MINUTE,
  },

  // There is the wall clock alone.
  { what: "15 minutes pass by the wall clock", from: BARE, wall: 15 * MINUTE, elapsed: 15 * MINUTE },
  { what: "the wall clock alone is set back", from: BARE, wall: -1, elapsed: undefined },
  {
    what: "the uptime is known from now on",
    from: BARE,
    wall: 15 * MINUTE,
    uptime: HOUR,
    elapsed: 15 * MINUTE,
  },
  { what: "the uptime is not known any more", from: OTHER, wall: 15 * MINUTE, elapsed: 15 * MINUTE },
  {
    what: "the uptime of the same run is not known any more",
    from: LINUX,
    wall: 15 * MINUTE,
    boot: "a",
    elapsed: 15 * MINUTE,
  },
];

for (const [i, { what, from, wall, uptime, boot, elapsed }] of CASES.entries()) {
  Deno.test(`elapsedMs() ${i + 1}: ${what}`, () => {
    const to: StoredTime = {
      wallMs: from.wallMs + wall,
      ...(uptime === undefined ? {} : { uptimeMs: uptime }),
      ...(boot === undefined ? {} : { boot }),
    };
    assertEquals(elapsedMs(from, to), elapsed);
  });
}

Deno.test("elapsedMs() is never negative, whatever two stored times are", () => {
  const walls = [-YEAR, -1, 0, 1, 3000, DAY];
  const uptimes = [undefined, 0, HOUR - 1, HOUR, 2 * HOUR];
  for (const from of [LINUX, OTHER, BARE]) {
    for (const wall of walls) {
      for (const uptimeMs of uptimes) {
        for (const boot of [undefined, "a", "b"]) {
          const to = { wallMs: from.wallMs + wall, uptimeMs, boot };
          const elapsed = elapsedMs(from, to) ?? 0;
          assertEquals(elapsed >= 0, true, `${JSON.stringify([from, to])}: ${elapsed}`);
        }
      }
    }
  }
});

Deno.test("timeAfter() moves the wall clock and the uptime, in the same run of the machine", () => {
  assertEquals(timeAfter(LINUX, 5000), { wallMs: NOON + 5000, uptimeMs: HOUR + 5000, boot: "a" });
  assertEquals(timeAfter(OTHER, -5000), { wallMs: NOON - 5000, uptimeMs: HOUR - 5000, boot: undefined });
  assertEquals(timeAfter(BARE, 1), { wallMs: NOON + 1, uptimeMs: undefined, boot: undefined });
});

Deno.test("timeAfter() of what began before the machine did is at its start", () => {
  assertEquals(timeAfter(LINUX, -2 * HOUR), { wallMs: NOON - 2 * HOUR, uptimeMs: 0, boot: "a" });
});

Deno.test("timeAfter() and elapsedMs() are each other's inverse within a run", () => {
  for (const time of [LINUX, OTHER, BARE]) {
    for (const ms of [0, 1, 999, MINUTE, DAY]) assertEquals(elapsedMs(time, timeAfter(time, ms)), ms);
  }
});

Deno.test("storedTimeOf() takes the longer of the two where a suspend and a wall clock that was set look the same", () => {
  const clock = new ManualClock({ startMs: HOUR });
  const before = storedTimeOf(clock);
  clock.suspend(DAY);
  assertEquals(elapsedMs(before, storedTimeOf(clock)), DAY);
  clock.setWall(new Date(0));
  assertEquals(elapsedMs(before, storedTimeOf(clock)), 0);
});
