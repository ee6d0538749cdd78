/**
 * Files for other programs, at a place that a person chose: it may be a link, a mount point, or somebody else's file.
 *
 * @module
 */

import { despiteReaders } from "./despite_readers.ts";
import { openUnlinked, refuseSpecial } from "./read_file.ts";
import { createFile, siblingOf } from "./replace_file.ts";
import { isKernelFile, walkPath } from "./trusted_path.ts";

/** Programs of other users read a new file; the umask may take from that. */
const DEFAULT_MODE = 0o644;

const PERMISSIONS = 0o777;
const WRITABLE_BY_OTHERS = 0o022;
const ROOT = 0;

/** Where a file is, behind its links, and what stands there. */
interface Place {
  readonly path: string;
  readonly known: Deno.FileInfo | undefined;
}

/**
 * Writes a file whole: to a sibling that is created exclusively, which then takes the file's name. Whoever reads the
 * file sees the old text or the new one; after a power failure too. The file keeps its mode and owner. A file that is a
 * mount point, or whose directory cannot be written, is written where it stands.
 *
 * @param path The file, by its absolute path.
 * @param text Its new text.
 * @throws {Error} If it cannot be written, is not a regular file, or is a link that somebody else could have made.
 */
export async function writeFile(path: string, text: string): Promise<void> {
  const place = placeOf(path);
  const { known } = place;
  if (known !== undefined) refuseSpecial(known);
  const kept = known !== undefined && isWorthKeeping(place.path, known) ? known : undefined;
  try {
    return await replace(place.path, text, kept);
  } catch (error) {
    if (known === undefined || !isFixedInPlace(error)) throw error;
  }
  try {
    return await writeInPlace(place.path, text);
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
  // It may be another user's file in the caller's own directory.
  await replace(place.path, text, undefined);
}

/**
 * Removes a file, which need not be there; empties one that cannot be removed. The links to it stay.
 *
 * @param path The file, by its absolute path.
 * @throws {Error} If neither can be done, or no file could be written in its place.
 */
export async function clearFile(path: string): Promise<void> {
  const place = placeOf(path);
  if (place.known === undefined) {
    const sibling = siblingOf(place.path);
    await createFile(sibling, "", DEFAULT_MODE);
    return await Deno.remove(sibling);
  }
  // Deno.remove() would take an empty directory too.
  refuseSpecial(place.known);
  try {
    await despiteReaders(() => Deno.remove(place.path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    if (!isFixedInPlace(error)) throw error;
    await writeInPlace(place.path, "");
  }
}

/** Follows a link that only root and the caller could have made or changed. On Windows a link is replaced. */
function placeOf(path: string): Place {
  const known = lstatOrNothing(path);
  if (!known?.isSymlink) return { path, known };
  const userId = Deno.uid();
  if (userId === null) return { path, known: { ...known, isFile: true } };
  // As /dev/stdout is: a link to a stream is not a place for a file, whatever the stream leads to.
  if (Deno.readLinkSync(path).startsWith("/proc/")) throw new TypeError("It is not a regular file");
  const { doubt, path: target } = walkPath(path, { userId, leadsTo: "file" });
  if (doubt !== undefined) throw new Error(`It is a symbolic link, and ${doubt}`);
  return { path: target, known: lstatOrNothing(target) };
}

function lstatOrNothing(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function replace(path: string, text: string, kept: Deno.FileInfo | undefined): Promise<void> {
  const sibling = siblingOf(path);
  await createFile(sibling, text, kept === undefined ? DEFAULT_MODE : kept.mode! & PERMISSIONS);
  try {
    if (kept !== undefined) keepModeAndOwner(sibling, kept);
    await despiteReaders(() => Deno.rename(sibling, path));
  } catch (error) {
    await Deno.remove(sibling);
    throw error;
  }
}

/**
 * Whether mode and owner are to stay: not those of a file that anybody can have put into a directory that all can
 * write, who would then decide what the readers find.
 */
function isWorthKeeping(path: string, { uid, mode }: Deno.FileInfo): boolean {
  if (uid === null || mode === null) return false;
  if (uid === ROOT || uid === Deno.uid()) return true;
  const directory = Deno.statSync(path.slice(0, path.lastIndexOf("/")) || "/");
  return ((directory.mode ?? 0) & WRITABLE_BY_OTHERS) === 0;
}

/** Only root can give a file away, and it can change the mode of its own alone where it lacks powers (a sandbox). */
function keepModeAndOwner(sibling: string, { uid, gid, mode }: Deno.FileInfo): void {
  const made = Deno.lstatSync(sibling);
  if (made.mode !== mode) Deno.chmodSync(sibling, mode! & PERMISSIONS);
  if (made.uid !== uid || made.gid !== gid) Deno.chownSync(sibling, uid, gid);
}

/** A mount point cannot be renamed onto, and a directory that is read-only or another's takes no sibling. */
function isFixedInPlace(error: unknown): boolean {
  if (Deno.build.os === "windows" || !(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return error instanceof Deno.errors.Busy || error instanceof Deno.errors.PermissionDenied ||
    code === "EBUSY" || code === "EROFS" || code === "EXDEV";
}

/**
 * Writes a file where it stands, in one call, so that a reader sees the old text or the new one; when the new one is
 * shorter, or nothing for a moment.
 */
async function writeInPlace(path: string, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  using file = await openUnlinked(path, { write: true }, (entry) => {
    refuseSpecial(entry);
    if ((entry.nlink ?? 1) > 1) throw new Error("It has more than one name (hard links)");
    // It takes no sibling either, and what is written to it is an order to the system.
    if (isKernelFile(Deno.realPathSync(path), entry)) throw new TypeError("It is not on a disk");
  });
  if (bytes.length < file.statSync().size) file.truncateSync(0);
  for (let left = bytes; left.length > 0;) left = left.subarray(file.writeSync(left));
  await file.syncData();
}
