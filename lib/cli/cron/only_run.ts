import type { Clock } from "../../clock.ts";
import type { FileLock } from "../../files/file_lock.ts";
import type { Files } from "../../files/files.ts";
import { waitForLock } from "../../files/wait_for_lock.ts";
import type { NetworkNamespace } from "../../lease/network_namespace.ts";
import type { LeaseStore } from "../../lease/store.ts";

/** Options of {@linkcode onlyRun}. */
export interface OnlyRunOptions {
  /** What makes and takes the lock. */
  readonly files: Files;
  readonly clock: Clock;
  /** What the run is for. */
  readonly source: string;
  /** Where it is for that: a run in another network namespace has another gateway. */
  readonly networkNamespace?: NetworkNamespace | undefined;
}

/**
 * Sees to it that one run for the same is at work at a time: a copy does what this one would. Runs for something else
 * take turns at the gateway and at the state file only, so that one on a silent gateway holds up no other.
 *
 * @param store The state, beside which the lock lies.
 * @param options What the run is for.
 * @returns The lock; for how long a copy has been at work; or `undefined` where no lock can be made, and every run is on
 * its own.
 */
export async function onlyRun(
  store: LeaseStore,
  { files, clock, source, networkNamespace }: OnlyRunOptions,
): Promise<FileLock | { readonly heldForMs: number } | undefined> {
  const what = networkNamespace === undefined ? source : `${networkNamespace.inode} ${source}`;
  const path = `${store.path}.if-due-${shortHash(what)}.lock`;
  await files.makeDirectory(store.directory).catch(() => {});
  const lock = await waitForLock(path, { files, clock, timeoutMs: 0, holder: source });
  if (lock === "none") return undefined;
  if (!("heldBy" in lock)) return lock;
  const nowMs = store.now().wallMs;
  return { heldForMs: nowMs - (await files.lockedAtMs(path) ?? nowMs) };
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
