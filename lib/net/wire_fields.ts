/**
 * Unsigned big-endian fields of a message, with a check of what is put there.
 *
 * @module
 */

/** The bytes as fields. */
export function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

/** Writes a field of 16 bits; `what` names it for the error, as in `an internal port`. */
export function setUint16(view: DataView, offset: number, value: number, what: string): void {
  requireUnsigned(value, 0xffff, what);
  view.setUint16(offset, value);
}

/** Writes a field of 32 bits. */
export function setUint32(view: DataView, offset: number, value: number, what: string): void {
  requireUnsigned(value, 0xffff_ffff, what);
  view.setUint32(offset, value);
}

/** Throws a `RangeError` for what does not fit: `DataView` would send port 70000 as 4464. */
export function requireUnsigned(value: number, max: number, what: string): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new RangeError(`Cannot encode ${value}: ${what} is a whole number from 0 to ${max}`);
  }
}
