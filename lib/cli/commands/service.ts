import type { FileSystem } from "../../system/system.ts";
import type { CommandContext } from "../command.ts";
import { readConfig } from "../config/read_config.ts";
import type { SERVICE_SYSTEMS } from "../option_table.ts";
import { type ConfigNeeds, configNeeds, NO_NEEDS } from "../service/config_needs.ts";
import { RENEWAL_MINUTES, type ServiceSystem } from "../service/service_system.ts";
import { UsageError } from "../usage_error.ts";

const SYSTEMS: Readonly<Record<string, () => Promise<ServiceSystem>>> = {
  "cron": async () => (await import("../service/cron.ts")).cron,
  "systemd": async () => (await import("../service/systemd.ts")).systemd,
  "systemd-timer": async () => (await import("../service/systemd_timer.ts")).systemdTimer,
  "launchd": async () => (await import("../service/launchd.ts")).launchd,
  "windows-task": async () => (await import("../service/windows_task.ts")).windowsTask,
} satisfies Record<typeof SERVICE_SYSTEMS[number], () => Promise<ServiceSystem>>;

const SANDBOX_NOTE =
  "Commands in the configuration (exec) have only the rights that this file gives them: see " +
  "ReadWritePaths= and CapabilityBoundingSet= in it";

/** `natpmp service`: prints the files that have a system start this program. */
export async function service({ line, output, world }: CommandContext): Promise<number> {
  const { name, system, configValue } = await readLine({ line });
  const [fileSystem, { executable: program }] = await Promise.all([world.files(), world.process()]);
  const config = await fileSystem.absolutePath(configValue);
  const needs = await needsOf(config, { fileSystem, warn: (text) => output.warn(text) });
  const files = system.files({ program, config, portFiles: needs.portFiles });
  for (const text of doubts(system, needs, program[0] ?? "")) output.warn(text);
  if (system.isSandboxed && needs.hasCommands) output.note(SANDBOX_NOTE);
  output.file(files.map(({ text }) => text).join("\n").trimEnd());
  output.json({ command: "service", system: name, files });
  if (!line.has("json")) output.note(system.nextStep);
  return 0;
}

async function readLine({ line }: Pick<CommandContext, "line">) {
  const known = Object.keys(SYSTEMS);
  const [name, extra] = line.operands;
  if (name === undefined) {
    throw new UsageError(`"natpmp service" needs a system: the systems are ${known.join(", ")}`);
  }
  if (!Object.hasOwn(SYSTEMS, name)) {
    throw new UsageError(`Unknown system "${name}": the systems are ${known.join(", ")}`, {
      word: name,
      known,
    });
  }
  if (extra !== undefined) {
    throw new UsageError(`"natpmp service" takes one system, but "${extra}" was given too`);
  }
  const configValue = line.value("config");
  if (configValue === undefined) {
    throw new UsageError(`"natpmp service ${name}" needs --config FILE: the file of the mappings to keep`);
  }
  return { name, system: await SYSTEMS[name]!(), configValue };
}

interface NeedsOfOptions {
  readonly fileSystem: FileSystem;
  readonly warn: (text: string) => void;
}

/** The file may be missing or wrong today, or this user may not read it. */
async function needsOf(config: string, { fileSystem, warn }: NeedsOfOptions): Promise<ConfigNeeds> {
  try {
    return configNeeds(await readConfig(config, fileSystem));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    warn(`${error.message}; natpmp writes this file without knowing what the configuration asks for`);
    return NO_NEEDS;
  }
}

/** Warns of likely problems with a correct file. */
function* doubts(system: ServiceSystem, needs: ConfigNeeds, program: string): Generator<string> {
  if (program.startsWith("/") !== (system.paths === "Unix")) {
    const paths = system.paths === "Unix" ? "a Unix path" : "a Windows path";
    yield `This file needs ${paths}, but ${program} is not one: print the file on the machine that will use it`;
  }
  const { shortestLifetimeSeconds = Infinity } = needs;
  if (system.isPeriodic && shortestLifetimeSeconds < 3 * RENEWAL_MINUTES * 60) {
    yield `A lifetime of ${shortestLifetimeSeconds} s is too short for a renewal every ${RENEWAL_MINUTES} minutes: ` +
      'use "natpmp watch" instead, which "natpmp service systemd" and "natpmp service launchd" set up';
  }
}
