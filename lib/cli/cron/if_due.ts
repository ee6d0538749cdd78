import { BusyError, EpochIgnoredError, NoAnswerError, StoreError } from "../../errors.ts";
import type { HeldLock } from "../../files/wait_for_lock.ts";
import { isTooShort } from "../../lease/due.ts";
import { elapsedMs } from "../../lease/moment.ts";
import { MAX_RECREATION_DELAY_MS } from "../../lease/schedule.ts";
import {
  EMPTY_STATE,
  type RunKey,
  runOf,
  type RunState,
  type State,
  type StoredLease,
  withEnds,
  withRun,
} from "../../lease/state.ts";
import type { LeaseStore } from "../../lease/store.ts";
import type { Lease } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import { EXIT_CODES } from "../exit_codes.ts";
import { type Failure, failureOf } from "../failure.ts";
import { standingPorts } from "../map/standing_ports.ts";
import { warnOfMissingAddress } from "../map/missing_address.ts";
import { abandonedFiles, portFilePaths } from "../map/port_file_paths.ts";
import { tryAddress } from "../map/try_address.ts";
import { mappingName } from "../../lease/mapping_name.ts";
import { endsSession, openSession, readTimeoutMs } from "../session.ts";
import type { LeaseBook } from "../state/lease_book.ts";
import { openBook, openStore } from "../state/open_book.ts";
import { holderName, placeOf } from "../state_home.ts";
import { UsageError } from "../usage_error.ts";
import { mappingsOf, type Wish } from "../wishes.ts";
import { Stopped } from "../world.ts";
import { askWhatIsDue, type DueOutcome } from "./ask_what_is_due.ts";
import { reportEnds } from "./ended_leases.ts";
import { deleteOrphans } from "./orphans.ts";
import { HANGS_AFTER_MS, MissedRuns } from "./missed_runs.ts";
import { onlyRun, runPath } from "./only_run.ts";
import { reportRun } from "./run_report.ts";
import { silenceOf } from "./silence.ts";
import { ToldOnce } from "./told_once.ts";

/** What `map --if-due` is asked for. */
export interface IfDueOptions {
  readonly wishes: readonly Wish[];
  /** The configuration file that they stand in. */
  readonly config?: string | undefined;
}

/** What a run works with. */
interface Run extends IfDueOptions {
  readonly context: CommandContext;
  readonly store: LeaseStore | undefined;
  /** What was known when the run began. */
  readonly state: State;
  readonly told: ToldOnce;
  /** What the run before left; absent when there was none. */
  readonly before: RunState | undefined;
  readonly key: RunKey;
  readonly missed: MissedRuns;
  /** The time since then; `undefined` when nobody knows. */
  readonly intervalMs: number | undefined;
}

/**
 * `natpmp map --if-due`: one address request, then what is due for renewal and nothing else. Says only what the run
 * before did not.
 *
 * @param context The command's context.
 * @param options What is wanted.
 * @returns The exit code, which always tells the truth.
 */
export async function mapIfDue(context: CommandContext, options: IfDueOptions): Promise<number> {
  const { line, world } = context;
  if (line.has("no-state")) {
    throw new UsageError("Option --if-due needs to know the leases of earlier runs: leave out --no-state");
  }
  const [home, { clock }, store] = await Promise.all([
    world.stateHome(),
    world.network(),
    openStore(context, { timeoutMs: readTimeoutMs(line) }),
  ]);
  const key = { ...placeOf(home), source: sourceOf(options) };
  const { files } = home;
  const holder = holderName(line, home);
  const only = store && await onlyRun(store, key, { files, clock, holder });
  const missed = new MissedRuns({ files, path: store && `${runPath(store, key)}.missed` });
  try {
    const run = await prepare(context, { ...options, key, missed, store });
    if (only !== undefined && "heldBy" in only) return await yieldToCopy(run, only);
    const exitCode = await runOnce(run);
    await missed.end();
    return exitCode;
  } finally {
    if (only !== undefined && "release" in only) only.release();
  }
}

