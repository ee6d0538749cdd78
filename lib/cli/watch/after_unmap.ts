import { isSameMapping } from "../../lease/state.ts";
import type { CommandContext } from "../command.ts";
import { standingPorts } from "../map/standing_ports.ts";
import type { MappingOutcome } from "../mapping_report.ts";
import type { Session } from "../session.ts";
import { mappingsOf, type Wish } from "../wishes.ts";
import { type EndedLease, exitCodeAfter, runHooks, writePortFiles } from "./after_map.ts";

/** What `unmap` did. */
export interface UnmapOutcome {
  /** The mappings of the configuration file, and who is to hear of them. */
  readonly wishes: readonly Wish[];
  /** What became of those that could be deleted. */
  readonly outcomes: readonly MappingOutcome[];
  /** Prints that; its result is the exit code. */
  readonly report: () => Promise<number>;
}

/**
 * Takes the ports of what was deleted out of the port files, reports, and runs the hooks; the one object of JSON holds
 * what they warn of.
 *
 * @param context The command's context.
 * @param session Its session.
 * @param outcome What was done.
 * @returns The exit code.
 */
export async function tellOthers(
  context: CommandContext,
  { book, gateway }: Session,
  { wishes, outcomes, report }: UnmapOutcome,
): Promise<number> {
  const { line, world: { signal } } = context;
  const deleted = outcomes.flatMap((one) => "error" in one ? [] : [one.mapping]);
  const left = mappingsOf(wishes)
    .filter((mapping) => !deleted.some((one) => isSameMapping(one, mapping)))
    .map((mapping) => ({ mapping, error: undefined }));
  const { held, over } = standingPorts(left, book);
  const isWritten = await writePortFiles(context, { wishes, held, over: [...over, ...deleted] });
  let exitCode = 0;
  if (!line.has("json")) exitCode = await report();
  const ended = deleted.flatMap(({ protocol, internalPort }): EndedLease[] => {
    const lease = book?.leaseOf({ protocol, internalPort });
    // What is not known was never reported, or its end was. Without a state nothing is known, and all may be news.
    if (book !== undefined && (lease === undefined || lease.isEndReported)) return [];
    return [{ ...(lease ?? { protocol, internalPort }), type: "unmapped" }];
  });
  const externalAddress = book?.known.externalAddress;
  const failed = await runHooks(context, { gateway, externalAddress, wishes, leases: [], ended }, book);
  if (line.has("json")) exitCode = await report();
  return exitCodeAfter(exitCode, { isTold: isWritten && failed.length === 0, signal });
}
