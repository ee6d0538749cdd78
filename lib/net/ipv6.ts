/**
 * IPv6 addresses as text, and addresses of both families in sixteen bytes.
 *
 * @module
 */

import { formatIpv4, parseIpv4 } from "./ipv4.ts";

const GROUP = /^[0-9a-f]{1,4}$/i;

/**
 * Parses the forms of RFC 4291 §2.2: eight groups of hexadecimal digits, `::` for one or more groups of zeros, the last
 * two groups in dotted decimal. A scope, as in `fe80::1%eth0`, is not a part of the address.
 * Any other text gives `undefined`.
 */
export function parseIpv6(text: string): Uint8Array | undefined {
  const [head = "", tail, ...more] = text.split("::");
  if (more.length > 0) return undefined;
  const before = groupsOf(head, { mayEndDotted: tail === undefined });
  const after = groupsOf(tail ?? "", { mayEndDotted: true });
  if (before === undefined || after === undefined) return undefined;
  const zeros = 8 - before.length - after.length;
  if (tail === undefined ? zeros !== 0 : zeros < 1) return undefined;
  const groups = [...before, ...Array<number>(zeros).fill(0), ...after];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

function groupsOf(text: string, { mayEndDotted }: { readonly mayEndDotted: boolean }): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    const dotted = mayEndDotted && i === parts.length - 1 ? parseIpv4(part) : undefined;
    if (dotted !== undefined) groups.push(dotted[0]! << 8 | dotted[1]!, dotted[2]! << 8 | dotted[3]!);
    else if (GROUP.test(part)) groups.push(parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

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

/** The twelve bytes before an IPv4 address that is written in sixteen (RFC 4291 §2.5.5.2). */
const IPV4_PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** The 16 bytes of an address of either family, IPv4 as `::ffff:a.b.c.d`; `undefined` for any other text. */
export function parseAddress(text: string): Uint8Array | undefined {
  const ipv4 = parseIpv4(text);
  return ipv4 === undefined ? parseIpv6(text) : Uint8Array.of(...IPV4_PREFIX, ...ipv4);
}

/** Writes 16 bytes as {@linkcode parseAddress} reads them: `::ffff:a.b.c.d` in dotted decimal alone. */
export function formatAddress(bytes: Uint8Array): string {
  const isIpv4 = IPV4_PREFIX.every((byte, i) => bytes[i] === byte);
  return isIpv4 ? formatIpv4(bytes.subarray(IPV4_PREFIX.length)) : formatIpv6(bytes);
}
