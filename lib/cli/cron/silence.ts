import type { RunState } from "../../lease/state.ts";
import { isLastWord } from "../map/acquire_wishes.ts";
import { ADDRESS_UNKNOWN } from "../map/missing_address.ts";
import { endsSession } from "../session.ts";
import type { LeaseBook } from "../state/lease_book.ts";
import type { DueOutcome } from "./ask_what_is_due.ts";
import type { OrphanOutcome } from "./orphans.ts";

/** What is known of the gateway, and of what it said before. */
export interface SilenceOptions {
  /** What the run before left. */
  readonly before: RunState | undefined;
  readonly book: LeaseBook | undefined;
}

/**
 * Tells whether a gateway that did not answer the question for its address is silent as a whole. It is not when it has
 * answered another request, nor, when none was due, when it is known to map without telling its address.
 *
 * @param outcomes What became of the other requests, and of what was left alone.
 * @param options What is known.
 * @returns What the last request failed with, if there was one; `undefined` when the gateway is not silent.
 */
export function silenceOf(
  outcomes: readonly (DueOutcome | OrphanOutcome)[],
  { before, book }: SilenceOptions,
): { readonly error?: unknown } | undefined {
  const hasAnswered = outcomes.some((one) =>
    "error" in one ? !endsSession(one.error) : "lease" in one || ("wasAlive" in one && one.wasAlive)
  );
  if (hasAnswered) return undefined;
  const failed = outcomes.find(isLastWord);
  if (failed !== undefined && "error" in failed) return { error: failed.error };
  const isKnownToBeMute = before?.told.some((cause) => cause.startsWith(ADDRESS_UNKNOWN)) ||
    (book !== undefined && book.known.externalAddress === undefined);
  return isKnownToBeMute ? undefined : {};
}
