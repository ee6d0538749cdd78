import { assertEquals, assertInstanceOf } from "@std/assert";
import { MalformedMessageError } from "../../lib/errors.ts";
import { MalformedDocumentError } from "../../lib/upnp/malformed_document_error.ts";

/** How many datagrams {@linkcode fuzz} makes. */
export const FUZZ_DATAGRAMS = 200_000;

/**
 * Gives every decoder the same datagrams. None of them may throw anything but a {@linkcode MalformedMessageError}.
 *
 * @param decoders The decoders.
 * @param make Makes one of the datagrams, by its number.
 * @returns How often a datagram was decoded.
 */
export function fuzz(
  decoders: readonly ((data: Uint8Array) => unknown)[],
  make: (i: number) => Uint8Array,
): number {
  let decoded = 0;
  for (let i = 0; i < FUZZ_DATAGRAMS; i++) {
    const data = make(i);
    for (const decode of decoders) {
      try {
        decode(data);
        decoded++;
      } catch (error) {
        // An assertion costs time, also where it holds.
        if (!(error instanceof MalformedMessageError)) {
          assertInstanceOf(error, MalformedMessageError, `${decode.name}([${data}])`);
        }
        if (error.byteLength !== data.length) assertEquals(error.byteLength, data.length);
      }
    }
  }
  return decoded;
}

/** How many texts {@linkcode fuzzTexts} makes. */
export const FUZZ_TEXTS = 20_000;

/**
 * Gives a reader of documents one text after the other. It may not throw anything but a
 * {@linkcode MalformedDocumentError}.
 *
 * @param read The reader.
 * @param make Makes one of the texts, by its number.
 * @returns How often a text was read.
 */
export function fuzzTexts(read: (text: string) => unknown, make: (i: number) => string): number {
  let count = 0;
  for (let i = 0; i < FUZZ_TEXTS; i++) {
    const text = make(i);
    try {
      read(text);
      count++;
    } catch (error) {
      assertInstanceOf(error, MalformedDocumentError, JSON.stringify(text));
    }
  }
  return count;
}
