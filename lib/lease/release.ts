/**
 * The end of a keeper: it deletes what it holds, records that and reports it.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { DeletionRefusedError, PortMapperError } from "../errors.ts";
import type { MappingKey, PortMapper, Unmapped } from "../port_mapper.ts";
import {
  deleted,
  isHeld,
  type Ledger,
  mappingsOf,
  mayStand,
  type Now,
  toDelete,
  type WantedMapping,
} from "./ledger.ts";
import { endOf, type ErrorEvent, type MappingEvent } from "./news.ts";
import { releaseAll } from "./perform.ts";

/** Options of {@linkcode release}. */
export interface ReleaseOptions {
  readonly mapper: PortMapper;
  readonly clock: Clock;
  readonly now: () => Now;
  /** When to be done. */
  readonly deadlineMs: number;
  readonly report: (event: MappingEvent | ErrorEvent) => void;
}

/** Deletes the wanted mappings that may stand at the gateway and are this process's to delete. */
export async function release(
  ledger: Ledger,
  wanted: readonly WantedMapping[],
  { mapper, clock, now, deadlineMs, report }: ReleaseOptions,
): Promise<void> {
  const startedAt = now();
  const toRelease = mappingsOf(wanted).flatMap((mapping) => {
    const entry = ledger.get(mapping);
    return entry !== undefined && mayStand(entry, startedAt.stored) ? [toDelete(entry, startedAt)] : [];
  });
  const onReleased = (mapping: MappingKey, { closesInSeconds }: Unmapped) => {
    const { entry, event } = endOf(ledger.get(mapping)!, "unmapped");
    ledger.set(deleted(entry));
    if (event !== undefined) report(closesInSeconds === undefined ? event : { ...event, closesInSeconds });
  };
  const left = await releaseAll(toRelease, { mapper, clock, deadlineMs, onReleased });
  const unconfirmed: MappingKey[] = [];
  for (const { mapping, error } of left) {
    if (!isHeld(ledger.get(mapping), now().stored)) continue;
    if (error instanceof DeletionRefusedError) report({ type: "error", error, mappings: [mapping] });
    else unconfirmed.push(mapping);
  }
  if (unconfirmed.length === 0) return;
  const error = new PortMapperError(
    "The router did not confirm the deletion: the mapping may stay there until its lifetime ends",
  );
  report({ type: "error", error, mappings: unconfirmed });
}
