import type { LedgerEntry } from "../../lease/ledger.ts";
import { changeSince } from "../../lease/news.ts";
import { runOnce, type RunOutcome, type RunResult } from "../../lease/run_once.ts";
import { mappingName } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import { configured } from "../config/configured.ts";
import { openGatewayState } from "../open_state.ts";
import { leaseFields, leaseLine, leaseWarning, leftoverWarning } from "../publish/lease_report.ts";
import { reportMappings } from "../publish/mapping_report.ts";
import { runParts } from "../run_parts.ts";
import { askAddress, openStatefulSession, type StatefulSession, warnOfAddress } from "../session.ts";
import { asRange } from "../specs.ts";
import { readWanted, type RequestedMapping, type SpecFinder, specFinder } from "../wanted.ts";
import { Stopped } from "../world.ts";

/** `natpmp map`: creates or renews mappings, then prints where they are reached. */
export async function map(given: CommandContext): Promise<number> {
  const { context, config } = await configured(given);
  const { line, output } = context;
  const asked = readWanted(line, config);
  if (line.has("check")) {
    const { reportCheck } = await import("../config/check_report.ts");
    return reportCheck(context, asked);
  }
  const { wanted, note } = asked;
  if (line.has("if-due")) {
    const { mapIfDue } = await import("../cron/if_due.ts");
    return await mapIfDue(context, { wanted, config: config?.path });
  }
  const session = await openStatefulSession(context, {
    allowPortZero: line.has("allow-port-zero"),
    openState: openGatewayState,
  });
  if (note !== undefined) output.note(note);
  const result = await run(context, session, { wanted, config: config?.path });
  const specOf = specFinder(wanted);
  await hintAtMoves(context, session, { outcomes: result.outcomes, specOf });
  const exitCode = await publish(context, session, { wanted, result });
  const { probeError: stopped } = result;
  return exitCode === 0 && stopped instanceof Stopped ? stopped.exitCode : exitCode;
}

interface Asked {
  readonly wanted: readonly RequestedMapping[];
  /** The configuration file that asks for it. */
  readonly config: string | undefined;
}

/** Asks for everything. The disk is as slow as the gateway, so both work at the same time. */
async function run(
  context: CommandContext,
  session: StatefulSession,
  { wanted, config }: Asked,
): Promise<RunResult> {
  const { state } = session;
  const { notePortFiles } = wanted.some(({ portFile }) => portFile !== undefined)
    ? await import("../publish/port_file_paths.ts")
    : { notePortFiles: undefined };
  const save = async () => {
    await notePortFiles?.(context, state.ledger, wanted);
    await state.saveNews();
  };
  const probe = async () => {
    // If one fails, the other still has to end: the next save would find the file locked by this process.
    const [asked, saved] = await Promise.allSettled([askAddress(context, session), save()]);
    if (saved.status === "rejected") throw saved.reason;
    if (asked.status === "rejected") throw asked.reason;
    return asked.value;
  };
  const result = await runOnce(
    wanted,
    { kind: "everything" },
    await runParts(context, session, { config, probe }),
  );
  const isOneOff = context.line.has("no-state");
  if (
    isOneOff && result.outcomes.some((outcome) => "lease" in outcome && outcome.lease.token !== undefined)
  ) {
    context.output.note(
      "Without the state file, natpmp can neither renew nor delete what it mapped over PCP: " +
        "the port stays open until the lifetime ends",
    );
  }
  for (const lease of result.leftovers) context.output.warn(leftoverWarning(lease));
  if (result.probeError !== undefined) {
    const { warnOfMissingAddress } = await import("../missing_address.ts");
    warnOfMissingAddress(context, result.probeError);
  }
  const { externalAddress } = result;
  warnOfAddress(context, externalAddress);
  for (const outcome of result.outcomes) {
    if (!("lease" in outcome)) continue;
    const warning = leaseWarning(outcome.lease);
    if (warning !== undefined) context.output.warn(warning);
    const { externalPort } = outcome.lease;
    state.ledger.change(outcome.mapping, (entry) => ({
      ...entry,
      reported: { externalPort, externalAddress: externalAddress ?? entry.reported?.externalAddress },
      hookPending: false,
    }));
  }
  await save();
  return result;
}

