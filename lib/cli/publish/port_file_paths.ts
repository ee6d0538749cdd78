import { type Ledger, type LedgerEntry, mappingsOf } from "../../lease/ledger.ts";
import { type MappingKey, mappingName } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import type { RequestedMapping } from "../wanted.ts";

/** The absolute path of each mapping's port file, by the mapping's name; `undefined` for one that has none. */
type PortFilePaths = ReadonlyMap<string, string | undefined>;

async function portFilePaths(
  { world }: CommandContext,
  wanted: readonly RequestedMapping[],
): Promise<PortFilePaths> {
  const { absolutePath } = await world.files();
  const paths = new Map<string, string | undefined>();
  for (const one of wanted) {
    const path = one.portFile === undefined ? undefined : await absolutePath(one.portFile);
    for (const mapping of mappingsOf([one])) paths.set(mappingName(mapping), path);
  }
  return paths;
}

/** Notes in the ledger which port file holds the port of which mapping, for later commands. */
export async function notePortFiles(
  context: CommandContext,
  ledger: Ledger,
  wanted: readonly RequestedMapping[],
): Promise<void> {
  const paths = await portFilePaths(context, wanted);
  for (const mapping of mappingsOf(wanted)) {
    const entry = ledger.get(mapping);
    const portFile = paths.get(mappingName(mapping));
    if (entry?.lease !== undefined && entry.portFile !== portFile) ledger.set({ ...entry, portFile });
  }
}

/** Options of {@linkcode abandonedFiles}. */
export interface AbandonedFilesOptions {
  /** The mappings that the configuration file lists now. */
  readonly wanted: readonly RequestedMapping[];
  /** The mappings that were deleted, as the file does not list them any more. */
  readonly gone: readonly MappingKey[];
}

/** The port files that mappings of a configuration file had, and that none of them has any more. */
export async function abandonedFiles(
  context: CommandContext,
  before: readonly LedgerEntry[],
  { wanted, gone }: AbandonedFilesOptions,
): Promise<readonly string[]> {
  if (before.every(({ portFile }) => portFile === undefined)) return [];
  const paths = await portFilePaths(context, wanted);
  const goneNames = new Set(gone.map(mappingName));
  const inUse = new Set(paths.values());
  const left = new Set<string>();
  for (const entry of before) {
    if (entry.portFile === undefined) continue;
    const name = mappingName(entry);
    // A mapping that is not listed and not gone could not be deleted, and its port is still right.
    const isUsed = paths.has(name) ? paths.get(name) === entry.portFile : !goneNames.has(name);
    (isUsed ? inUse : left).add(entry.portFile);
  }
  return [...left].filter((path) => !inUse.has(path));
}
