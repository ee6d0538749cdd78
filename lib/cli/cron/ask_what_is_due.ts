import type { AcquireOutcome } from "../../lease/acquire.ts";
import { isDue } from "../../lease/due.ts";
import { standingOf } from "../../lease/lease_life.ts";
import { livingKeeper } from "../../lease/living_keeper.ts";
import { renew } from "../../lease/renew.ts";
import type { StoredLease } from "../../lease/state.ts";
import type { MappingKey } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import { acquireWish, forEachWish, isLastWord } from "../map/acquire_wishes.ts";
import { endsSession, type Session } from "../session.ts";
import { mappingsOf, type Wish } from "../wishes.ts";

/** What became of one mapping: asked for, or left alone. */
export type DueOutcome = AcquireOutcome | { readonly mapping: MappingKey; readonly kept: StoredLease };

/** Options of {@linkcode askWhatIsDue}. */
export interface AskWhatIsDueOptions {
  readonly wishes: readonly Wish[];
  /** The time since the run before, in milliseconds; `undefined` when nobody knows. */
  readonly intervalMs: number | undefined;
  /** The configuration file that the wishes stand in. */
  readonly config: string | undefined;
}

/**
 * Asks for what is due of each wish, and leaves the rest alone.
 *
 * @param context The command's context.
 * @param session Its session.
 * @param options What is wanted, and when it is due.
 * @returns What became of each mapping, in order.
 */
export async function askWhatIsDue(
  context: CommandContext,
  session: Session,
  options: AskWhatIsDueOptions,
): Promise<DueOutcome[]> {
  const stuck = await releaseMoved(context, session, options);
  return await forEachWish<Wish, DueOutcome>(options.wishes, async (wish) => {
    const { intervalMs } = options;
    const { book } = session;
    const mappings = mappingsOf([wish]);
    const due = await isKeptElsewhere(context, session, mappings)
      ? []
      : mappings.filter((mapping) =>
        book === undefined || book.isLost || isDue(book.leaseOf(mapping), {
          now: book.store.now(),
          intervalMs,
          lifetimeSeconds: wish.lifetimeSeconds,
        }) || isElsewhere(book.leaseOf(mapping), wish, options) || isWrong(book.leaseOf(mapping), wish)
      );
    const outcomes = due.length === 0 ? [] : await ask(context, session, { ...options, wish, due, stuck });
    const last = outcomes.find(isLastWord);
    return mappings.map((mapping): DueOutcome => {
      const outcome = outcomes.find(({ mapping: { protocol } }) => protocol === mapping.protocol);
      if (outcome !== undefined) return outcome;
      if (last !== undefined && due.includes(mapping)) return { ...last, mapping };
      return { mapping, kept: book!.leaseOf(mapping)! };
    });
  });
}

/** Whether a running `watch` sees to one of the mappings. */
async function isKeptElsewhere(
  { world }: CommandContext,
  { book }: Session,
  mappings: readonly MappingKey[],
): Promise<boolean> {
  if (book === undefined || book.known.keepers.length === 0 || !mappings.every((key) => book.isAlive(key))) {
    return false;
  }
  const { files } = await world.stateHome();
  return await livingKeeper(files, book.known.keepers, mappings) !== undefined;
}

/** Whether the configuration file asked for another external port when the lease was granted. */
function isElsewhere(
  lease: StoredLease | undefined,
  wish: Wish,
  { config }: Pick<AskWhatIsDueOptions, "config">,
): boolean {
  return config !== undefined && lease?.config === config &&
    lease.requestedExternalPort !== wish.externalPort;
}

/** Whether a lease is on another port than the one that has to be: it is asked for again and again. */
function isWrong(lease: StoredLease | undefined, { exact, externalPort }: Wish): boolean {
  return Boolean(exact) && externalPort !== undefined && lease !== undefined &&
    lease.externalPort !== externalPort;
}

/**
 * Deletes what is to have another port: a gateway keeps a mapping on its port (RFC 6886 §3.3). All of it goes before
 * anything is asked for, since one may want the port of another.
 *
 * @returns Why some could not be deleted, so that they stay where they are.
 */
async function releaseMoved(
  context: CommandContext,
  session: Session,
  options: AskWhatIsDueOptions,
): Promise<ReadonlyMap<Wish, unknown>> {
  const { mapper, book } = session;
  const { signal } = context.world;
  const stuck = new Map<Wish, unknown>();
  let lastWord: { readonly error: unknown } | undefined;
  for (const wish of options.wishes) {
    const mappings = mappingsOf([wish]);
    const moved = mappings.filter((mapping) =>
      mapping.internalPort !== 0 && isElsewhere(book?.leaseOf(mapping), wish, options)
    );
    if (moved.length === 0 || await isKeptElsewhere(context, session, mappings)) continue;
    try {
      if (lastWord !== undefined) throw lastWord.error;
      for (const mapping of moved) {
        await mapper.unmap(book!.toDelete(mapping), { signal });
        book!.noteDeletion(mapping);
      }
    } catch (error) {
      stuck.set(wish, error);
      if (endsSession(error)) lastWord = { error };
    }
  }
  return stuck;
}

interface Asking extends AskWhatIsDueOptions {
  /** What could not be deleted, and why. */
  readonly stuck: ReadonlyMap<Wish, unknown>;
  readonly wish: Wish;
  readonly due: readonly MappingKey[];
}

async function ask(
  context: CommandContext,
  session: Session,
  asking: Asking,
): Promise<readonly AcquireOutcome[]> {
  const { wish, due } = asking;
  const { mapper, book } = session;
  const { signal } = context.world;
  const known = wish.protocols.map((protocol) =>
    book?.leaseOf({ protocol, internalPort: wish.internalPort })
  );
  if (asking.stuck.has(wish)) return due.map((mapping) => ({ mapping, error: asking.stuck.get(wish) }));
  if (known.some((lease) => isElsewhere(lease, wish, asking))) {
    return await acquireWish(context, session, wish, () => true);
  }
  const held = known.filter((lease) =>
    lease !== undefined && standingOf(lease, book!.store.now()) !== "expired"
  );
  const isForgotten = book?.isLost || held.some((lease) => lease?.isLost);
  // What the gateway forgot it may have given to others, and then it is as wrong as if it were new.
  if (held.length === 0 || held.some((lease) => isWrong(lease, wish)) || (wish.exact && isForgotten)) {
    return await acquireWish(context, session, wish);
  }
  const outcomes = await renew(mapper, wish, {
    portOf: (protocol) => held.find((lease) => lease?.protocol === protocol)?.externalPort,
    protocols: due.map(({ protocol }) => protocol),
    limits: () => ({ signal }),
  });
  for (const outcome of outcomes) if ("lease" in outcome) book?.noteGrant(outcome.mapping);
  return outcomes;
}
