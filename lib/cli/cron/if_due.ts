import { BusyError, StoreError } from "../../errors.ts";
import { isTooShort } from "../../lease/due.ts";
import { elapsedMs } from "../../lease/moment.ts";
import { MAX_RECREATION_DELAY_MS } from "../../lease/schedule.ts";
import type { RunState, State } from "../../lease/state.ts";
import type { LeaseStore } from "../../lease/store.ts";
import type { Lease } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import { EXIT_CODES } from "../exit_codes.ts";
import { type Failure, failureOf } from "../failure.ts";
import { standingPorts } from "../map/standing_ports.ts";
import { tryAddress } from "../map/try_address.ts";
import { mappingName } from "../../lease/mapping_name.ts";
import { endsSession, openSession, readTimeoutMs, type Session } from "../session.ts";
import { openBook, openStore } from "../state/open_book.ts";
import { UsageError } from "../usage_error.ts";
import { writePortFiles } from "../watch/after_map.ts";
import { mappingsOf, type Wish } from "../wishes.ts";
import { Stopped } from "../world.ts";
import { askWhatIsDue } from "./ask_what_is_due.ts";
import { deleteOrphans } from "./orphans.ts";
import { onlyRun } from "./only_run.ts";
import { reportRun } from "./run_report.ts";
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
  readonly told: ToldOnce;
  /** What the run before left; absent when there was none. */
  readonly before: RunState | undefined;
  readonly host: string;
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
  const timeoutMs = readTimeoutMs(line);
  const [{ files }, { clock }, store] = await Promise.all([
    world.stateHome(),
    world.network(),
    openStore(context, { timeoutMs }),
  ]);
  const only = store && await onlyRun(store, { files, clock, source: sourceOf(options) });
  if (only !== undefined && "heldForMs" in only) {
    return await yieldTo(await prepare(context, options, store), only.heldForMs);
  }
  try {
    return await runOnce(await prepare(context, options, store));
  } finally {
    only?.release();
  }
}

/** No run takes so long, unless it hangs; and then nothing is renewed any more. */
const HANGS_AFTER_MS = 15 * 60_000;

/** Leaves it to another run in silence, as long as that has not been at it for too long. */
async function yieldTo(run: Run, heldForMs: number): Promise<number> {
  if (heldForMs < HANGS_AFTER_MS) return 0;
  const minutes = Math.round(heldForMs / 60_000);
  const message = `Another natpmp map --if-due has been running for ${minutes} min: ` +
    "see whether it hangs, and end it. Nothing is renewed meanwhile";
  return await comeToNothing(run, {
    message,
    cause: "another run hangs",
    exitCode: EXIT_CODES.busy,
    json: { kind: "busy", message },
  });
}

async function prepare(
  context: CommandContext,
  options: IfDueOptions,
  store: LeaseStore | undefined,
): Promise<Run> {
  const { host } = await context.world.stateHome();
  // What keeps the state from being read is said when the session reads it.
  const { runs } = await store?.read().catch(() => undefined) ?? { runs: [] };
  const before = runs.find((run) => run.host === host && run.source === sourceOf(options));
  const intervalMs = before && store && elapsedMs(before.at, store.now());
  // Who does not ask for quiet is there to read it.
  const told = new ToldOnce(before?.told ?? [], { repeats: !context.line.has("quiet") });
  const output = context.output.telling((cause) => told.isNews(cause));
  return { ...options, context: { ...context, output }, store, host, told, before, intervalMs };
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
  // Another process is at the gateway, and what is not done now is done by the next run.
  if (error instanceof BusyError) return 0;
  const failure = failureOf(error, gateway, { line: run.context.line });
  if (error instanceof Stopped || failure.isDefect) throw error;
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
    output.json({ command: "map", ...(gateway === undefined ? {} : { gateway }), error: json });
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
  // What the gateway refuses to tell it may grant all the same; silence is the answer to everything.
  if (error !== undefined && endsSession(error)) {
    if (!(error instanceof BusyError || error instanceof Stopped)) await retirePortFiles(run, session, error);
    return await fail(run, error, session.gateway);
  }
  if (session.book?.isLost) await waitAfterLoss(context);

  // Their ports may be wanted for others now.
  const orphans = config === undefined ? [] : await deleteOrphans(context, session, { wishes, config });
  const all = await askWhatIsDue(context, session, { wishes, intervalMs, config });
  const outcomes = all.filter((outcome) => !("error" in outcome && outcome.error instanceof BusyError));
  const leases = outcomes.flatMap((outcome) => "lease" in outcome ? [outcome.lease] : []);
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
  await session.book?.save({ leases, kept, externalAddress, config }, note);
  const saidBefore = told.told.length;
  const { exitCode, untold } = await reportRun(context, session, {
    wishes,
    exec: line.value("exec"),
    outcomes,
    standing: standingPorts(all, session.book),
    orphans,
    externalAddress,
    told,
  });
  if (untold.length > 0 || told.told.length > saidBefore) {
    await session.book?.save({ leases: untold, untold, config }, note);
  }
  return exitCode;
}

/** Leases run out while the gateway is silent, and their ports are not to be published for longer than they live. */
async function retirePortFiles({ context, wishes }: Run, { book }: Session, error: unknown): Promise<void> {
  const outcomes = mappingsOf(wishes).map((mapping) => ({ mapping, error }));
  await writePortFiles(context, { wishes, ...standingPorts(outcomes, book) });
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

function noteRun({ told, ...options }: Run, state: State, shortRuns: number): State {
  const { store, host } = options;
  const source = sourceOf(options);
  const others = state.runs.filter((run) => run.host !== host || run.source !== source);
  return { ...state, runs: [...others, { host, source, at: store!.now(), told: told.told, shortRuns }] };
}

/** Remembers a run that came to nothing. */
async function rememberFailure(run: Run): Promise<void> {
  try {
    await run.store?.update((state) => noteRun(run, state, run.before?.shortRuns ?? 0));
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    run.context.output.warn(error.message);
  }
}
