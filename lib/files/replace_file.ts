import { despiteReaders } from "./despite_readers.ts";

/** Programs of other users read it; the umask may take from that. */
const DEFAULT_MODE = 0o644;

/** Options of {@linkcode replaceFile}. */
export interface ReplaceFileOptions {
  /** The permissions of the new file, less the umask; 0644 by default. */
  readonly mode?: number;
  /**
   * Where the text is written first. Only for those who hold a lock: what stands there is what somebody left who was
   * killed, and two who write there at a time would publish each other's halves. By default a name beside the file that
   * nobody can have foreseen.
   */
  readonly sibling?: string;
}

/** A name beside the file that nobody can have foreseen. */
function siblingOf(path: string): string {
  return `${path}.${crypto.randomUUID()}`;
}

/**
 * Writes a file whole: to a sibling that is created exclusively, which then takes the file's name. Whoever reads the
 * file sees the old text or the new one. After a power failure it is one of the two as well.
 *
 * @param path The file.
 * @param text Its new text.
 * @param options Its permissions.
 * @throws {Error} If it cannot be written, or something else than a file has the name.
 */
export async function replaceFile(
  path: string,
  text: string,
  options: ReplaceFileOptions = {},
): Promise<void> {
  const { mode = DEFAULT_MODE, sibling = siblingOf(path) } = options;
  await refuseSpecial(path);
  if (options.sibling !== undefined) await removeIfThere(sibling);
  await createFile(sibling, text, mode);
  try {
    await despiteReaders(() => Deno.rename(sibling, path));
  } catch (error) {
    await Deno.remove(sibling);
    throw error;
  }
}

/**
 * Removes a file that may not be there.
 *
 * @param path The file.
 */
export async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function createFile(path: string, text: string, mode: number): Promise<void> {
  const file = await Deno.open(path, { write: true, createNew: true, mode });
  try {
    for (let bytes = new TextEncoder().encode(text); bytes.length > 0;) {
      bytes = bytes.subarray(await file.write(bytes));
    }
    // Else a power failure could leave the new name with nothing in it.
    await file.syncData();
  } catch (error) {
    file.close();
    await Deno.remove(path);
    throw error;
  }
  file.close();
}

/**
 * Refuses a device, a pipe, a socket, and a link to one, as `/dev/stdout` is: root would really put a file in the place
 * of `/dev/null`, for the whole machine.
 *
 * @param path The file that is to be replaced or removed; it need not be there.
 * @throws {TypeError} If it is none.
 */
export async function refuseSpecial(path: string): Promise<void> {
  const known = await Deno.lstat(path).catch(() => undefined);
  if (known === undefined || known.isFile || known.isDirectory) return;
  if (known.isSymlink) {
    const target = await Deno.stat(path).catch(() => undefined);
    const isStream = (await Deno.readLink(path)).startsWith("/proc/");
    if (!isStream && (target === undefined || target.isFile || target.isDirectory)) return;
  }
  throw new TypeError("It is not a regular file");
}

/**
 * Removes a file, which need not be there.
 *
 * @param path The file.
 * @throws {Error} If it cannot be removed, or no file could be written in its place.
 */
export async function clearFile(path: string): Promise<void> {
  try {
    await refuseSpecial(path);
    // Deno.remove() would take an empty directory too.
    if ((await Deno.lstat(path)).isDirectory) throw new Deno.errors.IsADirectory("It is a directory");
    await despiteReaders(() => Deno.remove(path));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const sibling = siblingOf(path);
    await createFile(sibling, "", DEFAULT_MODE);
    await Deno.remove(sibling);
  }
}
