import type { Lease } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import { HookRunner } from "./hook_runner.ts";
import { PortFile } from "./port_file.ts";
import { hookMessage } from "./watch_report.ts";

/** What `map` got. */
export interface Granted {
  readonly gateway: string;
  readonly externalAddress?: string | undefined;
  /** In the order of the specs. */
  readonly leases: readonly Lease[];
}

/**
 * Writes the file of `--port-file` with what `map` was granted. When nothing was, the file stays as it is: an earlier
 * lease may well live.
 *
 * @param context The command's context.
 * @param granted What `map` got.
 * @returns Whether all is well; what is not has been said.
 */
export async function writePortFile(
  { line, output, world }: CommandContext,
  granted: Granted,
): Promise<boolean> {
  const path = line.value("port-file");
  const ports = granted.leases.map(({ externalPort }) => externalPort);
  if (path === undefined || ports.length === 0) return true;
  try {
    await new PortFile(path, await world.machine()).hold(ports);
    return true;
  } catch (error) {
    output.warn(error instanceof Error ? error.message : String(error));
    return false;
  }
}

/**
 * Runs the command of `--exec` for each mapping that `map` was granted, one after the other.
 *
 * @param context The command's context.
 * @param granted What `map` got.
 * @returns Whether all is well; what is not has been said.
 */
export async function runHooks({ line, output, world }: CommandContext, granted: Granted): Promise<boolean> {
  const command = line.value("exec");
  const { gateway, externalAddress, leases } = granted;
  if (command === undefined || leases.length === 0) return true;
  const [{ clock }, machine] = await Promise.all([world.network(), world.machine()]);
  const hooks = new HookRunner(command, {
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
