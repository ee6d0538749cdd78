import { acquire, type AcquireOutcome, type MappingWish } from "../../lease/acquire.ts";
import type { MappingKey } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import { endsSession, type Session } from "../session.ts";

/** An outcome that is an error. */
type FailedOutcome = Extract<AcquireOutcome, { error: unknown }>;

/** What became of a mapping, which may be an error. */
type Outcome = { readonly mapping: MappingKey; readonly error?: unknown };

/**
 * Tells whether an outcome is the answer to every further wish too.
 *
 * @param outcome The outcome.
 * @returns Whether asking on is pointless.
 */
export function isLastWord(outcome: Outcome): boolean {
  return "error" in outcome && endsSession(outcome.error);
}

/**
 * Goes through wishes one after the other. Once the gateway has said its last word, the rest get the same.
 *
 * @param wishes The wishes.
 * @param ask What to do for each.
 * @returns What became of each mapping of each wish, in order.
 */
export async function forEachWish<W extends MappingWish, O extends Outcome>(
  wishes: readonly W[],
  ask: (wish: W) => Promise<readonly O[]>,
): Promise<(O | FailedOutcome)[]> {
  const all: (O | FailedOutcome)[] = [];
  for (const wish of wishes) {
    const last = all.find(isLastWord);
    const { internalPort } = wish;
    all.push(
      ...(last === undefined
        ? await ask(wish)
        : wish.protocols.map((protocol) => ({ mapping: { protocol, internalPort }, error: last.error }))),
    );
  }
  return all;
}

/**
 * Acquires what a wish asks for. What is new for it is given back when it fails; what lived before, or may have, is left
 * alone, as far as the state can tell.
 *
 * @param context The command's context.
 * @param session Its session.
 * @param wish What is wanted.
 * @param isNew Whether a mapping did not exist before.
 * @returns What became of each protocol.
 */
export async function acquireWish(
  { world, output }: CommandContext,
  { mapper, book }: Session,
  wish: MappingWish,
  isNew = (mapping: MappingKey) => !["alive", "unknown"].includes(book?.standingOf(mapping) ?? "new"),
): Promise<readonly AcquireOutcome[]> {
  const { outcomes, leftovers } = await acquire(mapper, wish, { signal: world.signal, isNew });
  for (const outcome of outcomes) if ("lease" in outcome) book?.noteGrant(outcome.mapping);
  for (const { protocol, externalPort, lifetimeSeconds } of leftovers) {
    output.warn(
      `External ${protocol} port ${externalPort} could not be released; it expires in ${lifetimeSeconds} s`,
    );
  }
  return outcomes;
}
