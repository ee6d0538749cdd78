import type { CommandLine } from "../args.ts";
import { parseDuration, parseTimeoutMs } from "../option_values.ts";
import type { Config } from "../config/config.ts";
import { UsageError } from "../usage_error.ts";
import { readWanted, type WantedList } from "../wanted.ts";

/** The options and mappings that a command line gives `watch`. */
export interface WatchOptions extends WantedList {
  /** How long one request lasts at most. */
  readonly tryTimeoutMs?: number | undefined;
  /** After how long the command stops by itself. */
  readonly forMs?: number | undefined;
  /** The command to run on news that are about no mapping. */
  readonly exec?: string | undefined;
  /** A port file besides those of the wanted. */
  readonly portFilePath?: string | undefined;
}

/** The most that one try lasts, in milliseconds: other leases are to get their turn. */
const MAX_TRY_MS = 60_000;

/** Options on how a mapping is to be; without a mapping they have no effect. */
const ABOUT_MAPPINGS = ["lifetime", "port-file"] as const;

/**
 * Reads the command line of `watch`, which has the options of the configuration file where there is one.
 *
 * @returns The options and mappings; no mappings when it is only to observe.
 * @throws {UsageError} If something cannot be read or makes no sense.
 */
export function readWatchOptions(line: CommandLine, config?: Config): WatchOptions {
  const isObserver = line.operands.length === 0 && (config?.mappings ?? []).length === 0;
  const senseless = ABOUT_MAPPINGS.find((option) => line.isTyped(option));
  if (isObserver && senseless !== undefined) {
    throw new UsageError(
      `Option --${senseless} needs a mapping: write PORT or EXTERNAL:INTERNAL, as in 8080:80`,
    );
  }
  const timeout = line.value("timeout");
  const tryTimeoutMs = timeout === undefined ? undefined : parseTimeoutMs(timeout);
  if (tryTimeoutMs !== undefined && tryTimeoutMs > MAX_TRY_MS) {
    const what = line.isTyped("timeout") ? "Cannot use --timeout" : `${config?.path}: timeout: Cannot use`;
    throw new UsageError(
      `${what} ${timeout}: one try of "natpmp watch" lasts at most ${MAX_TRY_MS / 1000} s`,
    );
  }
  const duration = line.value("for");
  return {
    ...(isObserver ? { wanted: [] } : readWanted(line, config)),
    tryTimeoutMs,
    forMs: duration === undefined ? undefined : parseDuration(duration, "--for") * 1000,
    exec: line.value("exec"),
    portFilePath: line.value("port-file"),
  };
}
