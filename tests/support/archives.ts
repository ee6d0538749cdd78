/**
 * Tar and zip archives, byte by byte, so that tests can make those that no archiver would.
 *
 * @module
 */

/** One member of an archive. */
export interface ArchiveMember {
  /** Its name, written as it is. */
  readonly name: string;
  /** What it holds; nothing for a link. */
  readonly content?: string | Uint8Array;
  /** The target of a symbolic link, or of a hard link, instead of content. */
  readonly link?: { readonly kind: "symbolic" | "hard"; readonly target: string };
}

const encoder = new TextEncoder();
const TAR_BLOCK_BYTES = 512;
/** Member types of POSIX ustar. */
const TAR_TYPES = { file: "0", hard: "1", symbolic: "2", directory: "5" } as const;

function bytesOf(content: string | Uint8Array = ""): Uint8Array {
  return typeof content === "string" ? encoder.encode(content) : content;
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

function tarHeader({ name, content, link }: ArchiveMember): Uint8Array {
  const header = new Uint8Array(TAR_BLOCK_BYTES);
  const field = (offset: number, text: string) => header.set(encoder.encode(text), offset);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, "0")}\0`;
  const type = link?.kind ?? (name.endsWith("/") ? "directory" : "file");
  field(0, name);
  field(100, octal(type === "directory" ? 0o755 : 0o644, 7));
  field(108, octal(0, 7));
  field(116, octal(0, 7));
  field(124, octal(link === undefined ? bytesOf(content).length : 0, 11));
  field(136, octal(0, 11));
  field(148, " ".repeat(8));
  field(156, TAR_TYPES[type]);
  field(157, link?.target ?? "");
  field(257, "ustar\x0000");
  field(148, `${octal(header.reduce((sum, byte) => sum + byte, 0), 6)} `);
  return header;
}

/** A gzipped tar archive of these members, in this order. */
export async function tarGz(members: readonly ArchiveMember[]): Promise<Uint8Array> {
  const blocks = members.flatMap((member) => {
    const content = member.link === undefined ? bytesOf(member.content) : new Uint8Array();
    const padding = (TAR_BLOCK_BYTES - content.length % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES;
    return [tarHeader(member), content, new Uint8Array(padding)];
  });
  const tar = joined([...blocks, new Uint8Array(2 * TAR_BLOCK_BYTES)]);
  const gzip = new Blob([tar]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(gzip).arrayBuffer());
}

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** Little-endian numbers, each with its size in bytes. */
function numbers(...fields: readonly (readonly [value: number, bytes: 2 | 4])[]): Uint8Array {
  return joined(fields.map(([value, bytes]) => {
    const field = new DataView(new ArrayBuffer(4));
    field.setUint32(0, value, true);
    return new Uint8Array(field.buffer, 0, bytes);
  }));
}

/** A zip archive of these members, stored, in this order; links are not for zip. */
export function zip(members: readonly ArchiveMember[]): Uint8Array {
  const locals: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  let offset = 0;
  for (const { name, content } of members) {
    const [nameBytes, bytes] = [encoder.encode(name), bytesOf(content)];
    // Version 2.0, no flags, stored, at the first moment that the format knows.
    const common = numbers(
      [20, 2],
      [0, 2],
      [0, 2],
      [0, 2],
      [0x21, 2],
      [crc32(bytes), 4],
      [bytes.length, 4],
      [bytes.length, 4],
      [nameBytes.length, 2],
      [0, 2],
    );
    const local = joined([numbers([0x04034b50, 4]), common, nameBytes, bytes]);
    const rest = numbers([0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]);
    central.push(joined([numbers([0x02014b50, 4], [20, 2]), common, rest, nameBytes]));
    locals.push(local);
    offset += local.length;
  }
  const directory = joined(central);
  const end = numbers(
    [0x06054b50, 4],
    [0, 2],
    [0, 2],
    [members.length, 2],
    [members.length, 2],
    [directory.length, 4],
    [offset, 4],
    [0, 2],
  );
  return joined([...locals, directory, end]);
}
