import type { Lease } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import type { Wish } from "../wishes.ts";
import { hookCommands } from "./hook_commands.ts";
import { HookRunner } from "./hook_runner.ts";
import { PortFiles } from "./port_files.ts";
import { hookMessage } from "./watch_report.ts";

/** What `map` got. */
export interface Granted {
  readonly gateway: string;
  readonly externalAddress?: string | undefined;
  /** What was asked for, and who is to hear of it. */
  readonly wishes: readonly Wish[];
  /** In the order of the wishes. */
  readonly leases: readonly Lease[];
}

/**
 * Writes the files of `--port-file` with what `map` was granted. Where nothing was, a file stays as it is: an earlier
 * lease may well live.
 *
 * @param context The command's context.
 * @param granted What `map` got.
 * @returns Whether all is well; what is not has been said.
 */
export async function writePortFiles({ output, world }: CommandContext, granted: Granted): Promise<boolean> {
  const { wishes, leases } = granted;
  if (leases.length === 0 || wishes.every(({ portFile }) => portFile === undefined)) return true;
  const portFiles = new PortFiles(wishes, { machine: await world.machine() });
  const failures = await portFiles.add(leases);
  for (const { message } of failures) output.warn(message);
  return failures.length === 0;
}

/**
 * Runs the commands of `--exec` for each mapping that `map` was granted, one after the other.
 *
 * @param context The command's context.
 * @param granted What `map` got.
 * @returns Whether all is well; what is not has been said.
 */
export async function runHooks({ output, world }: CommandContext, granted: Granted): Promise<boolean> {
  const { gateway, externalAddress, wishes, leases } = granted;
  const commandOf = hookCommands(wishes);
  if (commandOf === undefined || leases.length === 0) return true;
  const [{ clock }, machine] = await Promise.all([world.network(), world.machine()]);
  const hooks = new HookRunner({
    commandOf,
    machine,
    clock,
    onFailure: (failure) => output.warn(hookMessage(failure)),
  });
  for (const lease of leases) {
    const address = externalAddress === undefined ? {} : { externalAddress };
    hooks.run({ type: "mapped", lease, ...address, gateway, time: clock.wallNow() });
  }
  await hooks.finish(world.signal);
  return !hooks.hasFailed;
}
