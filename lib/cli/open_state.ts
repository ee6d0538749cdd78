import type { MapperTarget } from "../backends.ts";
import type { PortMapper } from "../port_mapper.ts";
import { GatewayState } from "../state/gateway_state.ts";
import { StateFile } from "../state/state_file.ts";
import { holderName, pathIn, placeOf } from "../state/state_paths.ts";
import type { FileSystem } from "../system/system.ts";
import type { CommandLine } from "./args.ts";
import type { CommandContext } from "./command.ts";
import { UsageError } from "./usage_error.ts";

/** Where the state file is, or why there is none. */
export type StatePath = string | { readonly missing: string };

/**
 * Reads `--state` and `--no-state`.
 *
 * @returns The state file's absolute path, why there is none, or `undefined` when none is wanted.
 * @throws {UsageError} If they contradict each other.
 */
export async function readStatePath(line: CommandLine, files: FileSystem): Promise<StatePath | undefined> {
  const named = line.value("state");
  if (line.has("no-state")) {
    if (named !== undefined) throw new UsageError("Options --state and --no-state contradict each other");
    return undefined;
  }
  if (named !== undefined) {
    const path = await files.absolutePath(named);
    const doubt = files.state.doubtAbout(path);
    return doubt === undefined ? path : { missing: doubt };
  }
  const { directory } = files.state;
  if (typeof directory !== "string") return directory;
  return pathIn(directory, "leases.json");
}

/** Options of {@linkcode openStateFile}. */
export interface OpenStateFileOptions {
  /** How long the lock of the state file is waited for. */
  readonly timeoutMs: number;
  /** Called with what is not as it should be; the command's output by default. */
  readonly warn?: ((text: string) => void) | undefined;
}

/**
 * Finds the state file that a command line means.
 *
 * @returns The store; `undefined` when nothing is to be remembered, or nothing can be, which is reported.
 * @throws {UsageError} If options contradict each other.
 */
export async function openStateFile(
  { line, world, output }: CommandContext,
  { timeoutMs, warn = (text) => output.warn(text) }: OpenStateFileOptions,
): Promise<StateFile | undefined> {
  const [files, { clock }] = await Promise.all([world.files(), world.network()]);
  const path = await readStatePath(line, files);
  const { state: paths } = files;
  if (path === undefined) return undefined;
  if (typeof path !== "string") {
    warn(
      `natpmp cannot remember leases: ${path.missing}. Name a state file with --state, or do without one with --no-state`,
    );
    return undefined;
  }
  const holder = holderName(line.command, paths);
  const isNamed = line.value("state") !== undefined;
  return new StateFile({
    path,
    isNamed,
    files: paths.files,
    clock,
    timeoutMs,
    now: () => paths.now(),
    holder,
    warn,
  });
}

/** Options of {@linkcode openGatewayState}. */
export interface OpenGatewayStateOptions extends OpenStateFileOptions, MapperTarget {
  readonly port: number;
  readonly mapper: PortMapper;
  /** The other host that the mappings lead to, where it is not this one. */
  readonly forHost?: string | undefined;
  /** The state file, if the command has looked for it already. */
  readonly file?: StateFile | "none" | undefined;
}

/**
 * Opens what earlier commands left about a gateway. Where nothing can be remembered, which is reported, its ledger is
 * this command's alone.
 *
 * @throws {UsageError} If options contradict each other.
 */
export async function openGatewayState(
  context: CommandContext,
  options: OpenGatewayStateOptions,
): Promise<GatewayState> {
  const { world, output } = context;
  const found = options.file ?? await openStateFile(context, options);
  const file = found === "none" ? undefined : found;
  const [{ state: paths }, { clock, localAddressOf }] = await Promise.all([world.files(), world.network()]);
  const { mapper, gateway, port, forHost } = options;
  const localAddress = file === undefined
    ? undefined
    : options.localAddress ?? (await localAddressOf(gateway, {}))?.localAddress;
  const key = {
    ...placeOf(paths),
    gateway,
    port,
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(forHost === undefined ? {} : { forHost }),
  };
  return await GatewayState.open({
    file,
    key,
    mapper,
    clock,
    storedNow: () => paths.now(),
    warn: (text) => output.warn(text),
  });
}
