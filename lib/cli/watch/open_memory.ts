import type { MappingKey } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import { readTimeoutMs } from "../session.ts";
import { openStore } from "../state/open_book.ts";
import { holderName } from "../state_home.ts";
import { WatchMemory, type WatchMemoryOptions } from "./watch_memory.ts";

/** Options of {@linkcode openMemory}. */
export interface OpenMemoryOptions extends Pick<WatchMemoryOptions, "config" | "holdings" | "warn"> {
  /** What is kept. */
  readonly mappings: readonly MappingKey[];
}

/**
 * Opens what `watch` leaves for other processes.
 *
 * @param context The command's context.
 * @param options What is kept, and whom to tell what cannot be remembered.
 * @returns The memory; `undefined` when nothing is to be remembered, or nothing can be, which is said.
 * @throws {UsageError} If options contradict each other.
 */
export async function openMemory(
  context: CommandContext,
  options: OpenMemoryOptions,
): Promise<WatchMemory | undefined> {
  const { line, world } = context;
  const store = await openStore(context, { timeoutMs: readTimeoutMs(line), warn: options.warn });
  if (store === undefined) return undefined;
  const [home, { clock }] = await Promise.all([world.stateHome(), world.network()]);
  return new WatchMemory({ ...options, store, home, clock, holder: holderName(line, home) });
}
