import type { FileContent } from "../machine.ts";

/**
 * Reads a regular file from its beginning. Owner and mode are those of the very file that is read, whatever has
 * taken its name meanwhile.
 *
 * @param path The file.
 * @param maxBytes How much of it is read at most.
 * @returns What it holds, and whose it is.
 * @throws {Error} If there is none, it cannot be read, or it is a directory, a pipe or a device.
 */
export async function readFile(path: string, maxBytes: number): Promise<FileContent> {
  // Opening a pipe would wait for its writer, and Windows would say of a directory that access is denied.
  refuseSpecial(await Deno.stat(path));
  using file = await Deno.open(path);
  const stat = await file.stat();
  refuseSpecial(stat);
  const { uid, mode } = stat;
  return {
    bytes: await readBytes(file, maxBytes),
    ...(uid === null ? {} : { ownerId: uid }),
    ...(mode === null ? {} : { mode: mode & 0o7777 }),
  };
}

function refuseSpecial({ isFile, isDirectory }: Deno.FileInfo): void {
  if (isDirectory) throw new Deno.errors.IsADirectory("It is a directory");
  if (!isFile) throw new TypeError("It is not a regular file");
}

async function readBytes(file: Deno.FsFile, maxBytes: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(maxBytes);
  let length = 0;
  while (length < maxBytes) {
    const count = await file.read(bytes.subarray(length));
    if (count === null) break;
    length += count;
  }
  return bytes.slice(0, length);
}
