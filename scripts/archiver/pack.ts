/**
 * Packs files into a `.tar.gz` or `.zip`: `pack.ts ORDER`, a {@linkcode PackOrder} in JSON. The same order gives the
 * same bytes, at any time and anywhere. A directory with its own lock file, as `deno compile` puts every package of
 * the project's lock file into the binary.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import { type Zippable, zipSync } from "fflate";
import { packTar } from "modern-tar";

/** The order to pack an archive. */
export interface PackOrder {
  /** The archive's path, whose suffix says what it is. */
  readonly archive: string;
  /** The time of every file, in seconds since 1970. */
  readonly timeSeconds: number;
  readonly files: readonly PackedFile[];
}

/** A file on the disk, and what it is in the archive. */
export interface PackedFile {
  readonly source: string;
  /** Relative, with slashes. */
  readonly path: string;
  /** Its access rights. */
  readonly mode: number;
}

interface LoadedFile extends PackedFile {
  readonly bytes: Uint8Array;
}

/** The access rights are Unix's. */
const UNIX = 3;
const REGULAR_FILE = 0o100_000;
/** The system that packed it (RFC 1952 §2.3.1), whichever it was. */
const UNKNOWN_SYSTEM = 255;

async function tarGz(files: readonly LoadedFile[], time: Date): Promise<Uint8Array> {
  const owner = { uid: 0, gid: 0, uname: "root", gname: "root" };
  const tape = await packTar(files.map(({ path: name, mode, bytes: body }) => ({
    header: { name, mode, size: body.length, mtime: time, type: "file", ...owner },
    body,
  })));
  const compressed = gzipSync(tape, { level: 9 });
  compressed[9] = UNKNOWN_SYSTEM;
  return compressed;
}

function zip(files: readonly LoadedFile[], time: Date): Uint8Array {
  // A zip archive holds the time of some clock on some wall, which is read from this one's.
  const mtime = new Date(time.getTime() + time.getTimezoneOffset() * 60_000);
  const entries: Zippable = {};
  for (const { path, mode, bytes } of files) {
    entries[path] = [bytes, { os: UNIX, attrs: (REGULAR_FILE | mode) << 16, mtime, level: 9 }];
  }
  return zipSync(entries);
}

const { archive, timeSeconds, files }: PackOrder = JSON.parse(Deno.args[0]!);
const loaded = await Promise.all(
  files.toSorted((a, b) => a.path < b.path ? -1 : 1)
    .map(async (file) => ({ ...file, bytes: await Deno.readFile(file.source) })),
);
const pack = archive.endsWith(".zip") ? zip : tarGz;
await Deno.writeFile(archive, await pack(loaded, new Date(timeSeconds * 1000)));
