import { TARGETS } from "./targets.ts";

/** The file that lists the sums, in the format of sha256sum(1). */
export const CHECKSUM_FILE = "SHA256SUMS";

/**
 * Writes the sums of a version's archives, also of those that an earlier build left in the directory.
 *
 * @param directory The directory.
 * @param version The version.
 */
export async function writeChecksums(directory: string, version: string): Promise<void> {
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(directory)) {
    if (isFile && name.startsWith(`natpmp-${version}-`) && isArchive(name)) names.push(name);
  }
  const lines: string[] = [];
  for (const name of names.sort()) {
    lines.push(`${await sha256(await Deno.readFile(`${directory}/${name}`))}  ${name}\n`);
  }
  await Deno.writeTextFile(`${directory}/${CHECKSUM_FILE}`, lines.join(""));
}

function isArchive(name: string): boolean {
  return TARGETS.some(({ archiveSuffix }) => name.endsWith(archiveSuffix));
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
