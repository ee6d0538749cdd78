/**
 * What to tell of failed tries.
 *
 * @module
 */

import type { MappingKey } from "../port_mapper.ts";
import { causeOf, concernsOneMapping } from "./cause.ts";
import type { KeptWish } from "./kept_wish.ts";

/** An error, and what it concerns. */
export interface NewError {
  /** Says that it is one. */
  readonly type: "error";
  /** The error. */
  readonly error: unknown;
  /** The mappings concerned. */
  readonly mappings: readonly MappingKey[];
}

/**
 * Takes the errors whose cause was not told yet, one for all mappings with the same cause.
 *
 * @param wishes What is kept.
 * @param isGatewayInTrouble Whether it was told that the gateway as a whole does not answer as it should.
 * @returns The errors to tell.
 */
export function takeNewErrors(wishes: readonly KeptWish[], isGatewayInTrouble: boolean): NewError[] {
  const errors = new Map<string, { readonly error: unknown; readonly mappings: MappingKey[] }>();
  for (const wish of wishes) {
    if (isGatewayInTrouble && !concernsOneMapping(wish.untoldError)) wish.untoldError = undefined;
    const error = wish.takeNewError();
    if (error === undefined) continue;
    const same = errors.get(causeOf(error));
    if (same === undefined) errors.set(causeOf(error), { error, mappings: [...wish.mappings] });
    else same.mappings.push(...wish.mappings);
  }
  return [...errors.values()].map((found) => ({ type: "error", ...found }));
}
