/**
 * Linux: the IPv4 addresses of this host by ioctl (netdevice(7)), for where netlink, by which everybody else lists them,
 * is forbidden.
 *
 * @module
 */

import { formatIpv4 } from "./ipv4.ts";
import { SharedLibc } from "./libc.ts";
import { AF_INET } from "./socket_abi.ts";

const SIOCGIFCONF = 0x8912n;
const SIOCGIFNETMASK = 0x891bn;
const SIOCGIFHWADDR = 0x8927n;

/** `struct ifreq`: a name of 16 bytes and a socket address, in which an IPv4 address is at 4, a hardware one at 2. */
const REQUEST_BYTES = 40;
const NAME_BYTES = 16;
const ADDRESS = NAME_BYTES + 4;
const HARDWARE_ADDRESS = NAME_BYTES + 2;

/** Where there are more addresses than this, the rest is left out. */
const MOST_ADDRESSES = 1024;

const library = new SharedLibc({
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // Variadic, which Linux calls like any other function.
  ioctl: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
});

type Libc = NonNullable<ReturnType<typeof library.acquire>>["libc"];

/** An IPv4 address of an interface, as `Deno.networkInterfaces()` lists it. */
export interface ListedAddress {
  readonly name: string;
  readonly family: "IPv4";
  readonly address: string;
  readonly netmask: string;
  readonly mac: string;
}

/**
 * Lists the IPv4 addresses of interfaces that are up.
 *
 * @returns The addresses; `undefined` where they cannot be asked for.
 */
export function listIpv4Addresses(): ListedAddress[] | undefined {
  if (Deno.build.os !== "linux") return undefined;
  return library.use(({ libc, abi }) => {
    const descriptor = libc.socket(AF_INET, abi.datagramType, 0);
    if (descriptor < 0) return undefined;
    const requests = readRequests(libc, descriptor);
    const addresses = requests?.flatMap((request) => readAddress(libc, descriptor, request) ?? []);
    libc.close(descriptor);
    return addresses;
  });
}

/** One `struct ifreq` for each address. */
function readRequests(libc: Libc, descriptor: number): Uint8Array<ArrayBuffer>[] | undefined {
  const requests = new Uint8Array(MOST_ADDRESSES * REQUEST_BYTES);
  // `struct ifconf`: the length, which comes back as what was filled, and where to write.
  const configuration = new DataView(new ArrayBuffer(16));
  configuration.setInt32(0, requests.length, true);
  configuration.setBigUint64(8, BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(requests))), true);
  if (libc.ioctl(descriptor, SIOCGIFCONF, new Uint8Array(configuration.buffer)) < 0) return undefined;
  const count = Math.min(Math.floor(configuration.getInt32(0, true) / REQUEST_BYTES), MOST_ADDRESSES);
  return Array.from({ length: count }, (_, i) => requests.slice(i * REQUEST_BYTES, (i + 1) * REQUEST_BYTES));
}

function readAddress(
  libc: Libc,
  descriptor: number,
  request: Uint8Array<ArrayBuffer>,
): ListedAddress | undefined {
  const netmask = request.slice();
  const hardware = request.slice();
  // The interface may have gone meanwhile.
  if (libc.ioctl(descriptor, SIOCGIFNETMASK, netmask) < 0) return undefined;
  if (libc.ioctl(descriptor, SIOCGIFHWADDR, hardware) < 0) return undefined;
  const end = request.indexOf(0);
  const mac = hardware.subarray(HARDWARE_ADDRESS, HARDWARE_ADDRESS + 6);
  return {
    name: new TextDecoder().decode(request.subarray(0, Math.min(end, NAME_BYTES))),
    family: "IPv4",
    address: formatIpv4(request.subarray(ADDRESS, ADDRESS + 4)),
    netmask: formatIpv4(netmask.subarray(ADDRESS, ADDRESS + 4)),
    mac: Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join(":"),
  };
}
