/**
 * Processes that keep mappings at the moment.
 *
 * @module
 */

import type { Files } from "../files/files.ts";
import { isSameMapping, type MappingKey } from "../port_mapper.ts";
import type { WatchClaim } from "./records.ts";

/** A process that keeps a mapping now. */
export interface RunningWatch {
  readonly mapping: MappingKey;
  /** The name of the process, where it is known. */
  readonly holder?: string | undefined;
}

/**
 * Finds the first running process that keeps one of some mappings. Whether it runs shows in its lock, which the system
 * frees when it is gone.
 */
export async function findRunningWatch(
  files: Pick<Files, "isLocked" | "holderOf">,
  claims: readonly WatchClaim[],
  mappings: readonly MappingKey[],
): Promise<RunningWatch | undefined> {
  for (const claim of claims) {
    const mapping = mappings.find((mapping) => claim.mappings.some((kept) => isSameMapping(kept, mapping)));
    if (mapping === undefined || !await files.isLocked(claim.lock)) continue;
    return { mapping, holder: await files.holderOf(claim.lock) };
  }
  return undefined;
}

/** Every mapping that a running process keeps. */
export async function watchedMappings(
  files: Pick<Files, "isLocked">,
  claims: readonly WatchClaim[],
): Promise<MappingKey[]> {
  const watched: MappingKey[] = [];
  for (const { lock, mappings } of claims) if (await files.isLocked(lock)) watched.push(...mappings);
  return watched;
}
