/** Programs of other users read it; the umask may take from that. */
const MODE = 0o644;

/** A name beside the file that nobody can have foreseen. */
function siblingOf(path: string): string {
  return `${path}.${crypto.randomUUID()}`;
}

/**
 * Writes a file whole: to a sibling that is created exclusively, which then takes the file's name. Whoever reads the
 * file sees the old text or the new one.
 *
 * @param path The file.
 * @param text Its new text.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const sibling = siblingOf(path);
  await createFile(sibling, text);
  try {
    await Deno.rename(sibling, path);
  } catch (error) {
    await Deno.remove(sibling);
    throw error;
  }
}

async function createFile(path: string, text: string): Promise<void> {
  const file = await Deno.open(path, { write: true, createNew: true, mode: MODE });
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
 * Removes a file, which need not be there.
 *
 * @param path The file.
 * @throws {Error} If it cannot be removed, or no file could be written in its place.
 */
export async function clearFile(path: string): Promise<void> {
  try {
    // Deno.remove() would take an empty directory too.
    if ((await Deno.lstat(path)).isDirectory) throw new Deno.errors.IsADirectory("It is a directory");
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const sibling = siblingOf(path);
    await createFile(sibling, "");
    await Deno.remove(sibling);
  }
}
