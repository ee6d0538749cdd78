import type { Lease, MappingKey } from "../../port_mapper.ts";
import type { LeaseBook } from "../state/lease_book.ts";
import type { HeldPort } from "../watch/port_files.ts";

/** What became of a mapping: granted, left alone, or not to be had. */
type Outcome =
  | { readonly lease: Lease }
  | { readonly kept: HeldPort }
  | { readonly mapping: MappingKey; readonly error: unknown };

/** What others may be told of mappings. */
export interface StandingPorts {
  /** What is held, in the order of the mappings. */
  readonly held: readonly HeldPort[];
  /** What was held and is no more. */
  readonly over: readonly MappingKey[];
}

/**
 * Tells what stands after a command: what it was granted, and of what it could not renew that which still lives, so
 * that a hiccup of the gateway takes no port from anybody. What nobody knows of is in neither list.
 *
 * @param outcomes What became of the mappings, in order.
 * @param book What is known of earlier leases.
 * @returns What is held and what is over.
 */
export function standingPorts(outcomes: readonly Outcome[], book: LeaseBook | undefined): StandingPorts {
  const held: HeldPort[] = [];
  const over: MappingKey[] = [];
  for (const outcome of outcomes) {
    if ("lease" in outcome) held.push(outcome.lease);
    else if ("kept" in outcome) held.push(outcome.kept);
    else {
      const known = book?.leaseOf(outcome.mapping);
      if (known === undefined) continue;
      if (book!.isOver(outcome.mapping)) over.push(outcome.mapping);
      else held.push(known);
    }
  }
  return { held, over };
}