/** Leaves the work to a copy that is at it; in silence, unless that hangs. */
async function yieldToCopy(run: Run, { heldBy, heldForMs }: HeldLock): Promise<number> {
  const copy = `Another natpmp map --if-due${heldBy === undefined ? "" : ` (${heldBy})`}`;
  const message = heldForMs >= HANGS_AFTER_MS
    ? `${copy} has been running for ${Math.floor(heldForMs / 60_000)} min: ` +
      "see whether it hangs, and end it. Nothing is renewed meanwhile"
    : `${copy} is at work. If that goes on, see whether it hangs, and end it: nothing is renewed meanwhile`;
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

/** Ends without the work, as somebody else has a lock: the next run does it. That is reported when it goes on and on. */
async function yieldTo(
  run: Run,
  failure: Omit<Failure, "isDefect">,
  { heldForMs, gateway }: YieldOptions,
): Promise<number> {
  const { missed, context: { line, output } } = run;
  if (await missed.isReported({ heldForMs })) return await comeToNothing(run, failure, gateway);
  if (!line.has("quiet")) output.json({ command: "map", ...inJson(gateway), error: failure.json });
  return 0;
}

function inJson(gateway: string | undefined): { readonly gateway?: string } {
  return gateway === undefined ? {} : { gateway };
}

async function prepare(
  context: CommandContext,
  options: IfDueOptions & Pick<Run, "key" | "missed" | "store">,
): Promise<Run> {
  const { store, key } = options;
  // What keeps the state from being read is said when the session reads it.
  const state = await store?.read().catch(() => undefined) ?? EMPTY_STATE;
  const before = runOf(state, key);
  const intervalMs = before && store && elapsedMs(before.at, store.now());
  // Who does not ask for quiet is there to read it.
  const told = new ToldOnce(before?.told ?? [], { repeats: !context.line.has("quiet") });
  const output = context.output.telling((cause) => told.isNews(cause));
  return { ...options, context: { ...context, output }, state, told, before, intervalMs };
}

/** What a run is known by. */
function sourceOf({ config, wishes }: IfDueOptions): string {
  return config ?? mappingsOf(wishes).map(mappingName).join(", ");
}

async function runOnce(run: Run): Promise<number> {
  try {
    return await talk(run);
  } catch (error) {
    return await fail(run, error);
  }
}

/** Tells why a run came to nothing. */
async function fail(run: Run, error: unknown, gateway?: string): Promise<number> {
  const failure = failureOf(error, gateway, { line: run.context.line });
  if (error instanceof BusyError) return await yieldTo(run, failure, { heldForMs: error.heldForMs, gateway });
  if (error instanceof Stopped || failure.isDefect) throw error;
  if (!(error instanceof UsageError)) await reportWhatEnded(run);
  return await comeToNothing(run, failure, gateway);
}

/** What keeps a run from everything begins so among what was told: the next run that gets further has it behind it. */
const NOTHING_DONE = "nothing done: ";

/** Whether a cause holds until a run has judged it. */
function isLasting(cause: string): boolean {
  return !cause.startsWith(NOTHING_DONE);
}

/** Tells why a run comes to nothing, and remembers that; so it does all that it could not judge. */
async function comeToNothing(
  run: Run,
  { message, cause, json, exitCode }: Omit<Failure, "isDefect">,
  gateway?: string,
): Promise<number> {
  const { context: { line, output }, told } = run;
  output.fail(message, `${NOTHING_DONE}${cause}`);
  told.carry(isLasting);
  if (!line.has("quiet") || told.hasNews) {
    output.json({ command: "map", ...inJson(gateway), error: json });
  }
  await rememberFailure(run);
  return exitCode;
}

async function talk(run: Run): Promise<number> {
  const { context, wishes, config, store, told, intervalMs } = run;
  const { line } = context;
  const allowPortZero = line.has("allow-port-zero");
  // Where there is no store, that has been said.
  const remember = store === undefined ? {} : { remember: openBook, store };
  const session = await openSession(context, { allowPortZero, ...remember });
  const { externalAddress, error } = await tryAddress(context, session);
  // What the gateway does not tell it may grant all the same.
  if (error !== undefined && endsSession(error) && !(error instanceof NoAnswerError)) {
    return await fail(run, error, session.gateway);
  }
  if (externalAddress !== undefined) session.book?.noteAddress(externalAddress);
  if (session.book?.isLost) await waitAfterLoss(context);

  // Their ports may be wanted for others now.
  const orphans = config === undefined ? [] : await deleteOrphans(context, session, { wishes, config });
  const all = await askWhatIsDue(context, session, { wishes, intervalMs, config });
  if (error instanceof NoAnswerError) {
    const silence = silenceOf([...orphans, ...all], { before: run.before, book: session.book });
    if (silence !== undefined) return await fail(run, silence.error ?? error, session.gateway);
  }
  const outcomes = await withoutMissed(run, all);
  const leases = outcomes.flatMap((outcome) => "lease" in outcome ? [outcome.lease] : []);
  if (error !== undefined) warnOfMissingAddress(context, error);
  if (session.mapper.ignoresEpoch) {
    context.output.warn(new EpochIgnoredError(session.gateway).message, "epoch ignored");
  }
  const shortRuns = leases.length === 0
    ? run.before?.shortRuns ?? 0
    : leases.some(({ lifetimeSeconds }) => isTooShort(lifetimeSeconds, intervalMs))
    ? (run.before?.shortRuns ?? 0) + 1
    : 0;
  // What is busy is not judged, and the next run does it.
  if (outcomes.length < all.length) told.carry(isLasting);
  if (leases.length === 0) told.carry((cause) => cause === SHORT_LEASES);
  else if (shortRuns >= SHORT_RUNS) warnOfShortLeases(run, leases);
  const kept = outcomes.flatMap((outcome) => "kept" in outcome ? [outcome.mapping] : []);
  const note = (state: State) => noteRun(run, state, shortRuns);
  // Before anybody is told, as that may take its time and be cut short.
  const portFiles = await portFilePaths(wishes, context.world);
  await session.book?.save({ leases, kept, externalAddress, config, portFiles }, note);
  const saidBefore = told.told.length;
  const gone = orphans.flatMap((one) => "error" in one ? [] : [one.mapping]);
  const { exitCode, untold, ends } = await reportRun(context, session, {
    wishes,
    exec: line.value("exec"),
    outcomes,
    standing: standingPorts(all, session.book),
    orphans,
    abandoned: abandonedFiles(leasesOf(session.book, config), { portFiles, gone }),
    externalAddress,
    told,
  });
  if (untold.length > 0 || ends.length > 0 || told.told.length > saidBefore) {
    const noteAll = (state: State) => withEnds(note(state), session.book!.link, ends);
    await session.book?.save({ leases: untold, untold, config }, noteAll);
  }
  return exitCode;
}

/** What was known of the leases that a configuration file asked for. */
function leasesOf(book: LeaseBook | undefined, config: string | undefined): readonly StoredLease[] {
  if (book === undefined || config === undefined) return [];
  return book.known.leases.filter((lease) => lease.config === config);
}

/** What a run comes to without that for which its turn did not come, unless that is reported. */
async function withoutMissed({ missed }: Run, all: readonly DueOutcome[]): Promise<readonly DueOutcome[]> {
  const busy = all.flatMap((one) => "error" in one && one.error instanceof BusyError ? [one.error] : []);
  if (busy.length === 0 || await missed.isReported(busy[0]!)) return all;
  return all.filter((one) => !("error" in one && one.error instanceof BusyError));
}

/** Leases run out while nobody answers, and their ports are not to be published for longer than they live. */
async function reportWhatEnded(run: Run): Promise<void> {
  const { context, store } = run;
  if (store === undefined) return;
  const remember = await reportEnds(context, { ...run, now: store.now() });
  if (remember !== undefined) await updateStore(run, remember);
}

/** After a loss of state every client waits a random time, so that they do not all come at once (RFC 6886 §3.7). */
async function waitAfterLoss({ world }: CommandContext): Promise<void> {
  const { clock, random } = await world.network();
  await clock.sleep(random() * MAX_RECREATION_DELAY_MS, { signal: world.signal });
}

/** So many runs in a row that found leases too short are no accident. */
const SHORT_RUNS = 2;

/** What a run without a grant can say nothing new about. */
const SHORT_LEASES = "short leases";

function warnOfShortLeases({ context, intervalMs = 0 }: Run, leases: readonly Lease[]): void {
  const shortest = Math.min(...leases.map(({ lifetimeSeconds }) => lifetimeSeconds));
  context.output.warn(
    `The gateway grants ${shortest} s, and the run before was ${Math.round(intervalMs / 1000)} s ago: ` +
      "a lease may lapse in between. natpmp watch keeps it safely",
    SHORT_LEASES,
  );
}

function noteRun({ told: { told }, key, store }: Run, state: State, shortRuns: number): State {
  return withRun(state, { ...key, at: store!.now(), told, shortRuns });
}

/** Remembers a run that came to nothing. */
async function rememberFailure(run: Run): Promise<void> {
  await updateStore(run, (state) => noteRun(run, state, run.before?.shortRuns ?? 0));
}

async function updateStore({ store, context }: Run, change: (state: State) => State): Promise<void> {
  try {
    await store?.update(change);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    context.output.warn(error.message);
  }
}
