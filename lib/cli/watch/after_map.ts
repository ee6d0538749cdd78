import type { Lease, MappingKey } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import { changeForHook } from "../map/changes.ts";
import { mappingName } from "../../lease/mapping_name.ts";
import type { LeaseBook } from "../state/lease_book.ts";
import { rangeFinder, type Wish } from "../wishes.ts";
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
  /** What was deleted, as nobody asks for it any more. */
  readonly unmapped?: readonly HeldPort[];
  /** The command for that. */
  readonly exec?: string | undefined;
}

/** Options of {@linkcode writePortFiles}. */
export interface WritePortFilesOptions {
  /** What was asked for, each with its file. */
  readonly wishes: readonly Wish[];
  /** What is held, in the order of the wishes. */
  readonly held: readonly HeldPort[];
  /** What was held and is no more. */
  readonly over?: readonly MappingKey[];
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
  { wishes, held, over = [] }: WritePortFilesOptions,
): Promise<boolean> {
  if (held.length === 0 && over.length === 0) return true;
  const path = line.value("port-file");
  if (path === undefined && wishes.every(({ portFile }) => portFile === undefined)) return true;
  const portFiles = new PortFiles(wishes, { machine: await world.machine(), path });
  const failures = await portFiles.add(held, over);
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
  const { gateway, externalAddress, wishes, leases, unmapped = [], exec } = granted;
  const commandOf = hookCommands(wishes, { exec });
  if (commandOf === undefined || leases.length + unmapped.length === 0) return [];
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
  for (const { protocol, internalPort, externalPort: previousExternalPort } of unmapped) {
    const mapping = { protocol, internalPort };
    const event = {
      type: "unmapped",
      mapping,
      previousExternalPort,
      gateway,
      time: clock.wallNow(),
    } as const;
    hooks.run(event, { externalAddress });
  }
  await hooks.finish(world.signal);
  return failed;
}
