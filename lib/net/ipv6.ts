/**
 * IPv6 addresses as text.
 *
 * @module
 */

/**
 * Writes sixteen bytes as RFC 5952 wants them: lower case, no leading zeros, the longest run of two or more zero
 * groups (the first of several) as `::`.
 *
 * @param bytes The address's 16 bytes.
 * @returns The address as text.
 */
export function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8 | bytes[2 * i + 1]!).toString(16));
  let [start, length] = [0, 1];
  for (let from = 0; from < 8; from++) {
    const end = groups.findIndex((group, i) => i >= from && group !== "0");
    const run = (end === -1 ? 8 : end) - from;
    if (run > length) [start, length] = [from, run];
  }
  if (length < 2) return groups.join(":");
  return `${groups.slice(0, start).join(":")}::${groups.slice(start + length).join(":")}`;
}
