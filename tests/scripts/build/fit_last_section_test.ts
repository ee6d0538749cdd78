import { assertEquals, assertThrows } from "@std/assert";
import { fitLastSection } from "../../../scripts/build/fit_last_section.ts";

interface Section {
  readonly virtualSize: number;
  readonly virtualAddress: number;
  readonly rawSize: number;
}

const PE = 0x80;
/** The size of the optional header of a 64-bit program with 16 data directories. */
const OPTIONAL_BYTES = 240;

/** The headers of a 64-bit program, laid out as Microsoft's "PE Format" has them. */
function headersOf(sections: readonly Section[], imageSize: number): Uint8Array {
  const bytes = new Uint8Array(0x400);
  const view = new DataView(bytes.buffer);
  bytes.set([0x4d, 0x5a]);
  view.setUint32(0x3c, PE, true);
  bytes.set([0x50, 0x45, 0, 0], PE);
  view.setUint16(PE + 6, sections.length, true);
  view.setUint16(PE + 20, OPTIONAL_BYTES, true);
  view.setUint16(PE + 24, 0x20b, true);
  view.setUint32(PE + 56, 0x1000, true);
  view.setUint32(PE + 80, imageSize, true);
  for (const [i, { virtualSize, virtualAddress, rawSize }] of sections.entries()) {
    const at = PE + 24 + OPTIONAL_BYTES + 40 * i;
    bytes.set(new TextEncoder().encode(".pedata"), at);
    view.setUint32(at + 8, virtualSize, true);
    view.setUint32(at + 12, virtualAddress, true);
    view.setUint32(at + 16, rawSize, true);
  }
  return bytes;
}

const TEXT = { virtualSize: 0x2345, virtualAddress: 0x1000, rawSize: 0x2400 };

Deno.test("fitLastSection() makes room in memory for a section that is larger in the file", () => {
  const section = { virtualSize: 0x1000, virtualAddress: 0x4000, rawSize: 0x2801 };
  const program = headersOf([TEXT, section], 0x5000);
  assertEquals(fitLastSection(program), true);
  assertEquals(program, headersOf([TEXT, { ...section, virtualSize: 0x2801 }], 0x7000));
  assertEquals(fitLastSection(program), false);
});

Deno.test("fitLastSection() finds the last section by its address, not by its place", () => {
  const section = { virtualSize: 0x1000, virtualAddress: 0x4000, rawSize: 0x2800 };
  const program = headersOf([section, TEXT], 0x5000);
  assertEquals(fitLastSection(program), true);
  assertEquals(program, headersOf([{ ...section, virtualSize: 0x2800 }, TEXT], 0x7000));
});

Deno.test("fitLastSection() leaves a program alone whose sections have room", () => {
  // In the file a section is rounded up to 512 bytes, in memory to a page; what is zero is not in the file.
  for (const section of [TEXT, { ...TEXT, rawSize: 0x3000 }, { ...TEXT, rawSize: 0x200 }]) {
    const program = headersOf([section], 0x4000);
    assertEquals(fitLastSection(program), false);
    assertEquals(program, headersOf([section], 0x4000));
  }
});

Deno.test("fitLastSection() refuses what is no Windows program", () => {
  for (const bytes of [new Uint8Array(0), new TextEncoder().encode("\x7fELF"), new Uint8Array(0x400)]) {
    assertThrows(() => fitLastSection(bytes), TypeError);
  }
});
