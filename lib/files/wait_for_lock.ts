import type { Clock } from "../clock.ts";
import type { FileLock } from "./file_lock.ts";
import type { Files } from "./files.ts";

/** Options of {@linkcode waitForLock}. */
export interface WaitForLockOptions {
  /** Takes the lock. */
  readonly files: Pick<Files, "tryLock" | "holderOf" | "lockedAtMs">;
  /** Waits. */
  readonly clock: Clock;
  /** How long to wait, in milliseconds; 0 tries once. */
  readonly timeoutMs: number;
  /** A description of this process, for those who wait later. */
  readonly holder: string;
  /** Ends the wait: the promise then rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Somebody else has a lock. */
export interface HeldLock {
  /** The name of the holder, where it is known. */
  readonly heldBy: string | undefined;
  /** For how long the holder has had it, in milliseconds by the wall clock; 0 where that is unknown. */
  readonly heldForMs: number;
}

/** The waits between two tries grow from the first to the last. A lock is mostly held for milliseconds. */
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 32;

/**
 * Waits for a lock. The system would not let a waiting process be interrupted, so it is tried again and again.
 *
 * @param path The lock's file.
 * @param options How long to wait, and as whom.
 * @returns The lock; who had it to the end; or `"none"` where no lock can be made at all.
 */
export async function waitForLock(
  path: string,
  options: WaitForLockOptions,
): Promise<FileLock | HeldLock | "none"> {
  const { files, clock, timeoutMs, holder, signal } = options;
  const deadlineMs = clock.now() + timeoutMs;
  for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    signal?.throwIfAborted();
    let lock: FileLock | undefined;
    try {
      lock = await files.tryLock(path, holder);
    } catch {
      return "none";
    }
    if (lock !== undefined) return lock;
    const leftMs = deadlineMs - clock.now();
    if (leftMs <= 0) {
      const wallMs = clock.wallNow().getTime();
      const heldForMs = Math.max(0, wallMs - (await files.lockedAtMs(path) ?? wallMs));
      return { heldBy: await files.holderOf(path), heldForMs };
    }
    await clock.sleep(Math.min(pauseMs, leftMs), signal === undefined ? {} : { signal });
  }
}
