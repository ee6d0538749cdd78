import { BusyError, EpochIgnoredError, NoAnswerError, StoreError } from "../../errors.ts";
import type { HeldLock } from "../../files/wait_for_lock.ts";
import { type HeldLease, isReported, lifeMs, mappingsOf } from "../../lease/ledger.ts";
import { runOnce, type RunOutcome, type RunResult } from "../../lease/run_once.ts";
import { isTooShort } from "../../lease/run_plan.ts";
import { elapsedMs } from "../../lease/stored_time.ts";
import { type MappingKey, mappingName } from "../../port_mapper.ts";
import { EMPTY_STATE, type RunKey, runOf, type RunRecord, type State, withRun } from "../../state/records.ts";
import { watchedMappings } from "../../state/running_watch.ts";
import type { StateFile } from "../../state/state_file.ts";
import { holderName, placeOf } from "../../state/state_paths.ts";
import type { CommandContext } from "../command.ts";
import { EXIT_CODES } from "../exit_codes.ts";
import { type Failure, failureOf } from "../failure.ts";
import { ADDRESS_UNKNOWN, warnOfMissingAddress } from "../missing_address.ts";
import { openGatewayState, openStateFile } from "../open_state.ts";
import { leaseWarning, leftoverWarning } from "../publish/lease_report.ts";
import { abandonedFiles, notePortFiles } from "../publish/port_file_paths.ts";
import { publishRun } from "../publish/run_publisher.ts";
import { runParts } from "../run_parts.ts";
import {
  openStatefulSession,
  readForHost,
  readTimeoutMs,
  type StatefulSession,
  stopsCommand,
  warnOfAddress,
} from "../session.ts";
import { UsageError } from "../usage_error.ts";
import type { RequestedMapping } from "../wanted.ts";
import { Stopped } from "../world.ts";
import { publishEnds } from "./ended_leases.ts";
import { HANGS_AFTER_MS, MissedRuns } from "./missed_runs.ts";
import { onlyRun, runPath } from "./only_run.ts";
import { rememberedGateway } from "./remembered_leases.ts";
import { ReportedCauses } from "./reported_causes.ts";
import { printRun } from "./run_report.ts";

/** The mappings that `map --if-due` is asked for. */
export interface IfDueOptions {
  readonly wanted: readonly RequestedMapping[];
  /** The configuration file that they stand in. */
  readonly config?: string | undefined;
}

/** The parts of a run. */
interface Run extends IfDueOptions {
  readonly context: CommandContext;
  readonly file: StateFile | undefined;
  /** The state when the run began. */
  readonly state: State;
  readonly reported: ReportedCauses;
  /** The record of the run before; absent where the state has none. */
  readonly before: RunRecord | undefined;
  readonly key: RunKey;
  readonly missed: MissedRuns;
  /** The time since then; `undefined` when nobody knows. */
  readonly intervalMs: number | undefined;
}

/**
 * `natpmp map --if-due`: one address request, then what is due for renewal and nothing else. Reports only what the run
 * before did not.
 */
export async function mapIfDue(context: CommandContext, options: IfDueOptions): Promise<number> {
  const { line, world } = context;
  if (line.has("no-state")) {
    throw new UsageError("Option --if-due needs to know the leases of earlier runs: leave out --no-state");
  }
  const [{ state: paths }, { clock }, file] = await Promise.all([
    world.files(),
    world.network(),
    openStateFile(context, { timeoutMs: readTimeoutMs(line) }),
  ]);
  const key = { ...placeOf(paths), source: sourceOf(options, readForHost(line)) };
  const { files } = paths;
  const holder = holderName(line.command, paths);
  const only = file && await onlyRun(file, key, { files, clock, holder });
  const missed = new MissedRuns({ files, path: file && `${runPath(file, key)}.missed` });
  try {
    const run = await prepare(context, { ...options, key, missed, file });
    if (only !== undefined && "heldBy" in only) return await yieldToCopy(run, only);
    const exitCode = await attempt(run);
    await missed.end();
    return exitCode;
  } finally {
    if (only !== undefined && "release" in only) only.release();
  }
}

