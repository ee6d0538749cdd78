import type { Files } from "../files/files.ts";
import type { MappingKey } from "../port_mapper.ts";
import { isSameMapping, type KeeperClaim } from "./state.ts";

/** A process that keeps a mapping now. */
export interface LivingKeeper {
  /** The mapping. */
  readonly mapping: MappingKey;
  /** Who it is, as far as it said. */
  readonly holder?: string;
}

/**
 * Finds a living process that keeps one of some mappings. Whether it lives shows in its lock, which the system frees
 * when it is gone.
 *
 * @param files What tries the locks.
 * @param keepers Those who said that they keep mappings.
 * @param mappings The mappings.
 * @returns The first such process; `undefined` when there is none.
 */
export async function livingKeeper(
  files: Pick<Files, "isLocked" | "holderOf">,
  keepers: readonly KeeperClaim[],
  mappings: readonly MappingKey[],
): Promise<LivingKeeper | undefined> {
  for (const claim of keepers) {
    const mapping = mappings.find((mapping) => claim.mappings.some((kept) => isSameMapping(kept, mapping)));
    if (mapping === undefined || !await files.isLocked(claim.lock)) continue;
    const holder = await files.holderOf(claim.lock);
    return holder === undefined ? { mapping } : { mapping, holder };
  }
  return undefined;
}
