import type { Clock } from "../../clock.ts";
import type { FileLock } from "../../files/file_lock.ts";
import type { Files } from "../../files/files.ts";
import { type HeldLock, waitForLock } from "../../files/wait_for_lock.ts";
import type { NetworkNamespace } from "../../state/network_namespace.ts";
import type { StateFile } from "../../state/state_file.ts";

/** Options of {@linkcode onlyRun}. */
export interface OnlyRunOptions {
  /** Makes and takes the lock. */
  readonly files: Files;
  readonly clock: Clock;
  /** The name of this process, for a copy that finds the lock taken. */
  readonly holder: string;
}

/** Names the mappings that a run is for. */
export interface RunSource {
  readonly source: string;
  /** Where it is for that: a run in another network namespace has another gateway. */
  readonly namespace?: NetworkNamespace | undefined;
}

/**
 * The beginning of the paths of the files that all runs for the same share.
 */
export function runPath({ path }: StateFile, { source, namespace }: RunSource): string {
  return `${path}.if-due-${shortHash(namespace === undefined ? source : `${namespace.inode} ${source}`)}`;
}

/**
 * Allows one run for one configuration at a time: a copy would do the same work. Runs for something else
 * take turns at the gateway and at the state file only, so that one on a silent gateway holds up no other.
 *
 * @returns The lock; who has been at work, and for how long; or `undefined` where no lock can be made, and every run is
 * on its own.
 */
export async function onlyRun(
  file: StateFile,
  run: RunSource,
  { files, clock, holder }: OnlyRunOptions,
): Promise<FileLock | HeldLock | undefined> {
  await files.makeDirectory(file.directory).catch(() => {});
  const lock = await waitForLock(`${runPath(file, run)}.lock`, { files, clock, timeoutMs: 0, holder });
  return lock === "none" ? undefined : lock;
}

/**
 * FNV-1a of 32 bits, in eight digits: part of the name of a file, where the text itself cannot be one. WebCrypto's
 * digests come from another thread, later, and there is nothing here to hide.
 */
function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