/** Leaves the work to a copy that is running; in silence, unless that copy hangs. */
async function yieldToCopy(run: Run, { heldBy, heldForMs }: HeldLock): Promise<number> {
  const copy = `Another natpmp map --if-due${heldBy === undefined ? "" : ` (${heldBy})`}`;
  const message = heldForMs >= HANGS_AFTER_MS
    ? `${copy} has been running for ${Math.floor(heldForMs / 60_000)} min: ` +
      "check whether it hangs, and end it. Until then natpmp renews nothing"
    : `${copy} is running. If it does not end soon, check whether it hangs, and end it: until then natpmp renews nothing`;
  const failure = {
    message,
    cause: "another run hangs",
    exitCode: EXIT_CODES.busy,
    json: { kind: "busy" as const, message },
  };
  return await yieldTo(run, failure, { heldForMs });
}

interface YieldOptions {
  /** For how long the lock has been held. */
  readonly heldForMs?: number | undefined;
  readonly gateway?: string | undefined;
}

/** Ends without the work, as another process has a lock: the next run does it. Too many in a row are reported. */
async function yieldTo(
  run: Run,
  failure: Omit<Failure, "isDefect">,
  { heldForMs, gateway }: YieldOptions,
): Promise<number> {
  const { missed, context: { line, output } } = run;
  if (await missed.isReported({ heldForMs })) return await comeToNothing(run, failure, { gateway });
  if (!line.has("quiet")) {
    output.json({ command: "map", ...inJson(gateway), via: failure.via, error: failure.json });
  }
  return 0;
}

function inJson(gateway: string | undefined): { readonly gateway?: string } {
  return gateway === undefined ? {} : { gateway };
}

async function prepare(
  context: CommandContext,
  options: IfDueOptions & Pick<Run, "key" | "missed" | "file">,
): Promise<Run> {
  const { file, key } = options;
  // The session reports the error when it reads the state itself.
  const state = await file?.read().catch(() => undefined) ?? EMPTY_STATE;
  const before = runOf(state, key);
  const intervalMs = before && file && elapsedMs(before.at, file.now());
  // Without --quiet somebody is there to read it.
  const reported = new ReportedCauses(before?.reported ?? [], { repeats: !context.line.has("quiet") });
  const output = context.output.reporting((cause) => reported.isNews(cause));
  return { ...options, context: { ...context, output }, state, reported, before, intervalMs };
}

/** The name by which the state knows a run. */
function sourceOf({ config, wanted }: IfDueOptions, forHost: string | undefined): string {
  const what = config ?? mappingsOf(wanted).map(mappingName).join(", ");
  return forHost === undefined ? what : `${what} for ${forHost}`;
}

async function attempt(run: Run): Promise<number> {
  try {
    return await talk(run);
  } catch (error) {
    return await fail(run, error);
  }
}

/** Reports why a run came to nothing. */
async function fail(run: Run, error: unknown, gateway?: string): Promise<number> {
  const { file, context: { line } } = run;
  const remembered = file && gateway !== undefined
    ? rememberedGateway(gateway, { ...run, now: file.now() })
    : undefined;
  const failure = failureOf(error, { line, remembered });
  if (error instanceof BusyError) return await yieldTo(run, failure, { heldForMs: error.heldForMs, gateway });
  if (error instanceof Stopped || failure.isDefect) throw error;
  const ended = error instanceof UsageError ? [] : await reportWhatEnded(run);
  return await comeToNothing(run, failure, { gateway, ended });
}

/** Causes with this prefix stopped the whole run; a later run that gets further drops them. */
const NOTHING_DONE = "nothing done: ";

/** How those causes go on that end when the router answers. */
const AWAY = ["silence", "not supported: ", "NoGatewayError: "];

/** Whether a cause holds until a run has judged it. */
function isLasting(cause: string): boolean {
  return !cause.startsWith(NOTHING_DONE);
}

interface NothingOptions {
  readonly gateway?: string | undefined;
  /** The mappings whose ends the run reported. */
  readonly ended?: readonly MappingKey[];
}

/** Reports why a run did nothing. Remembers that, and the causes that the run could not judge. */
async function comeToNothing(
  run: Run,
  { message, cause, via, json, exitCode }: Omit<Failure, "isDefect">,
  { gateway, ended = [] }: NothingOptions,
): Promise<number> {
  const { context: { line, output }, reported } = run;
  output.fail(message, `${NOTHING_DONE}${cause}`);
  reported.carry(isLasting);
  if (!line.has("quiet") || reported.hasNews) {
    const mappings = ended.map(({ protocol, internalPort }) => ({ protocol, internalPort, expired: true }));
    output.json({
      command: "map",
      ...inJson(gateway),
      ...(mappings.length === 0 ? {} : { mappings }),
      via,
      error: json,
    });
  }
  await rememberFailure(run);
  return exitCode;
}

