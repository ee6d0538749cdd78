import type { Lease, MappingKey } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import { changeOf } from "../map/changes.ts";
import type { LeaseBook } from "../state/lease_book.ts";
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

/** A mapping that is held, and its port. */
export type HeldPort = Pick<Lease, "protocol" | "internalPort" | "externalPort">;

/**
 * Writes the file of `--port-file` with what is held. When nothing is, the file stays as it is: an earlier
 * lease may well live.
 *
 * @param context The command's context.
 * @param held What is held, in the order of the specs.
 * @returns Whether all is well; what is not has been said.
 */
export async function writePortFile(
  { line, output, world }: CommandContext,
  held: readonly HeldPort[],
): Promise<boolean> {
  const path = line.value("port-file");
  const ports = held.map(({ externalPort }) => externalPort);
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
 * Runs the command of `--exec` for each mapping about which something is new, one after the other.
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
  const command = line.value("exec");
  const { gateway, externalAddress, leases } = granted;
  if (command === undefined || leases.length === 0) return [];
  const [{ clock }, machine] = await Promise.all([world.network(), world.machine()]);
  const failed: MappingKey[] = [];
  const hooks = new HookRunner(command, {
    machine,
    clock,
    onFailure(failure) {
      output.warn(hookMessage(failure));
      if ("lease" in failure.event) failed.push(failure.event.lease);
    },
  });
  for (const lease of leases) {
    const change = changeOf(lease, externalAddress, book);
    const address = externalAddress === undefined ? {} : { externalAddress };
    if (change !== undefined) hooks.run({ ...change, lease, ...address, gateway, time: clock.wallNow() });
  }
  await hooks.finish(world.signal);
  return failed;
}
