import { changeSince } from "../../lease/news.ts";
import { endReported, type HeldLease, isReported, statusOf } from "../../lease/ledger.ts";
import type { RunOutcome } from "../../lease/run_once.ts";
import { isSameMapping, type MappingKey, mappingName, type Via } from "../../port_mapper.ts";
import type { GatewayState } from "../../state/gateway_state.ts";
import type { CommandContext } from "../command.ts";
import type { StatefulSession } from "../session.ts";
import { rangeFinder, type RequestedMapping } from "../wanted.ts";
import { Stopped } from "../world.ts";
import { hookCommands } from "./hook_commands.ts";
import { mappingOf } from "./hook_environment.ts";
import { HookRunner } from "./hook_runner.ts";
import { type HeldPort, PortFiles } from "./port_files.ts";
import { hookMessage } from "./watch_report.ts";

/** A mapping that is over, and how it ended. */
export interface EndedMapping extends MappingKey {
  readonly type: "expired" | "unmapped";
  /** The protocol of its lease, where that is known. */
  readonly via?: Via | undefined;
  /** The port that it had; absent where nobody knows. */
  readonly externalPort?: number | undefined;
  /** Whether its hook failed before. */
  readonly hookPending?: boolean | undefined;
}

/** The result of a run, for output, port files and hooks. */
export interface RunToPublish {
  readonly wanted: readonly RequestedMapping[];
  readonly outcomes: readonly RunOutcome[];
  readonly externalAddress: string | undefined;
  /** Mappings that are over and not wanted any more, besides those of the outcomes. */
  readonly dropped?: readonly EndedMapping[] | undefined;
  /** Port files that no mapping has any more. */
  readonly abandoned?: readonly string[] | undefined;
  /** The command for mappings that nobody asks for any more. */
  readonly exec?: string | undefined;
  /** Prints what came of the run; its result is the exit code. */
  readonly report: () => Promise<number>;
}

/**
 * Brings the port files up to date, prints what came of a run, and runs the hooks; the one object of JSON holds what
 * they warn of. Which hooks failed is remembered, so that they run again.
 */
export async function publishRun(
  context: CommandContext,
  session: StatefulSession,
  run: RunToPublish,
): Promise<number> {
  const { line, world: { signal } } = context;
  const { state, gateway } = session;
  const { wanted, externalAddress = state.record.externalAddress, dropped = [], abandoned, exec } = run;
  const { held, over } = knownPorts(run.outcomes, session);
  const isWritten = await writePortFiles(context, { wanted, held, over: [...over, ...dropped], abandoned });
  let exitCode = 0;
  if (!line.has("json")) exitCode = await run.report();
  const leases = run.outcomes.flatMap((one) =>
    "lease" in one ? [one.lease] : "kept" in one ? [one.kept] : []
  );
  const ended = [...endsOf(over, session), ...dropped];
  const granted = { leases, state };
  const failed = await runHooks(context, { gateway, externalAddress, wanted, granted, ended, exec });
  if (line.has("json")) exitCode = await run.report();
  noteHooks(session, { failed, ended });
  await state.saveNews();
  if (exitCode !== 0) return exitCode;
  if (signal.aborted && signal.reason instanceof Stopped) return signal.reason.exitCode;
  return isWritten && failed.length === 0 ? 0 : 1;
}

/** Notes for the next run how the hooks did, and which ends were reported, so that it does not repeat them. */
function noteHooks(
  { state }: StatefulSession,
  { failed, ended }: { readonly failed: readonly MappingKey[]; readonly ended: readonly EndedMapping[] },
): void {
  for (const mapping of failed) {
    if (state.ledger.get(mapping)?.lease !== undefined) {
      state.ledger.change(mapping, (entry) => ({ ...entry, hookPending: true }));
    }
  }
  for (const mapping of ended) {
    if (failed.some((one) => isSameMapping(one, mapping)) || state.ledger.get(mapping)?.lease === undefined) {
      continue;
    }
    state.ledger.change(mapping, endReported);
  }
}

/** The mappings to publish after a run. */
interface KnownPorts {
  /** The held leases, in the order of the mappings. */
  readonly held: readonly HeldPort[];
  /** Mappings that were held and are over. */
  readonly over: readonly MappingKey[];
}

/**
 * Finds the leases that are held after a run: those that it got, and those that it could not renew and that still live,
 * so that a hiccup of the gateway takes no port from anybody. Neither list has mappings that nobody knows of.
 */
function knownPorts(outcomes: readonly RunOutcome[], { state }: StatefulSession): KnownPorts {
  const held: HeldPort[] = [];
  const over: MappingKey[] = [];
  const { stored } = state.now();
  for (const outcome of outcomes) {
    if ("lease" in outcome) held.push(outcome.lease);
    else if ("kept" in outcome) held.push(outcome.kept);
    else {
      const entry = state.ledger.get(outcome.mapping);
      const status = entry && statusOf(entry, stored);
      if (status === "held" || status === "unknown") held.push(entry!.lease!);
      else if (state.entryBefore(outcome.mapping)?.lease !== undefined) over.push(outcome.mapping);
    }
  }
  return { held, over };
}

