import { gzipSync } from "node:zlib";
import { type ArchiveEntry, type ArchiveOptions, concat, modeOf, sorted } from "./archive_entry.ts";

const BLOCK = 512;

/** A field of a header: where it is, and how long. */
const NAME = [0, 100] as const;
const MODE = [100, 8] as const;
const OWNER = [108, 8] as const;
const GROUP = [116, 8] as const;
const SIZE = [124, 12] as const;
const TIME = [136, 12] as const;
const CHECKSUM = [148, 8] as const;
const TYPE = [156, 1] as const;
const MAGIC = [257, 8] as const;
const OWNER_NAME = [265, 32] as const;
const GROUP_NAME = [297, 32] as const;
const DEVICE_MAJOR = [329, 8] as const;
const DEVICE_MINOR = [337, 8] as const;

/**
 * Packs files into a compressed tape archive in POSIX's ustar format. The same files give the same bytes: they are
 * sorted, belong to root and carry the given time.
 *
 * @param entries The files.
 * @param options Their time.
 * @returns The archive.
 * @throws {RangeError} If a path is too long for the format.
 */
export function tarGz(entries: readonly ArchiveEntry[], options: ArchiveOptions): Uint8Array<ArrayBuffer> {
  const tape = concat([
    ...sorted(entries).flatMap((entry) => [
      header(entry, options),
      entry.bytes,
      new Uint8Array((BLOCK - entry.bytes.length % BLOCK) % BLOCK),
    ]),
    // Two empty blocks end an archive.
    new Uint8Array(2 * BLOCK),
  ]);
  const compressed = new Uint8Array(gzipSync(tape, { level: 9 }));
  // The system that packed it (RFC 1952 §2.3.1): unknown, whichever it was. The time there is 0 already.
  compressed[9] = 255;
  return compressed;
}

function header(entry: ArchiveEntry, { timeSeconds }: ArchiveOptions): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const encoder = new TextEncoder();
  const put = ([offset, length]: readonly [number, number], text: string) => {
    const bytes = encoder.encode(text);
    if (bytes.length > length) {
      throw new RangeError(`Cannot pack ${entry.path}: "${text}" is over ${length} bytes`);
    }
    block.set(bytes, offset);
  };
  const putNumber = (field: readonly [number, number], value: number) =>
    put(field, `${value.toString(8).padStart(field[1] - 1, "0")}\0`);
  put(NAME, entry.path);
  putNumber(MODE, modeOf(entry));
  putNumber(OWNER, 0);
  putNumber(GROUP, 0);
  putNumber(SIZE, entry.bytes.length);
  putNumber(TIME, timeSeconds);
  put(TYPE, "0");
  put(MAGIC, "ustar\u000000");
  put(OWNER_NAME, "root");
  put(GROUP_NAME, "root");
  putNumber(DEVICE_MAJOR, 0);
  putNumber(DEVICE_MINOR, 0);
  // The sum is taken with blanks in its own place.
  put(CHECKSUM, " ".repeat(8));
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(CHECKSUM, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}