/** A mapping keeps its external port: by RFC 6886 §3.3 the gateway answers with the port that the mapping has. */
async function hintAtMoves(
  { line, output }: CommandContext,
  { state }: StatefulSession,
  { outcomes, specOf }: { readonly outcomes: readonly RunOutcome[]; readonly specOf: SpecFinder },
): Promise<void> {
  const stayed = outcomes.flatMap((outcome) => {
    if (!("lease" in outcome)) return [];
    const { mapping, lease: { requestedExternalPort: asked } } = outcome;
    const had = state.wasHeld(mapping) ? state.entryBefore(mapping)?.lease?.externalPort : undefined;
    return asked === undefined || had === undefined || asked === had ? [] : [{ mapping, had }];
  });
  if (stayed.length === 0) return;
  const [{ mappingNames, mappingSpecs, portNames }, { commandHint }] = await Promise.all([
    import("../mapping_names.ts"),
    import("../messages.ts"),
  ]);
  // One command line moves all ports of a range.
  for (const group of Map.groupBy(stayed, ({ mapping }) => asRange(specOf(mapping)) ?? mapping).values()) {
    const mappings = group.map(({ mapping }) => mapping);
    const ports = portNames([...new Set(group.map(({ had }) => had))]);
    const [have, them] = group.length === 1
      ? ["already has external port", "it"]
      : ["already have external ports", "them"];
    output.note(
      `${mappingNames(mappings, { rangeOf: () => group })} ${have} ${ports}: ` +
        `to move ${them}, first unmap ${them} (${commandHint(line, "unmap", mappingSpecs(mappings))})`,
    );
  }
}

/** Brings the port file up to date, reports, and runs the hooks. Their warnings are in the object of JSON. */
async function publish(
  context: CommandContext,
  session: StatefulSession,
  { wanted, result }: { readonly wanted: readonly RequestedMapping[]; readonly result: RunResult },
): Promise<number> {
  const report = () => reportRun(context, session, { wanted, result });
  if (wanted.every(({ exec, portFile }) => exec === undefined && portFile === undefined)) {
    return await report();
  }
  const { publishRun } = await import("../publish/run_publisher.ts");
  return await publishRun(context, session, {
    wanted,
    outcomes: result.outcomes,
    externalAddress: result.externalAddress,
    report,
  });
}

function reportRun(
  { line, output }: CommandContext,
  { gateway, state }: StatefulSession,
  { wanted, result }: { readonly wanted: readonly RequestedMapping[]; readonly result: RunResult },
): Promise<number> {
  const { outcomes, externalAddress } = result;
  const isQuiet = line.has("quiet");
  const now = state.now();
  const isChange = (outcome: RunOutcome & { readonly lease: NonNullable<LedgerEntry["lease"]> }) =>
    changeSince(outcome.lease, {
      before: state.entryBefore(outcome.mapping),
      isLost: state.isLost,
      externalAddress,
      now,
    }) !== undefined;
  const isNews = outcomes.some((outcome) => !("lease" in outcome) || isChange(outcome));
  return reportMappings(
    output,
    outcomes.map((outcome) =>
      "error" in outcome ? outcome : "kept" in outcome ? { mapping: outcome.mapping, json: {} } : {
        mapping: outcome.mapping,
        ...(isQuiet && !isChange(outcome) ? {} : { line: leaseLine(outcome.lease, externalAddress) }),
        json: leaseFields(outcome.lease, now.stored),
      }
    ),
    {
      command: "map",
      gateway,
      nameOf: mappingName,
      line,
      specOf: specFinder(wanted),
      isWorthPrinting: () => !isQuiet || isNews,
      json: externalAddress === undefined ? {} : { externalAddress },
    },
  );
}
