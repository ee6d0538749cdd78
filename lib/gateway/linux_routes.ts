/**
 * Linux: the text of `/proc/net/route`, the main routing table; pure.
 *
 * @module
 */

import { maskLength } from "./prefix.ts";
import type { Route } from "./route.ts";

/** Flags of linux/route.h. */
const RTF_UP = 0x0001;
const RTF_GATEWAY = 0x0002;
const RTF_REJECT = 0x0200;

/** Columns of a line; between gateway and mask stand flags, reference count, use and metric. */
const INTERFACE = 0;
const DESTINATION = 1;
const GATEWAY = 2;
const FLAGS = 3;
const METRIC = 6;
const MASK = 7;

/** `010200C0` is 192.0.2.1: see {@linkcode parseLinuxRoutes}. */
function addressOf(hex: number): string {
  return `${hex & 255}.${hex >>> 8 & 255}.${hex >>> 16 & 255}.${hex >>> 24}`;
}

function reversed(hex: number): number {
  return ((hex & 255) << 24 | (hex >>> 8 & 255) << 16 | (hex >>> 16 & 255) << 8 | hex >>> 24) >>> 0;
}

/**
 * Parses `/proc/net/route`.
 *
 * Addresses there are hexadecimal numbers in the machine's own byte order. Deno runs on little-endian machines only,
 * so the first byte of an address is the last pair of digits; a big-endian machine would print them the other way.
 * An unreachable or prohibit route has the flag 0x0200; a blackhole route has no flag of its own, but like those it
 * has no interface, which is written `*`.
 *
 * @param text The file's text.
 * @returns Every route that is up, in the file's order; other lines are skipped.
 */
export function parseLinuxRoutes(text: string): Route[] {
  const routes: Route[] = [];
  for (const line of text.split("\n")) {
    const fields = line.split("\t");
    const flags = parseInt(fields[FLAGS] ?? "", 16);
    const destination = parseInt(fields[DESTINATION] ?? "", 16);
    const mask = parseInt(fields[MASK] ?? "", 16);
    const metric = Number(fields[METRIC] ?? NaN);
    // The heading has words where numbers are.
    if (Number.isNaN(flags + destination + metric + mask) || !(flags & RTF_UP)) continue;
    const prefixLength = maskLength(reversed(mask));
    if (prefixLength === undefined) continue;
    const interfaceName = fields[INTERFACE]!;
    const gateway = flags & RTF_GATEWAY ? parseInt(fields[GATEWAY]!, 16) : 0;
    routes.push({
      interfaceName,
      destination: addressOf(destination),
      prefixLength,
      ...(gateway ? { gateway: addressOf(gateway) } : {}),
      // The file has no room for an IPv6 next hop, only for the fact that there is one.
      ...(flags & RTF_GATEWAY && !gateway ? { hasIpv6Hop: true } : {}),
      metric,
      rejects: (flags & RTF_REJECT) !== 0 || interfaceName === "*",
    });
  }
  return routes;
}

/**
 * Parses `/proc/net/dev`, which lists every interface, also those without an address.
 *
 * @param text The file's text.
 * @returns The interfaces' names.
 */
export function parseLinuxInterfaceNames(text: string): string[] {
  return text.split("\n").flatMap((line) => /^\s*([^\s|]+):\s/.exec(line)?.[1] ?? []);
}
