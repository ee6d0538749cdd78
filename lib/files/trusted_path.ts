/**
 * Whose file is this? The one rule by which a path is trusted: everybody who could change what stands there is root or
 * the caller. So it takes the file and every directory above it, as typed and as resolved, as OpenSSH's StrictModes
 * does. The rule is pure; {@linkcode walkPath} asks it about each step of a path. Unix only.
 *
 * Two things differ from StrictModes. A sticky directory such as `/tmp` is accepted above a directory, as nobody can
 * rename another user's directory there; it is not accepted above a file or a link, which other users can make there
 * out of root's own ones (hard links). And the walk always goes up to `/`, not to the home directory.
 *
 * @module
 */

/** The user who is to run or write something. */
export interface Caller {
  readonly userId: number;
  /**
   * The group that may write what is above the last directory, as nobody else is in it. Absent where no group may.
   */
  readonly groupId?: number | undefined;
}

/** The system's facts about one name, a link itself and not its target. */
export type PathEntry = Pick<
  Deno.FileInfo,
  "isFile" | "isDirectory" | "isSymlink" | "uid" | "gid" | "mode" | "dev" | "ino" | "nlink"
>;

/** Where a walk finds the entries; the system, or a tree in memory. */
export interface PathReader {
  lstat(path: string): PathEntry;
  readLink(path: string): string;
}

/** The superuser, who could do it all without us. */
const ROOT = 0;
const WRITABLE_BY_GROUP = 0o020;
const WRITABLE_BY_ALL = 0o002;
const STICKY = 0o1000;

/** As many as Linux follows. */
const MAX_LINKS = 40;

/** A process chooses what is in its files there, and their owner is that of a process. */
const KERNEL_DIRECTORIES = ["/proc", "/sys"];

/** A name, as the rule looks at it. */
export interface JudgedEntry {
  readonly path: string;
  readonly entry: PathEntry;
  /** The kind of entry that a directory leads to: another directory, or a file or link in it. Absent for the others. */
  readonly leadsTo?: "directory" | "file";
}

/**
 * The rule.
 *
 * @param judged A directory on the way, a link, or what the path leads to.
 * @param caller The user who relies on it.
 * @returns The others who could change it, for people; `undefined` when nobody could.
 */
export function doubtAbout({ path, entry, leadsTo }: JudgedEntry, caller: Caller): string | undefined {
  const { uid, gid, isSymlink } = entry;
  const mode = entry.mode ?? 0;
  if (uid !== null && uid !== ROOT && uid !== caller.userId) {
    return `${path} belongs to ${userName(uid)}, not to ${trustedNames(caller)}`;
  }
  // The mode of a link has no meaning.
  if (isSymlink) return undefined;
  const isAllowedGroup = leadsTo === "directory" && gid !== null && gid === caller.groupId;
  const writers = [
    ...((mode & WRITABLE_BY_GROUP) !== 0 && !isAllowedGroup ? ["its group"] : []),
    ...((mode & WRITABLE_BY_ALL) !== 0 ? ["everybody"] : []),
  ];
  if (writers.length === 0) return undefined;
  const isSticky = (mode & STICKY) !== 0;
  if (isSticky && leadsTo === "directory") return undefined;
  const octal = (mode & 0o7777).toString(8).padStart(4, "0");
  const cure = isSticky ? "use a directory of your own in it" : "chmod go-w it";
  return `${path} belongs to ${userName(uid ?? ROOT)}, but ${
    writers.join(" and ")
  } can write it (mode ${octal}): ${cure}`;
}

function kernelDoubt(path: string): string {
  return `${path} is not on a disk: a process decides what natpmp reads there`;
}

function userName(userId: number): string {
  return userId === ROOT ? "root" : `user ${userId}`;
}

function trustedNames({ userId }: Caller): string {
  return userId === ROOT ? "root" : `root or ${userName(userId)}`;
}

/** The result of a walk. */
export interface Walk {
  /** The reason not to trust the path; the walk ended there. */
  readonly doubt?: string;
  /** The path without links, as far as the walk came. */
  readonly path: string;
  /** The entry that stands there; absent when nothing does. */
  readonly entry?: PathEntry;
}

/** Options of {@linkcode walkPath}. */
export interface WalkPathOptions extends Caller {
  /** The kind of entry that the path leads to: a directory is judged as one that is going to have files in it. */
  readonly leadsTo: "directory" | "file";
  /** Where the entries are; the system by default. */
  readonly reader?: PathReader;
}

/** In order and one after the other: a call that waits for its thread costs ten times as much. */
const SYSTEM: PathReader = { lstat: Deno.lstatSync, readLink: Deno.readLinkSync };

/**
 * Goes a path from `/` on, through every directory and link, and asks the rule about each. A name that is not there yet
 * is in nobody else's hands as long as the directory is not.
 *
 * @param path An absolute path.
 * @param options The user who relies on it, and the kind of entry.
 * @returns The entry that it leads to, or the first thing that somebody else could change.
 * @throws {Error} If the system cannot say.
 */
