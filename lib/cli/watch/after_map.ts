import type { Lease, MappingKey } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import { changeForHook } from "../map/changes.ts";
import { mappingName } from "../../lease/mapping_name.ts";
import type { LeaseBook } from "../state/lease_book.ts";
import { rangeFinder, type Wish } from "../wishes.ts";
import { Stopped } from "../world.ts";
import { hookCommands } from "./hook_commands.ts";
import { mappingOf } from "./hook_environment.ts";
import { HookRunner } from "./hook_runner.ts";
import { type HeldPort, PortFiles } from "./port_files.ts";
import { hookMessage } from "./watch_report.ts";

/** What `map` got. */
export interface Granted {
  readonly gateway: string;
  readonly externalAddress?: string | undefined;
  /** What was asked for, and who is to hear of it. */
  readonly wishes: readonly Wish[];
  /** In the order of the wishes. */
  readonly leases: readonly Lease[];
  /** What was held and is no more. */
  readonly ended?: readonly EndedLease[];
  /** The command for those that nobody asks for any more. */
  readonly exec?: string | undefined;
}

/** A lease that is over, and how it ended. */
export interface EndedLease extends MappingKey {
  readonly type: "expired" | "unmapped";
  /** The port that it had; absent where nobody knows. */
  readonly externalPort?: number | undefined;
  /** Whether its hook failed before. */
  readonly isUntold?: boolean | undefined;
}

/** Options of {@linkcode writePortFiles}. */
export interface WritePortFilesOptions {
  /** What was asked for, each with its file. */
  readonly wishes: readonly Wish[];
  /** What is held, in the order of the wishes. */
  readonly held: readonly HeldPort[];
  /** What was held and is no more. */
  readonly over?: readonly MappingKey[];
  /** Files that no mapping has any more. */
  readonly abandoned?: readonly string[];
}

/**
 * Writes the files of `--port-file` with what is held, and removes those of which all is over. Where nothing is known a
 * file stays as it is: an earlier lease may well live.
 *
 * @param context The command's context.
 * @param options What is held, and in which files it belongs.
 * @returns Whether all is well; what is not has been said.
 */
export async function writePortFiles(
  { line, output, world }: CommandContext,
  { wishes, held, over = [], abandoned = [] }: WritePortFilesOptions,
): Promise<boolean> {
  if (held.length + over.length + abandoned.length === 0) return true;
  const path = line.value("port-file");
  const hasFiles = path !== undefined || abandoned.length > 0 ||
    wishes.some(({ portFile }) => portFile !== undefined);
  if (!hasFiles) return true;
  const portFiles = new PortFiles(wishes, { machine: await world.machine(), path });
  const failures = await portFiles.add(held, over, abandoned);
  for (const { message } of failures) output.warn(message);
  return failures.length === 0;
}

/**
 * Runs the commands of `--exec` for each mapping about which something is new, one after the other.
 *
 * @param context The command's context.
 * @param granted What `map` got.
 * @param book What was known before; without it everything is new.
 * @returns The mappings whose command failed, which has been said.
 */
export async function runHooks(
  { line, output, world }: CommandContext,
  granted: Granted,
  book: LeaseBook | undefined,
): Promise<readonly MappingKey[]> {
  const { gateway, externalAddress, wishes, leases, ended = [], exec } = granted;
  const commandOf = hookCommands(wishes, { exec });
  if (commandOf === undefined || leases.length + ended.length === 0) return [];
  const [{ clock }, machine] = await Promise.all([world.network(), world.machine()]);
  const failed: MappingKey[] = [];
  const hooks = new HookRunner({
    commandOf,
    machine,
    clock,
    rangeOf: rangeFinder(wishes),
    onFailure(failure) {
      const mappings = [failure.event, ...failure.others ?? []].flatMap((event) => mappingOf(event) ?? []);
      // A hook that fails again may be run on another event of its mapping.
      output.warn(hookMessage(failure), `hook of ${mappings.map(mappingName).join(", ")} ${failure.reason}`);
      failed.push(...mappings);
    },
  });
  for (const lease of leases) {
    const change = changeForHook(lease, externalAddress, book);
    const address = externalAddress === undefined ? {} : { externalAddress };
    if (change === undefined) continue;
    // What it prints when it fails again was seen the first time.
    const isSilent = line.has("quiet") && (book?.leaseOf(lease)?.isUntold ?? false);
    hooks.run({ ...change, lease, ...address, gateway, time: clock.wallNow() }, { isSilent });
  }
  for (const { type, protocol, internalPort, externalPort, isUntold = false } of ended) {
    const about = { mapping: { protocol, internalPort }, gateway, time: clock.wallNow() };
    const isSilent = line.has("quiet") && isUntold;
    const options = { externalAddress, isSilent };
    if (externalPort !== undefined) {
      hooks.run({ type, ...about, previousExternalPort: externalPort }, options);
    } else hooks.run({ type: "unmapped", ...about }, options);
  }
  await hooks.finish(world.signal);
  return failed;
}

/**
 * The exit code of a command that has told others.
 *
 * @param exitCode Its exit code until then.
 * @param options Whether everybody was told, and the signal that may have cut that short.
 * @returns The exit code.
 */
export function exitCodeAfter(
  exitCode: number,
  { isTold, signal }: { readonly isTold: boolean; readonly signal: AbortSignal },
): number {
  if (exitCode !== 0) return exitCode;
  if (signal.aborted && signal.reason instanceof Stopped) return signal.reason.exitCode;
  return isTold ? 0 : 1;
}
