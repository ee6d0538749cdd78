import type { AcquireOutcome } from "../../lease/acquire.ts";
import type { Lease } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import { configured } from "../config/configured.ts";
import { leaseFields, leaseLine } from "../lease_report.ts";
import { changeOf } from "../map/changes.ts";
import { acquireWish, forEachWish, isLastWord } from "../map/acquire_wishes.ts";
import type { PortFilePaths } from "../map/port_file_paths.ts";
import { type AddressAttempt, tryAddress } from "../map/try_address.ts";
import { mappingName } from "../../lease/mapping_name.ts";
import { reportMappings } from "../mapping_report.ts";
import { commandHint } from "../messages.ts";
import { openSession, type Session } from "../session.ts";
import { asRange } from "../specs.ts";
import { openBook } from "../state/open_book.ts";
import type { Granted } from "../watch/after_map.ts";
import { readWishes, type SpecFinder, specFinder, type Wish } from "../wishes.ts";

/** `natpmp map`: creates or renews mappings, then tells where they are reached. */
export async function map(given: CommandContext): Promise<number> {
  const { context, config } = await configured(given);
  const { line, output } = context;
  const asked = readWishes(line, config);
  if (line.has("check")) {
    const { reportCheck } = await import("../config/check_report.ts");
    return reportCheck(context, asked);
  }
  const { wishes, note } = asked;
  if (line.has("if-due")) {
    const { mapIfDue } = await import("../cron/if_due.ts");
    return await mapIfDue(context, { wishes, config: config?.path });
  }
  const session = await openSession(context, {
    allowPortZero: line.has("allow-port-zero"),
    remember: openBook,
  });
  if (note !== undefined) output.note(note);

  const outcomes = await forEachWish(wishes, (wish) => acquireWish(context, session, wish));
  const leases = outcomes.flatMap((outcome) => "lease" in outcome ? [outcome.lease] : []);
  const isReachable = leases.length > 0 && !outcomes.some(isLastWord);
  const { externalAddress, stopped } = await rememberAndAsk(context, session, {
    leases,
    isReachable,
    config: config?.path,
    portFiles: await portFilesOf(context, wishes),
  });
  const specOf = specFinder(wishes);
  await hintAtMoves(context, session, { outcomes, specOf });
  const isQuiet = line.has("quiet");
  const isChange = (lease: Lease) => changeOf(lease, externalAddress, session.book) !== undefined;
  const report = () =>
    reportMappings(
      output,
      outcomes.map((outcome) =>
        "error" in outcome ? outcome : {
          mapping: outcome.mapping,
          ...(isQuiet && !isChange(outcome.lease) ? {} : { line: leaseLine(outcome.lease, externalAddress) }),
          json: leaseFields(outcome.lease, session.clock),
        }
      ),
      {
        command: "map",
        gateway: session.gateway,
        nameOf: mappingName,
        line,
        specOf,
        isWorthTelling: () => !isQuiet || leases.length < outcomes.length || leases.some(isChange),
        json: externalAddress === undefined ? {} : { externalAddress },
      },
    );
  const granted = { gateway: session.gateway, externalAddress, wishes, leases };
  const exitCode = await tellOthers(context, session, { ...granted, outcomes }, report);
  return exitCode === 0 && stopped !== undefined ? stopped.exitCode : exitCode;
}

interface RememberAndAskOptions {
  readonly leases: readonly Lease[];
  readonly isReachable: boolean;
  /** The configuration file that asked for the leases. */
  readonly config: string | undefined;
  readonly portFiles: PortFilePaths | undefined;
}

/** Where the ports are to be found, for later commands; loaded only where there are such files. */
async function portFilesOf(
  { world }: CommandContext,
  wishes: readonly Wish[],
): Promise<PortFilePaths | undefined> {
  if (wishes.every(({ portFile }) => portFile === undefined)) return undefined;
  const { portFilePaths } = await import("../map/port_file_paths.ts");
  return await portFilePaths(wishes, world);
}