async function talk(run: Run): Promise<number> {
  const { context, wanted, config, file, intervalMs } = run;
  const { line, world } = context;
  const { state: { files } } = await world.files();
  const allowPortZero = line.has("allow-port-zero");
  // Where `file` is absent, that was reported already.
  const session = await openStatefulSession(context, {
    allowPortZero,
    openState: openGatewayState,
    file: file ?? "none",
  });
  const watched = await watchedMappings(files, session.state.record.watches);
  const policy = { kind: "due", intervalMs, config } as const;
  const result = withoutBusyDeletions(
    run,
    await runOnce(wanted, policy, await runParts(context, session, { config, watched })),
  );
  const stop = stopOf(run, session, result);
  if (stop !== undefined) {
    await session.state.saveNews();
    return await fail(run, stop.error, session.gateway);
  }
  return await report(run, session, result);
}

function isBusy<T extends object>(one: T): one is T & { readonly error: BusyError } {
  return "error" in one && one.error instanceof BusyError;
}

/** Drops the deletions that had no turn from a run's result: the next run does them. */
function withoutBusyDeletions({ reported }: Run, result: RunResult): RunResult {
  const dropped = result.dropped.filter((one) => !isBusy(one));
  // They are not judged.
  if (dropped.length < result.dropped.length) reported.carry(isLasting);
  return { ...result, dropped };
}

/** Finds the error that ended a run, if any. A gateway that does not report its address may map all the same. */
function stopOf(
  run: Run,
  { state }: StatefulSession,
  result: RunResult,
): { readonly error: unknown } | undefined {
  const { probeError, outcomes, dropped } = result;
  if (probeError === undefined || !stopsCommand(probeError)) return undefined;
  if (!(probeError instanceof NoAnswerError)) return { error: probeError };
  if (hasAnswered(result)) return undefined;
  const failed = [...dropped, ...outcomes].find((one) => "error" in one && stopsCommand(one.error));
  if (failed !== undefined && "error" in failed) return { error: failed.error };
  const isKnownToBeMute = run.before?.reported.some((cause) => cause.startsWith(ADDRESS_UNKNOWN)) ||
    (state.isRemembered && state.record.externalAddress === undefined);
  return isKnownToBeMute ? undefined : { error: probeError };
}

/** Whether the gateway answered anything. */
function hasAnswered({ probeError, outcomes, dropped }: RunResult): boolean {
  return probeError === undefined || !stopsCommand(probeError) ||
    [...outcomes, ...dropped].some((one) =>
      "error" in one ? !stopsCommand(one.error) : "lease" in one || ("wasAlive" in one && one.wasAlive)
    );
}

/** Whether the run before reported that there was no gateway, or that it did not answer as one. */
function wasAway({ before }: Run): boolean {
  const causes = before?.reported ?? [];
  return AWAY.some((away) => causes.some((cause) => cause.startsWith(NOTHING_DONE + away)));
}

