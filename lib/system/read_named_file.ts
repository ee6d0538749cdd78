import { readFile } from "../files/read_file.ts";
import { isSameFile, walkPath } from "../files/trusted_path.ts";
import type { FileContent } from "./system.ts";

/**
 * Reads a regular file, by its absolute path, from its beginning.
 *
 * @returns Its content, and how far it can be trusted.
 * @throws {Error} If there is none, it cannot be read, or it is a directory, a pipe or a device.
 */
export async function readNamedFile(path: string, maxBytes: number): Promise<FileContent> {
  const { bytes, stat } = await readFile(path, maxBytes);
  return { bytes, doubt: () => doubtAbout(path, stat) };
}

/** The path is judged after the file was read, and has to lead to the very file. */
function doubtAbout(path: string, read: Deno.FileInfo): string | undefined {
  const userId = Deno.uid();
  if (userId === null) return undefined;
  const { doubt, entry } = walkPath(path, { userId, leadsTo: "file" });
  if (doubt !== undefined) return doubt;
  return entry !== undefined && isSameFile(entry, read)
    ? undefined
    : `${path} was replaced while natpmp read it`;
}
