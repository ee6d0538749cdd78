/**
 * Deleting what a keeper leaves behind when it stops.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { MappingKey, PortMapper } from "../port_mapper.ts";
import type { MappingEvent } from "./keeper_event.ts";
import type { KeptWish } from "./kept_wish.ts";

/** Options of {@linkcode releaseAll}. */
export interface ReleaseAllOptions {
  /** The gateway's client. */
  readonly mapper: PortMapper;
  /** Measures and waits. */
  readonly clock: Clock;
  /** When to be done. */
  readonly deadlineMs: number;
  /** Takes what became of each mapping. */
  readonly tell: (
    event: MappingEvent | {
      readonly type: "error";
      readonly error: unknown;
      readonly mappings: readonly MappingKey[];
    },
  ) => void;
}

/** How long the first deletion waits for its answer at most, and the second that follows when there was none. */
const WAITS_MS: readonly number[] = [250, 500];

/**
 * Deletes every mapping that stands or may stand, one after the other, each with its share of the time that is left,
 * so that at least one deletion is sent for each (RFC 6886 §3.1), and a second one for those that were not answered. Internal port 0 is left alone: deleting it would
 * delete everything.
 *
 * @param wishes What is held.
 * @param options The gateway, and the time there is.
 */
export async function releaseAll(wishes: readonly KeptWish[], options: ReleaseAllOptions): Promise<void> {
  const { mapper, clock, deadlineMs, tell } = options;
  const standing = wishes.flatMap((wish) =>
    wish.standing.filter(({ internalPort }) => internalPort !== 0).map((mapping) => ({ wish, mapping }))
  );
  const done = new AbortController();
  const late = new AbortController();
  const alarm = clock.sleep(Math.max(0, deadlineMs - clock.now()), { signal: done.signal })
    .then(() => late.abort(new Error("There is no time left")), () => {});
  let left = standing;
  let failure: unknown;
  for (const [pass, waitMs] of WAITS_MS.entries()) {
    const failed: typeof standing = [];
    for (const [i, { wish, mapping }] of left.entries()) {
      // Each of these and of the next pass gets its share of the time.
      const sends = left.length * (WAITS_MS.length - pass) - i;
      const timeoutMs = Math.max(1, Math.min(waitMs, (deadlineMs - clock.now()) / sends));
      try {
        await mapper.unmap(mapping, { timeoutMs, maxAttempts: 1, signal: late.signal });
        for (const event of wish.drop(mapping, "unmapped")) tell(event);
      } catch (error) {
        failed.push({ wish, mapping });
        failure = error;
      }
    }
    left = failed;
  }
  done.abort();
  await alarm;
  const mappings = left.filter(({ wish, mapping }) => wish.lease(mapping.protocol)).map(({ mapping }) =>
    mapping
  );
  if (mappings.length > 0) tell({ type: "error", error: failure, mappings });
}
