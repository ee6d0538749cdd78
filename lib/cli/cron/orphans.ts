import { BusyError } from "../../errors.ts";
import { standingOf } from "../../lease/lease_life.ts";
import { livingKeeper } from "../../lease/living_keeper.ts";
import { isSameMapping, type StoredLease } from "../../lease/state.ts";
import type { MappingKey } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import { endsSession, type Session } from "../session.ts";
import { mappingsOf, type Wish } from "../wishes.ts";

/** What became of a mapping that its configuration file does not have any more. */
export type OrphanOutcome =
  | { readonly mapping: MappingKey; readonly lease: StoredLease; readonly wasAlive: boolean }
  | { readonly mapping: MappingKey; readonly error: unknown };

/** Options of {@linkcode deleteOrphans}. */
export interface DeleteOrphansOptions {
  readonly wishes: readonly Wish[];
  /** The configuration file. */
  readonly config: string;
}

/**
 * Deletes the mappings that a configuration file had and no longer has. What is over already is only forgotten, and so
 * is internal port 0, whose deletion would delete everything; what a running `watch` keeps stays.
 *
 * @param context The command's context.
 * @param session Its session.
 * @param options What the file has now.
 * @returns What became of each.
 */
export async function deleteOrphans(
  { world }: CommandContext,
  { mapper, book }: Session,
  { wishes, config }: DeleteOrphansOptions,
): Promise<OrphanOutcome[]> {
  if (book === undefined) return [];
  const wished = mappingsOf(wishes);
  const orphans = book.known.leases.filter((lease) =>
    lease.config === config && !wished.some((mapping) => isSameMapping(mapping, lease))
  );
  const outcomes: OrphanOutcome[] = [];
  for (const lease of orphans) {
    const { protocol, internalPort } = lease;
    const mapping = { protocol, internalPort };
    const { files } = await world.stateHome();
    if (await livingKeeper(files, book.known.keepers, [mapping]) !== undefined) continue;
    const standing = book.isLost ? "lost" : standingOf(lease, book.store.now());
    const wasAlive = standing === "alive" || standing === "unknown";
    try {
      if (wasAlive && internalPort !== 0) {
        await mapper.unmap(book.toDelete(mapping), { signal: world.signal });
      }
      book.noteDeletion(mapping);
      outcomes.push({ mapping, lease, wasAlive });
    } catch (error) {
      // Another process is at the gateway, and the next run deletes it.
      if (error instanceof BusyError) break;
      outcomes.push({ mapping, error });
      if (endsSession(error)) break;
    }
  }
  return outcomes;
}
