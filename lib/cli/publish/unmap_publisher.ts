import { isReported, mappingsOf, statusOf } from "../../lease/ledger.ts";
import { isSameMapping, type MappingKey } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import type { StatefulSession } from "../session.ts";
import type { RequestedMapping } from "../wanted.ts";
import { Stopped } from "../world.ts";
import type { MappingOutcome } from "./mapping_report.ts";
import type { HeldPort } from "./port_files.ts";
import { type EndedMapping, runHooks, writePortFiles } from "./run_publisher.ts";

/** The result of `unmap`. */
export interface UnmapToPublish {
  /** The mappings of the configuration file, and who is to hear of them. */
  readonly wanted: readonly RequestedMapping[];
  /** The results for the mappings that could be deleted. */
  readonly outcomes: readonly MappingOutcome[];
  /** Prints that; its result is the exit code. */
  readonly report: () => Promise<number>;
}

/**
 * Takes the deleted ports out of the port files, prints the results, and runs the hooks; the one object of JSON holds
 * the warnings of the hooks.
 */
export async function publishUnmap(
  context: CommandContext,
  session: StatefulSession,
  { wanted, outcomes, report }: UnmapToPublish,
): Promise<number> {
  const { line, world: { signal } } = context;
  const { state, gateway } = session;
  const { externalAddress } = state.record;
  const deleted = outcomes.flatMap((one) => "error" in one ? [] : [one.mapping]);
  const { held, over } = othersOf(session, mappingsOf(wanted), deleted);
  const isWritten = await writePortFiles(context, { wanted, held, over: [...over, ...deleted] });
  let exitCode = 0;
  if (!line.has("json")) exitCode = await report();
  const ended = deleted.flatMap(({ protocol, internalPort }): EndedMapping[] => {
    const mapping = { protocol, internalPort };
    const before = state.entryBefore(mapping);
    // A mapping that is not known was never reported, or its end was. Where nothing is remembered, all may be news.
    if (state.isRemembered && (before === undefined || !isReported(before))) return [];
    const { via, externalPort } = before?.lease ?? {};
    return [{ ...mapping, type: "unmapped", via, externalPort }];
  });
  const failed = await runHooks(context, { gateway, externalAddress, wanted, ended });
  if (line.has("json")) exitCode = await report();
  if (exitCode !== 0) return exitCode;
  if (signal.aborted && signal.reason instanceof Stopped) return signal.reason.exitCode;
  return isWritten && failed.length === 0 ? 0 : 1;
}

/** The mappings that were not deleted: what still lives of them, and what is over. */
function othersOf(
  { state }: StatefulSession,
  mappings: readonly MappingKey[],
  deleted: readonly MappingKey[],
): { readonly held: readonly HeldPort[]; readonly over: readonly MappingKey[] } {
  const held: HeldPort[] = [];
  const over: MappingKey[] = [];
  const { stored } = state.now();
  for (const mapping of mappings) {
    const entry = state.ledger.get(mapping);
    if (entry?.lease === undefined || deleted.some((one) => isSameMapping(one, mapping))) continue;
    if (["held", "unknown"].includes(statusOf(entry, stored)!)) held.push(entry.lease);
    else over.push(mapping);
  }
  return { held, over };
}
