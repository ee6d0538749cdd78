import { LeaseStore } from "../../lease/store.ts";
import type { StoredLink } from "../../lease/state.ts";
import type { PortMapper, RemembersGateway } from "../../port_mapper.ts";
import type { CommandLine } from "../args.ts";
import type { CommandContext } from "../command.ts";
import { holderName, pathIn, placeOf, type StateHome } from "../state_home.ts";
import { UsageError } from "../usage_error.ts";
import { LeaseBook } from "./lease_book.ts";

/** Where the state file is, or why there is none. */
export type StatePath = string | { readonly missing: string };

/**
 * Reads `--state` and `--no-state`.
 *
 * @param line The command line.
 * @param home Where the state is kept unless they say otherwise.
 * @returns The state file's absolute path, why there is none, or `undefined` when none is wanted.
 * @throws {UsageError} If they contradict each other.
 */
export async function readStatePath(line: CommandLine, home: StateHome): Promise<StatePath | undefined> {
  const named = line.value("state");
  if (line.has("no-state")) {
    if (named !== undefined) throw new UsageError("Options --state and --no-state contradict each other");
    return undefined;
  }
  if (named !== undefined) {
    const path = await home.absolutePath(named);
    const doubt = home.doubtAbout(path);
    return doubt === undefined ? path : { missing: doubt };
  }
  const { directory } = home;
  if (typeof directory !== "string") return directory;
  return pathIn(directory, "leases.json");
}

/** Options of {@linkcode openStore}. */
export interface OpenStoreOptions {
  /** How long the lock of the state file is waited for. */
  readonly timeoutMs: number;
  /** Told what is not as it should be; the command's output by default. */
  readonly warn?: ((text: string) => void) | undefined;
}

/**
 * Finds the state file that a command line means.
 *
 * @param context The command's context.
 * @param options How long to wait for others.
 * @returns The store; `undefined` when nothing is to be remembered, or nothing can be, which is said.
 * @throws {UsageError} If options contradict each other.
 */
export async function openStore(
  { line, world, output }: CommandContext,
  { timeoutMs, warn = (text) => output.warn(text) }: OpenStoreOptions,
): Promise<LeaseStore | undefined> {
  const [home, { clock }] = await Promise.all([world.stateHome(), world.network()]);
  const path = await readStatePath(line, home);
  if (path === undefined) return undefined;
  if (typeof path !== "string") {
    warn(
      `Nothing is remembered: ${path.missing}. Name a state file with --state, or do without by --no-state`,
    );
    return undefined;
  }
  const holder = holderName(line, home);
  const isNamed = line.value("state") !== undefined;
  return new LeaseStore({
    path,
    isNamed,
    files: home.files,
    clock,
    timeoutMs,
    now: () => home.now(),
    holder,
    warn,
  });
}

/** Options of {@linkcode openBook}. */
export interface OpenBookOptions extends OpenStoreOptions {
  readonly mapper: PortMapper & RemembersGateway;
  /** The gateway; the address that it knows is found out where it is not named. */
  readonly link: Omit<StoredLink, "host" | "namespace">;
  /** The store, if the command has found it already. */
  readonly store?: LeaseStore | undefined;
}

/**
 * Opens the book of what earlier commands left about a gateway.
 *
 * @param context The command's context.
 * @param options The gateway and its client.
 * @returns The book; `undefined` when nothing is to be remembered, or nothing can be, which is said.
 * @throws {UsageError} If options contradict each other.
 */
export async function openBook(
  context: CommandContext,
  options: OpenBookOptions,
): Promise<LeaseBook | undefined> {
  const { world, output } = context;
  const store = options.store ?? await openStore(context, options);
  if (store === undefined) return undefined;
  const [home, { clock }] = await Promise.all([world.stateHome(), world.network()]);
  const { mapper, link: { gateway, port, localAddress: own } } = options;
  const localAddress = own ?? (await world.localAddressOf(gateway, {}))?.localAddress;
  const link = { ...placeOf(home), gateway, port, ...(localAddress === undefined ? {} : { localAddress }) };
  return await LeaseBook.open({ store, link, mapper, clock, warn: (text) => output.warn(text) });
}
