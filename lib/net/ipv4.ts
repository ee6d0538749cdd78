/**
 * IPv4 addresses in dotted decimal: parse, format, classify.
 *
 * @module
 */

const DOTTED_DECIMAL = /^(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})$/;

/**
 * Parses four decimal numbers with dots between them, and nothing more lenient: no leading zeros, no hexadecimal,
 * no names.
 *
 * @param text The address as text.
 * @returns The address's four bytes, or `undefined` when the text is not such an address.
 */
export function parseIpv4(text: string): Uint8Array | undefined {
  const parts = DOTTED_DECIMAL.exec(text);
  if (parts === null) return undefined;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    const value = Number(parts[i + 1]);
    if (value > 255) return undefined;
    bytes[i] = value;
  }
  return bytes;
}

/**
 * Writes four bytes as dotted decimal.
 *
 * @param bytes At least four bytes; the first four count.
 * @returns The address as text.
 */
export function formatIpv4(bytes: ArrayLike<number>): string {
  return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
}

/** The kind of place that an IPv4 address names. */
export type Ipv4Class =
  | "public"
  | "private"
  | "shared"
  | "link-local"
  | "loopback"
  | "zero"
  | "multicast"
  | "broadcast"
  | "reserved";

/**
 * Finds out what kind of place an address names: RFC 1918 private, RFC 6598 shared (carrier-grade NAT), RFC 3927
 * link-local, and the blocks of RFC 6890 that no host on the Internet has.
 *
 * @param address The address in dotted decimal.
 * @returns Its class.
 * @throws {SyntaxError} If the text is not an IPv4 address.
 */
export function classifyIpv4(address: string): Ipv4Class {
  const bytes = parseIpv4(address);
  if (bytes === undefined) throw new SyntaxError(`Cannot classify "${address}": it is not an IPv4 address`);
  const [a, b, c] = bytes as unknown as [number, number, number, number];
  if (address === "0.0.0.0") return "zero";
  if (address === "255.255.255.255") return "broadcast";
  if (a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168)) return "private";
  if (a === 100 && b >= 64 && b < 128) return "shared";
  if (a === 169 && b === 254) return "link-local";
  if (a === 127) return "loopback";
  if (a >= 224 && a < 240) return "multicast";
  if (a === 0 || a >= 240) return "reserved";
  if (a === 192 && b === 0 && (c === 0 || c === 2)) return "reserved";
  if (a === 198 && (b === 18 || b === 19 || (b === 51 && c === 100))) return "reserved";
  if (a === 203 && b === 0 && c === 113) return "reserved";
  return "public";
}