/** The disk takes as long as the gateway does: the one is written to while the other is asked. */
async function rememberAndAsk(
  context: CommandContext,
  session: Session,
  { leases, isReachable, ...asked }: RememberAndAskOptions,
): Promise<AddressAttempt> {
  const { book } = session;
  const asking: Promise<AddressAttempt> = isReachable ? tryAddress(context, session) : Promise.resolve({});
  const [attempt] = await Promise.all([
    asking,
    leases.length === 0 ? undefined : book?.save({ leases, ...asked }),
  ]);
  const { externalAddress, error } = attempt;
  if (error !== undefined) {
    const { warnOfMissingAddress } = await import("../map/missing_address.ts");
    warnOfMissingAddress(context, error);
  }
  if (externalAddress !== undefined) book?.noteAddress(externalAddress);
  // Whoever it is that has another address now has just granted these.
  for (const lease of leases) book?.noteGrant(lease);
  const isNews = externalAddress !== book?.known.externalAddress ||
    leases.some((lease) => book?.leaseOf(lease)?.externalAddress !== externalAddress);
  if (externalAddress !== undefined && (book?.isLost || isNews)) {
    await book?.save({ leases, externalAddress, ...asked });
  }
  return attempt;
}

/** A mapping keeps its external port: RFC 6886 §3.3 has the gateway answer with the one that there is. */
async function hintAtMoves(
  { line, output }: CommandContext,
  { book }: Session,
  { outcomes, specOf }: { readonly outcomes: readonly AcquireOutcome[]; readonly specOf: SpecFinder },
): Promise<void> {
  const stayed = outcomes.flatMap((outcome) => {
    if (!("lease" in outcome)) return [];
    const { mapping, lease: { requestedExternalPort: asked } } = outcome;
    const had = book?.isAlive(mapping) ? book.leaseOf(mapping)?.externalPort : undefined;
    return asked === undefined || had === undefined || asked === had ? [] : [{ mapping, had }];
  });
  if (stayed.length === 0) return;
  const { mappingNames, mappingSpecs, portNames } = await import("../mapping_names.ts");
  // One command line moves all ports of a range.
  for (const group of Map.groupBy(stayed, ({ mapping }) => asRange(specOf(mapping)) ?? mapping).values()) {
    const mappings = group.map(({ mapping }) => mapping);
    const ports = portNames([...new Set(group.map(({ had }) => had))]);
    const [were, them] = group.length === 1
      ? ["was mapped at external port", "it"]
      : ["were mapped at external ports", "them"];
    output.note(
      `${mappingNames(mappings, { rangeOf: () => group })} ${were} ${ports} already: ` +
        `to move ${them}, first unmap ${them} (${commandHint(line, "unmap", mappingSpecs(mappings))})`,
    );
  }
}

/** Brings the port file up to date, reports, and runs the hooks; the one object of JSON holds what they warn of. */
async function tellOthers(
  context: CommandContext,
  { book }: Session,
  granted: Granted & { readonly outcomes: readonly AcquireOutcome[] },
  report: () => Promise<number>,
): Promise<number> {
  const { line, world: { signal } } = context;
  if (granted.wishes.every(({ exec, portFile }) => exec === undefined && portFile === undefined)) {
    return await report();
  }
  const [{ exitCodeAfter, runHooks, writePortFiles }, { standingPorts }] = await Promise.all([
    import("../watch/after_map.ts"),
    import("../map/standing_ports.ts"),
  ]);
  const { wishes, outcomes } = granted;
  const isWritten = await writePortFiles(context, { wishes, ...standingPorts(outcomes, book) });
  let exitCode = 0;
  if (!line.has("json")) exitCode = await report();
  const untold = await runHooks(context, granted, book);
  if (untold.length > 0) await book?.save({ ...granted, untold });
  if (line.has("json")) exitCode = await report();
  return exitCodeAfter(exitCode, { isTold: isWritten && untold.length === 0, signal });
}
