import { type HeldLease, isReported, leftMs, statusOf } from "../../lease/ledger.ts";
import { changeSince } from "../../lease/news.ts";
import type { DroppedOutcome, RunOutcome } from "../../lease/run_once.ts";
import { type MappingKey, mappingName } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import { closingText, expiredLine, keptLine, leaseFields, leaseLine } from "../publish/lease_report.ts";
import { type MappingOutcome, reportMappings } from "../publish/mapping_report.ts";
import type { StatefulSession } from "../session.ts";
import { type RequestedMapping, specFinder } from "../wanted.ts";
import { isEndNews } from "./ended_leases.ts";
import type { ReportedCauses } from "./reported_causes.ts";

/** The result of a run. */
export interface RunToPrint {
  readonly wanted: readonly RequestedMapping[];
  readonly outcomes: readonly RunOutcome[];
  readonly dropped: readonly DroppedOutcome[];
  readonly externalAddress: string | undefined;
  readonly reported: ReportedCauses;
  /** Whether the router answers again after a failure that was reported. */
  readonly isBack: boolean;
}

/** Prints a line for each change, without `--quiet` for each mapping. */
export function printRun(
  { line, output }: CommandContext,
  session: StatefulSession,
  run: RunToPrint,
): Promise<number> {
  const { state, gateway } = session;
  const { wanted, dropped, reported, isBack, externalAddress = state.record.externalAddress } = run;
  const isQuiet = line.has("quiet");
  const mappings = [
    ...run.outcomes.map((one) =>
      "error" in one
        ? { ...one, ...endOf(one.mapping, session, reported) }
        : describe(one, session, { externalAddress, isQuiet })
    ),
    ...dropped.flatMap((one) => describeDropped(one, session)),
  ];
  if (isBack) output.result(`${gateway} answers again`);
  const hasChanges = mappings.some((one) => !("error" in one) && one.line !== undefined);
  return reportMappings(output, mappings, {
    command: "map",
    gateway,
    nameOf: mappingName,
    line,
    specOf: specFinder(wanted),
    isWorthPrinting: () => hasChanges || isBack || reported.hasNews || !isQuiet,
    json: {
      ...(externalAddress === undefined ? {} : { externalAddress }),
      ...(isBack ? { answersAgain: true } : {}),
    },
  });
}

interface DescribeOptions {
  readonly externalAddress: string | undefined;
  readonly isQuiet: boolean;
}

function describe(
  one: Exclude<RunOutcome, { readonly error: unknown }>,
  session: StatefulSession,
  { externalAddress, isQuiet }: DescribeOptions,
): MappingOutcome {
  const { stored } = session.state.now();
  const { mapping } = one;
  const lease = "kept" in one ? one.kept : one.lease;
  const text = "kept" in one ? keptLine(lease, externalAddress, stored) : leaseLine(lease, externalAddress);
  const json = { ...leaseFields(lease, stored), ...("kept" in one ? { kept: true } : {}) };
  const reason = reasonOf(mapping, lease, session, externalAddress);
  if (isQuiet && reason === undefined) return { mapping, json };
  return { mapping, json, line: reason ? `${text} (${reason})` : text };
}

/** Says how a lease is new: empty for one that was never held, `undefined` for one that is as it was. */
function reasonOf(
  mapping: MappingKey,
  lease: HeldLease,
  { state }: StatefulSession,
  externalAddress: string | undefined,
): string | undefined {
  const before = state.entryBefore(mapping);
  const change = changeSince(lease, { before, isLost: state.isLost, externalAddress, now: state.now() });
  if (change === undefined || before?.lease === undefined) return change && "";
  if (change.type === "changed") {
    const port = change.previousExternalPort ?? lease.externalPort;
    const address = change.previousExternalAddress;
    return `was ${address === undefined ? port : `${address}:${port}`}`;
  }
  const was = before.lease.externalPort === lease.externalPort ? "" : `; was ${before.lease.externalPort}`;
  if (state.isLost || before.isLost) return `mapped again: the router had forgotten its mappings${was}`;
  const isUnknown = leftMs(before.lease, state.now().stored) === undefined;
  return `mapped again: ${isUnknown ? "the age of the lease was unknown" : "the lease had expired"}${was}`;
}

/** The end of a lease that could not be renewed, when this run is the first to find it. */
function endOf(
  mapping: MappingKey,
  { state }: StatefulSession,
  reported: ReportedCauses,
): Pick<MappingOutcome, "line" | "json"> {
  const before = state.entryBefore(mapping);
  const entry = state.ledger.get(mapping);
  if (before?.lease === undefined || entry?.lease === undefined || !isReported(before)) return {};
  const isOver = ["expired", "lost"].includes(statusOf(entry, state.now().stored)!);
  return isOver && isEndNews(reported, before.lease) ? ended(before.lease) : {};
}

function ended(lease: HeldLease) {
  return { line: expiredLine(lease, lease.externalPort), json: { expired: true } } as const;
}

function describeDropped(one: DroppedOutcome, { state }: StatefulSession): MappingOutcome[] {
  const { mapping } = one;
  if ("error" in one) return [one];
  if (one.wasAlive) {
    const { via, closesInSeconds } = one;
    return [{
      mapping,
      line: `${mappingName(mapping)} unmapped${closingText(closesInSeconds)}`,
      json: { via, unmapped: true, closesInSeconds },
    }];
  }
  const before = state.entryBefore(mapping);
  return before?.lease !== undefined && isReported(before) ? [{ mapping, ...ended(before.lease) }] : [];
}