export function walkPath(path: string, { leadsTo, reader = SYSTEM, ...caller }: WalkPathOptions): Walk {
  const left = path.split("/").reverse();
  /** The directories that the walk is in, the root first. */
  const above: { readonly path: string; readonly entry: PathEntry }[] = [{
    path: "/",
    entry: reader.lstat("/"),
  }];
  const doubtInside = (next: "directory" | "file") => doubtAbout({ ...above.at(-1)!, leadsTo: next }, caller);
  for (let links = 0; left.length > 0;) {
    const name = left.pop()!;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      const doubt = doubtInside("directory");
      if (doubt !== undefined) return { doubt, path: above.at(-1)!.path };
      if (above.length > 1) above.pop();
      continue;
    }
    const directory = above.at(-1)!.path;
    const here = `${directory === "/" ? "" : directory}/${name}`;
    if (KERNEL_DIRECTORIES.includes(here)) return { doubt: kernelDoubt(here), path: here };
    const isLast = left.every((rest) => rest === "" || rest === ".");
    const entry = lstatOrNothing(reader, here);
    const kind = entry?.isDirectory || (entry === undefined && (!isLast || leadsTo === "directory"))
      ? "directory"
      : "file";
    const doubt = doubtInside(kind) ??
      // Devices and pipes are refused by who opens them.
      (entry?.isFile || entry?.isSymlink ? doubtAbout({ path: here, entry }, caller) : undefined);
    if (doubt !== undefined) return { doubt, path: here };
    if (entry === undefined) {
      return { path: [here, ...left.filter((rest) => rest !== "").reverse()].join("/") };
    }
    if (entry.isDirectory) {
      above.push({ path: here, entry });
    } else if (entry.isSymlink) {
      if (++links > MAX_LINKS) throw new Error(`Too many levels of symbolic links: ${path}`);
      const target = reader.readLink(here);
      if (target.startsWith("/")) above.length = 1;
      left.push(...target.split("/").reverse());
    } else if (isLast) {
      return {
        ...(isKernelFile(here, entry, reader) ? { doubt: kernelDoubt(here) } : {}),
        path: here,
        entry,
      };
    } else throw new Deno.errors.NotADirectory(`${here} is not a directory`);
  }
  const found = above.at(-1)!;
  const doubt = doubtInside("file");
  return { ...(doubt === undefined ? {} : { doubt }), ...found };
}

function lstatOrNothing(reader: PathReader, path: string): PathEntry | undefined {
  try {
    return reader.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * Checks whether a file is not on a disk but the kernel's own: a process chooses what is read there, and what is
 * written is an order to the system.
 *
 * @param path The file, by its path without links.
 * @param entry The entry that stands there.
 * @param reader Where the entries are.
 * @returns Whether it is in procfs or sysfs, which may be mounted elsewhere too.
 */
export function isKernelFile(
  path: string,
  entry: Pick<PathEntry, "dev">,
  reader: Pick<PathReader, "lstat"> = SYSTEM,
): boolean {
  return KERNEL_DIRECTORIES.some((directory) => {
    if (path.startsWith(`${directory}/`)) return true;
    return deviceOf(directory, reader) === entry.dev && entry.dev !== deviceOf("/", reader);
  });
}

/** Deno shows `/proc` only to a program that may do all. */
function deviceOf(path: string, reader: Pick<PathReader, "lstat">): number | undefined {
  try {
    return reader.lstat(path).dev;
  } catch {
    return undefined;
  }
}

/**
 * Checks whether what was opened is what stood at its path.
 *
 * @param a The entry found under the path.
 * @param b The open file.
 * @returns Whether they are one file; also where files belong to nobody that has a number (Windows).
 */
export function isSameFile(
  a: Pick<PathEntry, "dev" | "ino" | "uid">,
  b: Pick<PathEntry, "dev" | "ino" | "uid">,
): boolean {
  return a.uid === null || b.uid === null || (a.dev === b.dev && a.ino === b.ino);
}

/**
 * The reason not to write a file where it stands: writing would reach somebody else's file.
 *
 * @param entry The entry that stands there.
 * @param userId The user who is to write; absent where files belong to nobody that has a number.
 * @returns The reason, as what "It" is; `undefined` when it may.
 */
export function reasonNotToWrite(
  { isFile, nlink, uid }: Pick<PathEntry, "isFile" | "nlink" | "uid">,
  userId: number | null,
): string | undefined {
  if (!isFile) return "It is not a regular file";
  if (userId === null) return undefined;
  if (nlink !== null && nlink > 1) return "It has more than one name (hard links)";
  if (uid !== null && uid !== ROOT && uid !== userId) return `It belongs to ${userName(uid)}`;
  return undefined;
}
