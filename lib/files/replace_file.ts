import { despiteReaders } from "./despite_readers.ts";

/** Options of {@linkcode replaceFile}. */
export interface ReplaceFileOptions {
  /** The permissions of the new file, less the umask. */
  readonly mode: number;
  /**
   * Where the text is written first. Only for those who hold a lock: a file there is the leftover of somebody who was
   * killed, and two who write there at a time would publish each other's halves. By default a name beside the file that
   * nobody can have foreseen.
   */
  readonly sibling?: string;
}

/** A name beside a file that nobody can have foreseen. */
export function siblingOf(path: string): string {
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
  options: ReplaceFileOptions,
): Promise<void> {
  const { mode, sibling = siblingOf(path) } = options;
  refuseSpecial(path);
  try {
    await createFile(sibling, text, mode);
  } catch (error) {
    if (options.sibling === undefined || !(error instanceof Deno.errors.AlreadyExists)) throw error;
    Deno.removeSync(sibling);
    await createFile(sibling, text, mode);
  }
  try {
    await despiteReaders(() => Deno.renameSync(sibling, path));
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

/**
 * Makes a file, which must not be there; whatever goes wrong, there is a whole one or none.
 *
 * @param path The file.
 * @param text Its new text.
 * @param mode Its permissions, less the umask.
 */
export async function createFile(path: string, text: string, mode: number): Promise<void> {
  const file = await Deno.open(path, { write: true, createNew: true, mode });
  try {
    for (let bytes = new TextEncoder().encode(text); bytes.length > 0;) {
      bytes = bytes.subarray(file.writeSync(bytes));
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
 * @param path The file that is to be replaced; it need not be there.
 * @throws {TypeError} If it is none.
 */
function refuseSpecial(path: string): void {
  const known = entryOf(Deno.lstatSync, path);
  if (known === undefined || known.isFile || known.isDirectory) return;
  if (known.isSymlink) {
    const target = entryOf(Deno.statSync, path);
    const isStream = Deno.readLinkSync(path).startsWith("/proc/");
    if (!isStream && (target === undefined || target.isFile || target.isDirectory)) return;
  }
  throw new TypeError("It is not a regular file");
}

function entryOf(look: (path: string) => Deno.FileInfo, path: string): Deno.FileInfo | undefined {
  try {
    return look(path);
  } catch {
    return undefined;
  }
}
