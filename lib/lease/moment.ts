/**
 * Points in time that another process can measure from, also when the calendar has been set meanwhile. Pure.
 *
 * @module
 */

/** A point in time. All that is known besides the calendar is optional, as not every system tells it. */
export interface Moment {
  /** The calendar, in milliseconds since 1970 in UTC. */
  readonly wallMs: number;
  /** How long the machine had been running, suspends included, in milliseconds. */
  readonly uptimeMs?: number | undefined;
  /** Which run of the machine that was. */
  readonly boot?: string | undefined;
}

/** Where they agree to this much, nobody set the calendar. It is the finer of the two: an uptime may be whole seconds. */
const TOLERANCE_MS = 2000;

/**
 * How much time passed between two moments. Within one run of the machine its uptime tells, whatever became of the
 * calendar. Where it cannot be told whether the calendar was set or the machine started anew, the longer of the two
 * counts: a lease that is thought older than it is gets renewed early.
 *
 * @param from The earlier moment.
 * @param to The later one.
 * @returns Milliseconds; `undefined` when the calendar says that no time can have passed.
 *
 * @example The calendar was set back by a year
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { elapsedMs } from "./moment.ts";
 *
 * const from = { wallMs: Date.UTC(2026, 0), uptimeMs: 1000, boot: "a" };
 * assertEquals(elapsedMs(from, { wallMs: Date.UTC(2025, 0), uptimeMs: 61_000, boot: "a" }), 60_000);
 * ```
 */
export function elapsedMs(from: Moment, to: Moment): number | undefined {
  const wallMs = to.wallMs - from.wallMs;
  const runMs = to.uptimeMs === undefined || from.uptimeMs === undefined ? -1 : to.uptimeMs - from.uptimeMs;
  const isAgreed = Math.abs(wallMs - runMs) <= TOLERANCE_MS && wallMs >= 0;
  const isBootKnown = from.boot !== undefined && to.boot !== undefined;
  if (runMs >= 0 && !(isBootKnown && from.boot !== to.boot)) {
    if (isAgreed) return wallMs;
    return isBootKnown ? runMs : Math.max(wallMs, runMs);
  }
  if (wallMs < 0) return undefined;
  // A machine that started anew has been running since for as long as it says, whatever became of its calendar.
  const isAnew = isBootKnown ? from.boot !== to.boot : runMs < -TOLERANCE_MS;
  return isAnew ? Math.max(wallMs, to.uptimeMs ?? 0) : wallMs;
}

/**
 * The moment that was, or will be, some time from another one.
 *
 * @param moment The one.
 * @param ms How much later, in milliseconds; negative for earlier.
 * @returns The other one.
 */
export function momentAfter({ wallMs, uptimeMs, boot }: Moment, ms: number): Moment {
  return {
    wallMs: wallMs + ms,
    ...(uptimeMs === undefined ? {} : { uptimeMs: Math.max(0, uptimeMs + ms) }),
    ...(boot === undefined ? {} : { boot }),
  };
}
