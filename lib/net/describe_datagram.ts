import { MalformedMessageError } from "../errors.ts";

/**
 * Puts a datagram into words, with its length behind them.
 *
 * @param words Reads it; throws {@linkcode MalformedMessageError} for what is not a message of the protocol.
 * @param foreign Names a message that is none: as junk, or as another protocol's.
 */
export function describeDatagram(
  data: Uint8Array,
  words: (data: Uint8Array) => string,
  foreign: (data: Uint8Array) => string,
): string {
  const bytes = `(${data.length} bytes)`;
  try {
    return `${words(data)} ${bytes}`;
  } catch (error) {
    if (error instanceof MalformedMessageError) return `${foreign(data)} ${bytes}`;
    throw error;
  }
}
