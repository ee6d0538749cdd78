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
  "The commands of the configuration (exec) run with the few rights that this file gives: see " +
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
    throw new UsageError(`"natpmp service" needs a system: it is one of ${known.join(", ")}`);
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

/** The file may come later, or be mended then, and need not be this user's to read. */
async function needsOf(config: string, { fileSystem, warn }: NeedsOfOptions): Promise<ConfigNeeds> {
  try {
    return configNeeds(await readConfig(config, fileSystem));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    warn(`${error.message}; what it asks for is not known here`);
    return NO_NEEDS;
  }
}

/** Warns of what is likely to go wrong with a file that is right. */
function* doubts(system: ServiceSystem, needs: ConfigNeeds, program: string): Generator<string> {
  if (program.startsWith("/") !== (system.paths === "Unix")) {
    yield `This is for ${
      system.paths === "Unix" ? "another system than Windows" : "Windows"
    }, and ${program} is not: ` +
      "print it on the machine that it is for";
  }
  const { shortestLifetimeSeconds = Infinity } = needs;
  if (system.isPeriodic && shortestLifetimeSeconds < 3 * RENEWAL_MINUTES * 60) {
    yield `A lifetime of ${shortestLifetimeSeconds} s is short for a renewal every ${RENEWAL_MINUTES} minutes: ` +
      '"natpmp watch" is the right tool, which the systems systemd and launchd keep running';
  }
}
