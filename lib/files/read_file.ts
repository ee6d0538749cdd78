import { isSameFile } from "./trusted_path.ts";

/** The bytes that were read, and the file that they are from. */
export interface ReadFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly stat: Deno.FileInfo;
}

/** Opening can itself give a file another number: an overlay copies what is written to first (containers). */
const MAX_TRIES = 3;

/** Most files are smaller, and need one call. */
const FIRST_BYTES = 4096;

/**
 * Reads a regular file from its beginning. The system's facts are about the very file that is read, even if
 * another one took its name meanwhile.
 *
 * @param path The file; a link is followed.
 * @param maxBytes How much of it is read at most.
 * @returns Its bytes, and the system's facts about it.
 * @throws {Error} If there is none, it cannot be read, or it is a directory, a pipe or a device.
 */
export async function readFile(path: string, maxBytes: number): Promise<ReadFile> {
  // Opening a pipe would wait for its writer, and Windows would report "access denied" for a directory.
  refuseSpecial(Deno.statSync(path));
  using file = await Deno.open(path);
  const stat = file.statSync();
  refuseSpecial(stat);
  return { bytes: readBytes(file, maxBytes, stat.size), stat };
}

/**
 * Opens a file that nobody else is to have put there: no link is followed, and no pipe waited for.
 *
 * @param path The file.
 * @param options As for `Deno.open`; without any of them it is opened for reading.
 * @param refuse Throws at what is not to be used, before it is opened and once it is.
 * @returns The open file.
 * @throws {Error} If there is none, or it is refused.
 */
export async function openUnlinked(
  path: string,
  options: Deno.OpenOptions,
  refuse: (entry: Deno.FileInfo) => void,
): Promise<Deno.FsFile> {
  for (let tries = 1;; tries++) {
    const known = Deno.lstatSync(path);
    refuse(known);
    const file = await Deno.open(path, options);
    try {
      const opened = file.statSync();
      refuse(opened);
      if (isSameFile(known, opened)) return file;
      if (tries === MAX_TRIES) throw new TypeError("It is replaced again and again");
    } catch (error) {
      file.close();
      throw error;
    }
    file.close();
  }
}

/** Refuses what has a name and is not a file that can be read to its end. */
export function refuseSpecial({ isFile, isDirectory }: Pick<Deno.FileInfo, "isFile" | "isDirectory">): void {
  if (isDirectory) throw new Deno.errors.IsADirectory("It is a directory");
  if (!isFile) throw new TypeError("It is not a regular file");
}

/** At once: a call that waits for its thread costs ten times as much, and only opening can take long. */
function readBytes(file: Deno.FsFile, maxBytes: number, expectedBytes: number): Uint8Array<ArrayBuffer> {
  // One byte more than needed, so that the end of the file shows.
  let bytes = new Uint8Array(Math.min(maxBytes, Math.max(expectedBytes + 1, FIRST_BYTES)));
  let length = 0;
  while (length < maxBytes) {
    if (length === bytes.length) {
      const longer = new Uint8Array(Math.min(maxBytes, 2 * length));
      longer.set(bytes);
      bytes = longer;
    }
    const count = file.readSync(bytes.subarray(length));
    if (count === null) break;
    length += count;
  }
  return bytes.subarray(0, length);
}
