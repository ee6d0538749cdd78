import { type Clock, systemClock } from "../clock.ts";

/** Waits between tries, in milliseconds: who reads a small file has it open for less. */
const PAUSES_MS = [5, 10, 20, 40, 80, 160, 320];

/** ERROR_SHARING_VIOLATION, which has no class of its own. */
const SHARING_VIOLATION = "(os error 32)";

/** Options of {@linkcode despiteReaders}. */
export interface DespiteReadersOptions {
  /** As `Deno.build.os` has it. */
  readonly os?: string;
  /** The time in which it waits. */
  readonly clock?: Pick<Clock, "sleep">;
}

/**
 * Renames onto a file, or removes it, although others may be reading it. Windows refuses that as long as they have it
 * open, so there it is tried again for a little more than half a second.
 *
 * @param act The act; it may be called several times.
 * @param options The system.
 * @returns Its result.
 * @throws Its error, for another reason or at last.
 */
export async function despiteReaders<T>(
  act: () => T | Promise<T>,
  options: DespiteReadersOptions = {},
): Promise<T> {
  const { os = Deno.build.os, clock = systemClock } = options;
  for (const pauseMs of os === "windows" ? PAUSES_MS : []) {
    try {
      return await act();
    } catch (error) {
      if (!isHeldOpen(error)) throw error;
      await clock.sleep(pauseMs);
    }
  }
  return await act();
}

function isHeldOpen(error: unknown): boolean {
  if (error instanceof Deno.errors.PermissionDenied) return true;
  return error instanceof Error && error.message.includes(SHARING_VIOLATION);
}
