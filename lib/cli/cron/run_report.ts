import type { Lease } from "../../port_mapper.ts";
import type { StoredLease } from "../../lease/state.ts";
import type { CommandContext } from "../command.ts";
import { leaseFields, leaseLine } from "../lease_report.ts";
import { changeOf } from "../map/changes.ts";
import type { StandingPorts } from "../map/standing_ports.ts";
import { mappingName } from "../../lease/mapping_name.ts";
import { type MappingOutcome, reportMappings } from "../mapping_report.ts";
import { formatTime } from "../output.ts";
import type { Session } from "../session.ts";
import type { LeaseBook } from "../state/lease_book.ts";
import { type EndedLease, runHooks, writePortFiles } from "../watch/after_map.ts";
import type { HeldPort } from "../watch/port_files.ts";
import { specFinder, type Wish } from "../wishes.ts";
import type { DueOutcome } from "./ask_what_is_due.ts";
import { endsOf, type ReportedEnd, reportedEnds } from "./ended_leases.ts";
import type { OrphanOutcome } from "./orphans.ts";
import type { ToldOnce } from "./told_once.ts";

/** What a run came to. */
export interface RunOutcome {
  /** What was wanted, and who is to hear of it. */
  readonly wishes: readonly Wish[];
  readonly outcomes: readonly DueOutcome[];
  /** What stands after the run, of all that was wanted. */
  readonly standing: StandingPorts;
  readonly orphans: readonly OrphanOutcome[];
  /** The port files that no mapping has any more. */
  readonly abandoned: readonly string[];
  /** The command for mappings that nobody asks for any more. */
  readonly exec: string | undefined;
  readonly externalAddress: string | undefined;
  readonly told: ToldOnce;
}

/** What was made known. */
export interface RunReport {
  readonly exitCode: number;
  /** The leases whose hook failed. */
  readonly untold: readonly Lease[];
  /** The leases that are over, and whether the hook ran. */
  readonly ends: readonly ReportedEnd[];
}

/**
 * Brings the port files up to date, prints a line for each change (without `--quiet` for each mapping), and runs the
 * hooks.
 *
 * @param context The command's context.
 * @param session Its session.
 * @param outcome What the run came to.
 * @returns The exit code, and whom nobody could be told of.
 */
export async function reportRun(
  context: CommandContext,
  session: Session,
  outcome: RunOutcome,
): Promise<RunReport> {
  const { line } = context;
  const { gateway } = session;
  const { wishes } = outcome;
  const externalAddress = outcome.externalAddress ?? session.book?.known.externalAddress;
  // What was left alone may still be reached elsewhere than before.
  const leases = outcome.outcomes.flatMap((one) =>
    "lease" in one ? [one.lease] : "kept" in one ? [session.book!.asLease(one.kept)] : []
  );
  const { held, over } = outcome.standing;
  const gone = outcome.orphans.flatMap((one) => "error" in one ? [] : [one.mapping]);
  const { abandoned } = outcome;
  const isWritten = await writePortFiles(context, { wishes, held, over: [...over, ...gone], abandoned });
  let exitCode = 0;
  if (!line.has("json")) exitCode = await print(context, session, { ...outcome, externalAddress });
  const ends = endsOf(over, session.book);
  const ended = [...ends, ...endedOrphans(outcome)];
  const failed = await runHooks(
    context,
    { gateway, externalAddress, wishes, leases, ended, exec: outcome.exec },
    session.book,
  );
  if (line.has("json")) exitCode = await print(context, session, { ...outcome, externalAddress });
  return {
    exitCode: exitCode !== 0 ? exitCode : isWritten && failed.length === 0 ? 0 : 1,
    untold: leases.filter((lease) => failed.includes(lease)),
    ends: reportedEnds(ends, failed),
  };
}

/** What nobody asks for any more: deleted, or over before that without anybody having heard of it. */
function endedOrphans({ orphans }: RunOutcome): EndedLease[] {
  return orphans.flatMap((one): EndedLease[] => {
    if ("error" in one) return [];
    if (one.wasAlive) return [{ ...one.lease, type: "unmapped" }];
    return one.lease.isEndReported ? [] : [{ ...one.lease, type: "expired" }];
  });
}

