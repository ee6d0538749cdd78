import { standingOf } from "../../lease/lease_life.ts";
import { mayBeOf } from "../../lease/network_namespace.ts";
import {
  isSameMapping,
  type LinkState,
  type RunKey,
  type State,
  type StoredLease,
  withEnds,
} from "../../lease/state.ts";
import type { Moment } from "../../lease/moment.ts";
import type { MappingKey } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import type { LeaseBook } from "../state/lease_book.ts";
import { type EndedLease, runHooks, writePortFiles } from "../watch/after_map.ts";
import { mappingsOf, type Wish } from "../wishes.ts";

/** A lease that is over, and who knows. */
export interface ReportedEnd {
  readonly lease: StoredLease;
  /** Whether the hook ran; else it is run again. */
  readonly isReported: boolean;
}

/** A lease that is over, as far as it is known, and how it ended. */
export type StoredEnd = StoredLease & Pick<EndedLease, "type">;

/**
 * What a hook is to hear of leases that are over: each end once.
 *
 * @param over The mappings whose leases are over.
 * @param book What is known of them.
 * @returns The ends, in the same order.
 */
export function endsOf(over: readonly MappingKey[], book: LeaseBook | undefined): StoredEnd[] {
  return over.flatMap((mapping): StoredEnd[] => {
    const lease = book?.leaseOf(mapping);
    if (lease === undefined || lease.isEndReported) return [];
    return [{ ...lease, type: book!.isDeleted(mapping) ? "unmapped" : "expired" }];
  });
}

/**
 * What is to be remembered of ends, after the hooks have run.
 *
 * @param ends The ends.
 * @param failed The mappings whose hook failed.
 * @returns What became of each.
 */
export function reportedEnds(ends: readonly StoredEnd[], failed: readonly MappingKey[]): ReportedEnd[] {
  return ends.map(({ type: _, ...lease }) => ({
    lease,
    isReported: !failed.some((mapping) => isSameMapping(mapping, lease)),
  }));
}

/** Options of {@linkcode reportEnds}. */
export interface ReportEndsOptions {
  readonly wishes: readonly Wish[];
  readonly state: State;
  /** Whose leases are meant. */
  readonly key: RunKey;
  readonly now: Moment;
}

/**
 * Leases also run out while no gateway can be asked: port files lose their ports, and hooks hear of it.
 *
 * @param context The command's context.
 * @param options What is wanted and known.
 * @returns What is to be remembered: a change of what is known; `undefined` when there is nothing.
 */
export async function reportEnds(
  context: CommandContext,
  { wishes, state, key, now }: ReportEndsOptions,
): Promise<((state: State) => State) | undefined> {
  const links = state.links.filter((link) => link.host === key.host && mayBeOf(link, key));
  const held: StoredLease[] = [];
  const over: { readonly link: LinkState; readonly lease: StoredLease }[] = [];
  for (const mapping of mappingsOf(wishes)) {
    const known = links.flatMap((link) => {
      const lease = link.leases.find((lease) => isSameMapping(lease, mapping));
      return lease === undefined ? [] : [{ link, lease }];
    });
    const living = known.find(({ lease }) => ["alive", "unknown"].includes(standingOf(lease, now)));
    if (living !== undefined) held.push(living.lease);
    else if (known.length > 0) over.push(known.at(-1)!);
  }
  await writePortFiles(context, { wishes, held, over: over.map(({ lease }) => lease) });
  const unreported = over.filter(({ lease }) => !lease.isEndReported);
  let remember: ((state: State) => State) | undefined;
  for (const [link, ended] of Map.groupBy(unreported, ({ link }) => link)) {
    const { gateway, externalAddress } = link;
    const ends = ended.map(({ lease }): StoredEnd => ({ ...lease, type: "expired" }));
    const failed = await runHooks(
      context,
      { gateway, externalAddress, wishes, leases: [], ended: ends },
      undefined,
    );
    const before = remember ?? ((state) => state);
    remember = (state) => withEnds(before(state), link, reportedEnds(ends, failed));
  }
  return remember;
}
