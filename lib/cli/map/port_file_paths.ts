import { mappingName } from "../../lease/mapping_name.ts";
import type { StoredLease } from "../../lease/state.ts";
import type { MappingKey } from "../../port_mapper.ts";
import { mappingsOf, type Wish } from "../wishes.ts";
import type { World } from "../world.ts";

/** The absolute path of each mapping's port file, by the mapping's name; `undefined` for one that has none. */
export type PortFilePaths = ReadonlyMap<string, string | undefined>;

/**
 * The port files of mappings.
 *
 * @param wishes The mappings.
 * @param world What knows the absolute form of a path.
 * @returns Their paths.
 */
export async function portFilePaths(wishes: readonly Wish[], world: World): Promise<PortFilePaths> {
  const hasFiles = wishes.some(({ portFile }) => portFile !== undefined);
  const machine = hasFiles ? await world.machine() : undefined;
  return new Map(
    wishes.flatMap((wish) => {
      const path = wish.portFile === undefined ? undefined : machine?.absolutePath(wish.portFile);
      return mappingsOf([wish]).map((mapping) => [mappingName(mapping), path] as const);
    }),
  );
}

/** Options of {@linkcode abandonedFiles}. */
export interface AbandonedFilesOptions {
  /** The port files of what the configuration file lists now. */
  readonly portFiles: PortFilePaths;
  /** What was deleted, as the file does not list it any more. */
  readonly gone: readonly MappingKey[];
}

/**
 * The port files that mappings of a configuration file had and that none of them has any more.
 *
 * @param leases What was known of the leases that the configuration file asked for.
 * @param options What is so now.
 * @returns The paths.
 */
export function abandonedFiles(
  leases: readonly StoredLease[],
  { portFiles, gone }: AbandonedFilesOptions,
): readonly string[] {
  const goneNames = new Set(gone.map(mappingName));
  const inUse = new Set(portFiles.values());
  const left = new Set<string>();
  for (const lease of leases) {
    if (lease.portFile === undefined) continue;
    const name = mappingName(lease);
    // One that is not listed and not gone could not be deleted, and its port is still right.
    const isUsed = portFiles.has(name) ? portFiles.get(name) === lease.portFile : !goneNames.has(name);
    (isUsed ? inUse : left).add(lease.portFile);
  }
  return [...left].filter((path) => !inUse.has(path));
}
