/**
 * Mends a Windows program that `deno compile` made from a runtime which had held a program before. The compiler writes
 * over that one, in the file's last section, and leaves the section's size in memory as it was: a larger program then
 * reaches beyond what the system maps, and ends in an access violation before its first line. A runtime as Deno ships it
 * has no such section, and nothing has to be mended.
 *
 * @module
 */

/** Where the offset of the PE header stands, and what it begins with: "PE\0\0". */
const HEADER_OFFSET = 0x3c;
const SIGNATURE = 0x4550;

/** Offsets from the PE header. */
const SECTION_COUNT = 6;
const OPTIONAL_HEADER_SIZE = 20;
const OPTIONAL_HEADER = 24;

/** Offsets in the optional header. */
const SECTION_ALIGNMENT = 32;
const IMAGE_SIZE = 56;

/** A section header: its size and the offsets in it. */
const SECTION_BYTES = 40;
const VIRTUAL_SIZE = 8;
const VIRTUAL_ADDRESS = 12;
const RAW_SIZE = 16;

/**
 * Makes the last section of a program as large in memory as it is in the file.
 *
 * @param program The file's bytes, which are changed in place.
 * @returns Whether anything had to be changed.
 * @throws {TypeError} If this is no Windows program.
 */
export function fitLastSection(program: Uint8Array): boolean {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const u32 = (offset: number) => offset + 4 <= view.byteLength ? view.getUint32(offset, true) : 0;
  const header = u32(HEADER_OFFSET);
  if (u32(header) !== SIGNATURE) throw new TypeError("Cannot mend this file: it is no Windows program");
  const optional = header + OPTIONAL_HEADER;
  const sections = optional + view.getUint16(header + OPTIONAL_HEADER_SIZE, true);
  const count = view.getUint16(header + SECTION_COUNT, true);
  const last = Array.from({ length: count }, (_, i) => sections + i * SECTION_BYTES)
    .reduce((a, b) => u32(a + VIRTUAL_ADDRESS) > u32(b + VIRTUAL_ADDRESS) ? a : b);
  const alignment = u32(optional + SECTION_ALIGNMENT);
  const aligned = (size: number) => Math.ceil(size / alignment) * alignment;
  const size = u32(last + RAW_SIZE);
  // Memory is mapped in whole pages.
  if (size <= aligned(u32(last + VIRTUAL_SIZE))) return false;
  view.setUint32(last + VIRTUAL_SIZE, size, true);
  view.setUint32(optional + IMAGE_SIZE, aligned(u32(last + VIRTUAL_ADDRESS) + size), true);
  return true;
}