async function report(run: Run, session: StatefulSession, result: RunResult): Promise<number> {
  const { context, wanted, config, reported, intervalMs } = run;
  const { state, mapper } = session;
  const { externalAddress, probeError, dropped } = result;
  const isBack = wasAway(run) && hasAnswered(result);
  const outcomes = await withoutMissed(run, result.outcomes);
  const leases = outcomes.flatMap((outcome) => "lease" in outcome ? [outcome.lease] : []);
  warnOfLeftovers(context, result);
  warnOfAddress(context, externalAddress);
  for (const lease of leases) {
    const warning = leaseWarning(lease);
    if (warning !== undefined) context.output.warn(warning);
  }
  if (probeError !== undefined) warnOfMissingAddress(context, probeError);
  if (mapper.ignoresEpoch) {
    context.output.warn(new EpochIgnoredError(session.gateway).message, "epoch ignored");
  }
  const shortRuns = leases.length === 0
    ? run.before?.shortRuns ?? 0
    : leases.some((lease) => isTooShort(lifeMs(lease), intervalMs))
    ? (run.before?.shortRuns ?? 0) + 1
    : 0;
  // A busy gateway is not judged, and the next run does it.
  if (outcomes.length < result.outcomes.length) reported.carry(isLasting);
  if (leases.length === 0) reported.carry((cause) => cause === SHORT_LEASES);
  else if (shortRuns >= SHORT_RUNS) warnOfShortLeases(run, leases);
  const note = (state: State) => noteRun(run, state, shortRuns);
  noteReported(session, outcomes, externalAddress);
  await notePortFiles(context, state.ledger, wanted);
  // Before the report, which may take long and be cut short.
  await state.save(note);
  const causesBefore = reported.causes.length;
  const gone = dropped.flatMap((one) => "error" in one ? [] : [one.mapping]);
  const entriesBefore = config === undefined
    ? []
    : state.record.entries.filter((one) => one.config === config);
  const exitCode = await publishRun(context, session, {
    wanted,
    outcomes: result.outcomes,
    externalAddress,
    dropped: dropped.flatMap((one) => {
      const before = state.entryBefore(one.mapping);
      if ("error" in one || (!one.wasAlive && (before === undefined || !isReported(before)))) return [];
      const { mapping, via, externalPort, wasAlive } = one;
      const type = wasAlive ? "unmapped" as const : "expired" as const;
      return [{ ...mapping, type, via, externalPort, hookPending: before?.hookPending }];
    }),
    abandoned: await abandonedFiles(context, entriesBefore, { wanted, gone }),
    exec: context.line.value("exec"),
    report: () =>
      printRun(context, session, { wanted, outcomes, dropped, externalAddress, reported, isBack }),
  });
  if (reported.causes.length > causesBefore) await state.save(note);
  return exitCode;
}

/** Notes what this run reports, so that no later run repeats it. */
function noteReported(
  { state }: StatefulSession,
  outcomes: readonly RunOutcome[],
  externalAddress: string | undefined,
): void {
  for (const outcome of outcomes) {
    if ("error" in outcome) continue;
    const { externalPort } = "lease" in outcome ? outcome.lease : outcome.kept;
    state.ledger.change(outcome.mapping, (entry) => ({
      ...entry,
      reported: { externalPort, externalAddress: externalAddress ?? entry.reported?.externalAddress },
      hookPending: false,
    }));
  }
}

function warnOfLeftovers({ output }: CommandContext, { leftovers }: RunResult): void {
  for (const lease of leftovers) output.warn(leftoverWarning(lease));
}

/** Drops the mappings that had no turn from the outcomes, unless that is reported. */
async function withoutMissed({ missed }: Run, all: readonly RunOutcome[]): Promise<readonly RunOutcome[]> {
  const busy = all.find(isBusy);
  if (busy === undefined || await missed.isReported(busy.error)) return all;
  return all.filter((one) => !isBusy(one));
}

/**
 * Leases run out while nobody answers, and their ports are not to be published for longer than they live.
 *
 * @returns The mappings whose ends this run is the first to report.
 */
async function reportWhatEnded(run: Run): Promise<readonly MappingKey[]> {
  const { context, file } = run;
  if (file === undefined) return [];
  const { printed, remember } = await publishEnds(context, { ...run, now: file.now() });
  if (remember !== undefined) await updateFile(run, remember);
  return printed;
}

/** This many runs in a row that found leases too short are not an accident. */
const SHORT_RUNS = 2;

/** The cause that a run without a grant cannot judge. */
const SHORT_LEASES = "short leases";

function warnOfShortLeases({ context, intervalMs = 0 }: Run, leases: readonly HeldLease[]): void {
  const shortest = Math.min(...leases.map((lease) => lifeMs(lease) / 1000));
  context.output.warn(
    `The router grants leases of ${shortest} s, but the previous run was ${
      Math.round(intervalMs / 1000)
    } s ago: ` +
      "a lease may expire between two runs. Use natpmp watch instead",
    SHORT_LEASES,
  );
}

function noteRun({ reported: { causes }, key, file }: Run, state: State, shortRuns: number): State {
  return withRun(state, { ...key, at: file!.now(), reported: causes, shortRuns });
}

/** Remembers a run that did nothing. */
async function rememberFailure(run: Run): Promise<void> {
  await updateFile(run, (state) => noteRun(run, state, run.before?.shortRuns ?? 0));
}

async function updateFile({ file, context }: Run, change: (state: State) => State): Promise<void> {
  try {
    await file?.update(change);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    context.output.warn(error.message);
  }
}
