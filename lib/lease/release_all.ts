/**
 * Deleting what a keeper leaves behind when it stops.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { DeletionRefusedError, PortMapperError } from "../errors.ts";
import type { MappingKey, PortMapper } from "../port_mapper.ts";
import { RELEASE_ATTEMPTS } from "./acquire.ts";
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

/**
 * Deletes every mapping that stands or may stand, one after the other, each with its share of the time that is left:
 * one send at least, two where there is time (RFC 6886 §3.1). Internal port 0 is left alone: deleting it would delete
 * everything.
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
  const unconfirmed: MappingKey[] = [];
  for (const [i, { wish, mapping }] of standing.entries()) {
    const timeoutMs = Math.max(1, (deadlineMs - clock.now()) / (standing.length - i));
    try {
      await mapper.unmap(wish.toDelete(mapping), {
        timeoutMs,
        maxAttempts: RELEASE_ATTEMPTS,
        signal: late.signal,
      });
      for (const event of wish.drop(mapping, "unmapped")) tell(event);
    } catch (error) {
      if (wish.lease(mapping.protocol) === undefined) continue;
      if (error instanceof DeletionRefusedError) tell({ type: "error", error, mappings: [mapping] });
      else unconfirmed.push(mapping);
    }
  }
  done.abort();
  await alarm;
  if (unconfirmed.length === 0) return;
  const error = new PortMapperError(
    "The gateway did not confirm the deletion; what stands there expires by itself",
  );
  tell({ type: "error", error, mappings: unconfirmed });
}