function print(context: CommandContext, session: Session, outcome: RunOutcome): Promise<number> {
  const { line, output } = context;
  const { externalAddress, told } = outcome;
  const isQuiet = line.has("quiet");
  const mappings = [
    ...outcome.outcomes.map((one) => describe(one, session, { externalAddress, isQuiet })),
    ...outcome.orphans.flatMap((one) => describeOrphan(one)),
  ];
  const hasChanges = mappings.some((one) => !("error" in one) && one.line !== undefined);
  return reportMappings(output, mappings, {
    command: "map",
    gateway: session.gateway,
    nameOf: mappingName,
    line,
    specOf: specFinder(outcome.wishes),
    isWorthTelling: () => hasChanges || told.hasNews || !isQuiet,
    json: externalAddress === undefined ? {} : { externalAddress },
  });
}

interface DescribeOptions {
  readonly externalAddress: string | undefined;
  readonly isQuiet: boolean;
}

function describe(one: DueOutcome, session: Session, options: DescribeOptions): MappingOutcome {
  const { externalAddress, isQuiet } = options;
  const { mapping } = one;
  if ("error" in one) return one;
  if ("kept" in one) {
    const text = keptLine(one.kept, externalAddress, session.book!);
    const reason = reasonOf(one.kept, session.book, externalAddress);
    return { mapping, ...lineWith(text, reason, isQuiet), json: keptFields(one.kept, session.book!) };
  }
  const text = leaseLine(one.lease, externalAddress);
  const reason = reasonOf(one.lease, session.book, externalAddress);
  return { mapping, ...lineWith(text, reason, isQuiet), json: leaseFields(one.lease, session.clock) };
}

/** The line of a mapping, none for one that is as it was where only changes are told. */
function lineWith(text: string, reason: string | undefined, isQuiet: boolean): { readonly line?: string } {
  if (isQuiet && reason === undefined) return {};
  return { line: reason ? `${text} (${reason})` : text };
}

/** What is new about a lease: empty for one that was never held, `undefined` for one that is as it was. */
function reasonOf(
  lease: HeldPort,
  book: LeaseBook | undefined,
  externalAddress: string | undefined,
): string | undefined {
  const change = changeOf(lease, externalAddress, book);
  const before = book?.leaseOf(lease);
  if (change === undefined || before === undefined) return change && "";
  if (change.type === "changed") {
    const port = change.previousExternalPort ?? lease.externalPort;
    const address = change.previousExternalAddress;
    return `was ${address === undefined ? port : `${address}:${port}`}`;
  }
  const was = before.externalPort === lease.externalPort ? "" : `; was ${before.externalPort}`;
  if (book?.isLost || before.isLost) return `mapped again: the gateway had lost its state${was}`;
  const isUnknown = book?.leftMs(before) === undefined;
  return `mapped again: ${isUnknown ? "how old the lease was is not known" : "the lease had run out"}${was}`;
}

function keptLine(kept: StoredLease, externalAddress: string | undefined, book: LeaseBook): string {
  const { protocol, externalPort, internalPort } = kept;
  const reachedAt = externalAddress === undefined ? externalPort : `${externalAddress}:${externalPort}`;
  const leftSeconds = Math.floor((book.leftMs(kept) ?? 0) / 1000);
  return `${protocol} ${reachedAt} -> ${internalPort}, ${leftSeconds} s left`;
}

function keptFields(kept: StoredLease, book: LeaseBook): Readonly<Record<string, unknown>> {
  const { requestedExternalPort, externalPort, requestedLifetimeSeconds, lifetimeSeconds } = kept;
  const expiresAtMs = book.store.now().wallMs + (book.leftMs(kept) ?? 0);
  return {
    ...(requestedExternalPort === undefined ? {} : { requestedExternalPort }),
    externalPort,
    requestedLifetimeSeconds,
    lifetimeSeconds,
    expiresAt: formatTime(new Date(expiresAtMs)),
    kept: true,
  };
}

function describeOrphan(one: OrphanOutcome): MappingOutcome[] {
  const { mapping } = one;
  if ("error" in one) return [one];
  return one.wasAlive
    ? [{ mapping, line: `${mappingName(mapping)} unmapped`, json: { unmapped: true } }]
    : [];
}
