/**
 * The captured tables of tests/testdata/routes, and hosts made of them.
 *
 * @module
 */

import type { InterfaceAddress, WindowsTables } from "../../lib/gateway/route.ts";

/** The text of a table without its first line, which says where it is from. */
export function table(name: string): string {
  const text = Deno.readTextFileSync(new URL(`../testdata/routes/${name}`, import.meta.url));
  return text.replace(/^#.*\n/, "");
}

/** Windows' tables out of a file of lines such as `forwardTable 0200…`. */
export function windowsTables(name: string): WindowsTables {
  const tables = Object.fromEntries(
    table(name).trim().split("\n").map((line) => {
      const [key, hex] = line.split(" ");
      return [key, Uint8Array.from(hex!.match(/../g)!, (pair) => parseInt(pair, 16))];
    }),
  );
  return tables as unknown as WindowsTables;
}

function netmask(length: number): string {
  const mask = length === 0 ? 0 : 2 ** 32 - 2 ** (32 - length);
  return [24, 16, 8, 0].map((shift) => mask >>> shift & 255).join(".");
}

/** An interface's address: `address("eth0", "192.168.1.20/24")`. Without a hardware address it is a tunnel's. */
export function address(name: string, cidr: string, mac = "02:fc:00:00:00:01"): InterfaceAddress {
  const [text, length] = cidr.split("/");
  if (text!.includes(":")) {
    return { name, family: "IPv6", address: text!, netmask: "ffff:ffff:ffff:ffff::", mac };
  }
  return { name, family: "IPv4", address: text!, netmask: netmask(Number(length)), mac };
}

/** The hardware address of a link that has none. */
export const NO_MAC = "00:00:00:00:00:00";

export const LO = address("lo", "127.0.0.1/8", NO_MAC);
export const ETH0 = address("eth0", "192.168.1.20/24");
export const WLAN0 = address("wlan0", "192.168.7.33/24");
export const TUN1 = address("tun1", "10.8.0.6/24", NO_MAC);
export const WG0 = address("wg0", "10.2.0.2/32", NO_MAC);
