import { crc32, deflateRawSync } from "node:zlib";
import { type ArchiveEntry, type ArchiveOptions, concat, modeOf, sorted } from "./archive_entry.ts";

const LOCAL_HEADER = 0x0403_4b50;
const CENTRAL_HEADER = 0x0201_4b50;
const END = 0x0605_4b50;
/** 2.0: deflated, with directories. */
const VERSION = 20;
/** The high byte says that the access rights are Unix's. */
const MADE_BY = 3 << 8 | VERSION;
const DEFLATED = 8;
const REGULAR_FILE = 0o100_000;

/** A number and how many bytes it takes. */
type Field = readonly [value: number, bytes: 2 | 4];

/**
 * Packs files into a zip archive. The same files give the same bytes: they are sorted and carry the given time.
 *
 * @param entries The files, of less than 4 GiB together, with names in ASCII.
 * @param options Their time.
 * @returns The archive.
 */
export function zip(entries: readonly ArchiveEntry[], options: ArchiveOptions): Uint8Array<ArrayBuffer> {
  const local: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  let offset = 0;
  for (const entry of sorted(entries)) {
    const name = new TextEncoder().encode(entry.path);
    const compressed = new Uint8Array(deflateRawSync(entry.bytes, { level: 9 }));
    const common: readonly Field[] = [
      [VERSION, 2],
      [0, 2],
      [DEFLATED, 2],
      ...dosTime(options),
      [crc32(entry.bytes), 4],
      [compressed.length, 4],
      [entry.bytes.length, 4],
      [name.length, 2],
      [0, 2],
    ];
    const record = concat([fields([LOCAL_HEADER, 4], ...common), name, compressed]);
    local.push(record);
    const places: readonly Field[] = [
      [0, 2],
      [0, 2],
      [0, 2],
      [(REGULAR_FILE | modeOf(entry)) << 16 >>> 0, 4],
      [
        offset,
        4,
      ],
    ];
    central.push(fields([CENTRAL_HEADER, 4], [MADE_BY, 2], ...common, ...places), name);
    offset += record.length;
  }
  const directory = concat(central);
  return concat([
    ...local,
    directory,
    fields(
      [END, 4],
      [0, 2],
      [0, 2],
      [entries.length, 2],
      [entries.length, 2],
      [directory.length, 4],
      [offset, 4],
      [0, 2],
    ),
  ]);
}

/** Time and date as MS-DOS had them, in steps of two seconds from 1980 on; in UTC here. */
function dosTime({ timeSeconds }: ArchiveOptions): readonly [Field, Field] {
  const date = new Date(timeSeconds * 1000);
  const time = date.getUTCHours() << 11 | date.getUTCMinutes() << 5 | date.getUTCSeconds() >> 1;
  const day = date.getUTCFullYear() - 1980 << 9 | date.getUTCMonth() + 1 << 5 | date.getUTCDate();
  return [[time, 2], [day, 2]];
}

function fields(...values: readonly Field[]): Uint8Array {
  const bytes = new Uint8Array(values.reduce((length, [, size]) => length + size, 0));
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const [value, size] of values) {
    if (size === 2) view.setUint16(offset, value, true);
    else view.setUint32(offset, value, true);
    offset += size;
  }
  return bytes;
}
