/**
 * Points in time that another process can measure from, also when the wall clock has been set meanwhile. Pure.
 *
 * @module
 */

import type { Clock } from "../clock.ts";

/** A time that survives the process and, as well as the system allows, a reboot. */
export interface StoredTime {
  /** The wall clock, in milliseconds since 1970 in UTC. */
  readonly wallMs: number;
  /** How long the machine had been running, suspends included, in milliseconds; absent where the system hides it. */
  readonly uptimeMs?: number | undefined;
  /** Which run of the machine that was; absent where the system hides it. */
  readonly boot?: string | undefined;
}

/** Where the two agree this well, nobody set the wall clock. It is the finer one: an uptime may be whole seconds. */
const TOLERANCE_MS = 2000;

/**
 * How much time passed between two stored times. Within one run of the machine its uptime counts, whatever became of
 * the wall clock. Where it is unknown whether the wall clock was set or the machine started anew, the longer of the two
 * counts: a lease that is thought older than it is gets renewed early.
 *
 * @param from The earlier time.
 * @param to The later one.
 * @returns Milliseconds; `undefined` when by the wall clock no time can have passed.
 *
 * @example The wall clock was set back by a year
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { elapsedMs } from "./stored_time.ts";
 *
 * const from = { wallMs: Date.UTC(2026, 0), uptimeMs: 1000, boot: "a" };
 * assertEquals(elapsedMs(from, { wallMs: Date.UTC(2025, 0), uptimeMs: 61_000, boot: "a" }), 60_000);
 * ```
 */
export function elapsedMs(from: StoredTime, to: StoredTime): number | undefined {
  const wallMs = to.wallMs - from.wallMs;
  const runMs = to.uptimeMs === undefined || from.uptimeMs === undefined ? -1 : to.uptimeMs - from.uptimeMs;
  const isAgreed = Math.abs(wallMs - runMs) <= TOLERANCE_MS && wallMs >= 0;
  const isBootKnown = from.boot !== undefined && to.boot !== undefined;
  if (runMs >= 0 && !(isBootKnown && from.boot !== to.boot)) {
    if (isAgreed) return wallMs;
    return isBootKnown ? runMs : Math.max(wallMs, runMs);
  }
  if (wallMs < 0) return undefined;
  // A machine that started anew has been running since for its uptime, whatever became of its wall clock.
  const isAnew = isBootKnown ? from.boot !== to.boot : runMs < -TOLERANCE_MS;
  return isAnew ? Math.max(wallMs, to.uptimeMs ?? 0) : wallMs;
}

/** The stored time that was, or will be, `ms` milliseconds after another one. */
export function timeAfter({ wallMs, uptimeMs, boot }: StoredTime, ms: number): StoredTime {
  return {
    wallMs: wallMs + ms,
    uptimeMs: uptimeMs === undefined ? undefined : Math.max(0, uptimeMs + ms),
    boot,
  };
}

/** A clock's time where a suspend looks like a wall clock that was set. */
export function storedTimeOf(clock: Pick<Clock, "now" | "wallNow">): StoredTime {
  return { wallMs: clock.wallNow().getTime(), uptimeMs: clock.now() };
}
