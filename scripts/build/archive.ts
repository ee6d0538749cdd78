import { BuildError } from "./build_error.ts";
import { failureText, runDeno } from "./deno_process.ts";

/** A file in an archive. */
export interface ArchiveEntry {
  /** Relative, with slashes. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly isExecutable: boolean;
}

/** Options of {@linkcode packArchive}. */
export interface ArchiveOptions {
  /** The time of every file, in seconds since 1970. */
  readonly timeSeconds: number;
}

const PACKER = "pack.ts";

/**
 * Packs files into a `.tar.gz` or a `.zip`; the same files give the same bytes. The packer has packages of its own, which
 * must not get into the program, so it is a program of its own.
 *
 * @param archive The archive's absolute path, whose suffix says what it is.
 * @param entries The files.
 * @param options Their time.
 * @throws {BuildError} If they cannot be packed.
 */
export async function packArchive(
  archive: string,
  entries: readonly ArchiveEntry[],
  { timeSeconds }: ArchiveOptions,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "natpmp-pack-" });
  try {
    const files = entries.map(({ path, isExecutable }, i) => ({
      source: `${directory}/${i}`,
      path,
      mode: isExecutable ? 0o755 : 0o644,
    }));
    await Promise.all(entries.map(({ bytes }, i) => Deno.writeFile(files[i]!.source, bytes)));
    const { success, stderr } = await runDeno(
      [
        "run",
        "--quiet",
        "--frozen",
        "--allow-read",
        "--allow-write",
        PACKER,
        JSON.stringify({ archive, timeSeconds, files }),
      ],
      // A zip archive holds local time; without summer time, each hour comes once.
      { directory: `${import.meta.dirname}/../archiver`, env: { TZ: "UTC" } },
    );
    if (!success) throw new BuildError(`Cannot pack ${archive}: ${failureText(stderr)}`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
