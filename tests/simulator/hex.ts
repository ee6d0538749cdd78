/**
 * Bytes as the specification prints them.
 *
 * @param text Pairs of hexadecimal digits; spaces and bars are for the reader.
 * @returns The bytes.
 */
export function hex(text: string): Uint8Array {
  const digits = text.replaceAll(/[ |]/g, "");
  if (!/^([0-9a-f]{2})*$/i.test(digits)) {
    throw new SyntaxError(`Cannot read "${text}": it is not hexadecimal`);
  }
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
