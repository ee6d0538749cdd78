import type { CommandContext } from "../command.ts";
import type { Config } from "./config.ts";

/** A command's context together with its configuration file. */
export interface Configured {
  /** The context, whose command line has the file's options too. */
  readonly context: CommandContext;
  /** Absent without `--config`. */
  readonly config?: Config;
}

/**
 * Reads the file of `--config`, where there is one. Its code is loaded only then.
 *
 * @returns The context that the command is to work with, and the file.
 * @throws {UsageError} If the file is missing or wrong.
 */
export async function configured(context: CommandContext): Promise<Configured> {
  const { line, world } = context;
  const path = line.value("config");
  if (path === undefined) return { context };
  const [{ readConfig }, { configuredLine }, files] = await Promise.all([
    import("./read_config.ts"),
    import("./configured_line.ts"),
    world.files(),
  ]);
  const config = await readConfig(path, files, { allowPortZero: line.has("allow-port-zero") });
  return { context: { ...context, line: configuredLine(line, config) }, config };
}
