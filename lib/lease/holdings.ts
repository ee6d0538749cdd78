/**
 * A keeper's mappings, as those see them who ask how they are. Pure.
 *
 * @module
 */

import type { MappingKey } from "../port_mapper.ts";
import {
  type HeldLease,
  isHeld,
  type Ledger,
  leftMs,
  mappingsOf,
  type Now,
  type WantedMapping,
} from "./ledger.ts";
import { dueInMs } from "./plan.ts";
import { MAX_STEP_MS } from "./timing.ts";

/** The state of one kept mapping. */
export interface Holding {
  /** The wanted mapping that it serves. */
  readonly wanted: WantedMapping;
  /** The mapping. */
  readonly mapping: MappingKey;
  /** The lease, while one lives. */
  readonly lease?: HeldLease | undefined;
  /** How long the lease still lives, in milliseconds. */
  readonly leftMs?: number | undefined;
  /** When the gateway is asked next, in milliseconds of the clock; what is in the past is due. */
  readonly nextTryAtMs: number;
}

/** One entry for each mapping, in the order in which they are wanted. */
export function holdingsOf(
  ledger: Ledger,
  wanted: readonly WantedMapping[],
  { now, quietUntilMs }: { readonly now: Now; readonly quietUntilMs: number },
): readonly Holding[] {
  return wanted.flatMap((one) => {
    const nextTryAtMs = Math.max(now.ms + dueInMs(ledger, one, now), quietUntilMs);
    return mappingsOf([one]).map((mapping) => {
      const entry = ledger.get(mapping);
      if (!isHeld(entry, now.stored)) return { wanted: one, mapping, nextTryAtMs };
      const { lease } = entry;
      return { wanted: one, mapping, nextTryAtMs, lease, leftMs: leftMs(lease, now.stored) };
    });
  });
}

/** Whether nobody waits for the next answer: all is held, and lives for many tries. */
export function isPatient(holdings: readonly Holding[]): boolean {
  return holdings.length > 0 && holdings.every(({ leftMs = 0 }) => leftMs >= MAX_STEP_MS);
}