/** The ends that hooks are to hear of, for mappings that are over: each once. */
function endsOf(over: readonly MappingKey[], { state }: StatefulSession): EndedMapping[] {
  return over.flatMap((mapping): EndedMapping[] => {
    const before = state.entryBefore(mapping);
    if (before?.lease === undefined || !isReported(before)) return [];
    const isDeleted = state.ledger.get(mapping)?.lease === undefined;
    const { protocol, internalPort, hookPending, lease: { via, externalPort } } = before;
    const type = isDeleted ? "unmapped" : "expired";
    return [{ type, protocol, internalPort, via, externalPort, hookPending }];
  });
}

/** Options of {@linkcode writePortFiles}. */
export interface WritePortFilesOptions {
  readonly wanted: readonly RequestedMapping[];
  /** The held leases, in the order of the wanted mappings. */
  readonly held: readonly HeldPort[];
  /** Mappings that were held and are over. */
  readonly over?: readonly MappingKey[] | undefined;
  /** Files that no mapping has any more. */
  readonly abandoned?: readonly string[] | undefined;
}

/**
 * Writes the held ports to the port files, and removes the files whose mappings are all over. Where nothing is known a
 * file stays as it is: an earlier lease may well live.
 *
 * @returns Whether all is well; any failure was reported.
 */
export async function writePortFiles(
  { line, output, world }: CommandContext,
  { wanted, held, over = [], abandoned = [] }: WritePortFilesOptions,
): Promise<boolean> {
  if (held.length + over.length + abandoned.length === 0) return true;
  const path = line.value("port-file");
  const hasFiles = path !== undefined || abandoned.length > 0 ||
    wanted.some(({ portFile }) => portFile !== undefined);
  if (!hasFiles) return true;
  const portFiles = await PortFiles.open(wanted, { files: await world.files(), path });
  const failures = await portFiles.add(held, over, abandoned);
  for (const { message } of failures) output.warn(message);
  return failures.length === 0;
}

/** The news that hooks are to hear. */
export interface HookNews {
  readonly gateway: string;
  readonly externalAddress: string | undefined;
  readonly wanted: readonly RequestedMapping[];
  /** The held leases, in the order of the wanted mappings, and the state, which knows those before. */
  readonly granted?: { readonly leases: readonly HeldLease[]; readonly state: GatewayState } | undefined;
  readonly ended: readonly EndedMapping[];
  readonly exec?: string | undefined;
}

/**
 * Runs the commands of `--exec` for each mapping about which something is new, one after the other.
 *
 * @returns The mappings whose command failed, which was reported.
 */
export async function runHooks(
  { line, output, world }: CommandContext,
  news: HookNews,
): Promise<readonly MappingKey[]> {
  const { gateway, externalAddress, wanted, granted, ended, exec } = news;
  const commandOf = hookCommands(wanted, { exec });
  if (commandOf === undefined || (granted?.leases ?? []).length + ended.length === 0) return [];
  const [{ clock }, process] = await Promise.all([world.network(), world.process()]);
  const failed: MappingKey[] = [];
  const hooks = new HookRunner({
    commandOf,
    process,
    clock,
    rangeOf: rangeFinder(wanted),
    onFailure(failure) {
      const mappings = [failure.event, ...failure.others ?? []].flatMap((event) => mappingOf(event) ?? []);
      // A hook that fails again may be run on another event of its mapping.
      output.warn(hookMessage(failure), `hook of ${mappings.map(mappingName).join(", ")} ${failure.reason}`);
      failed.push(...mappings);
    },
  });
  if (granted !== undefined) {
    const { leases, state } = granted;
    for (const lease of leases) {
      const before = state.entryBefore(lease);
      // A program that failed to take note of the last change does not know of anything before.
      const change = before?.hookPending ? { type: "mapped" } as const : changeSince(lease, {
        before,
        isLost: state.isLost,
        externalAddress,
        now: state.now(),
      });
      const address = externalAddress === undefined ? {} : { externalAddress };
      if (change === undefined) continue;
      // Its output when it fails again was seen the first time.
      const isSilent = line.has("quiet") && (before?.hookPending ?? false);
      hooks.run({ ...change, lease, ...address, gateway, time: clock.wallNow() }, { isSilent });
    }
  }
  for (const { type, protocol, internalPort, via, externalPort, hookPending = false } of ended) {
    const about = { mapping: { protocol, internalPort }, gateway, time: clock.wallNow() };
    const options = { externalAddress, isSilent: line.has("quiet") && hookPending };
    hooks.run({
      type,
      ...about,
      via,
      ...(externalPort === undefined ? {} : { previousExternalPort: externalPort }),
    }, options);
  }
  await hooks.finish(world.signal);
  return failed;
}
