/**
 * Where the socket calls of the supported kernels differ: constants, and the layout of `struct sockaddr_in`; pure.
 *
 * @module
 */

import type { Endpoint } from "./datagram.ts";
import { formatIpv4, parseIpv4 } from "./ipv4.ts";

/** The address family of IPv4, the same number on every system. */
export const AF_INET = 2;

/** The size of the struct. */
export const SOCKADDR_BYTES = 16;

/** How a `struct sockaddr_in` begins: a family of two bytes, or a length and a family of one byte each. */
export type SockaddrLayout = "linux" | "bsd";

/** The numbers and layouts in which the supported kernels differ. */
export interface SocketAbi {
  /** The C library. */
  readonly library: string;
  /** The layout of a socket address. */
  readonly layout: SockaddrLayout;
  /** The type argument of socket(2); on Linux with SOCK_CLOEXEC, so that no child inherits the socket. */
  readonly datagramType: number;
  /** The level SOL_SOCKET. */
  readonly solSocket: number;
  /** The option SO_ERROR. */
  readonly soError: number;
  /** The error ECONNREFUSED. */
  readonly connectionRefused: number;
  /** The flag MSG_DONTWAIT. */
  readonly dontWait: number;
  /** The option that binds a socket to an interface: SO_BINDTODEVICE, IP_BOUND_IF. */
  readonly boundInterface: {
    readonly level: number;
    readonly option: number;
    readonly takes: "name" | "index";
  };
}

/** The same on x86-64 and aarch64. */
const LINUX: SocketAbi = {
  library: "libc.so.6",
  layout: "linux",
  datagramType: 2 | 0x80000,
  solSocket: 1,
  soError: 4,
  connectionRefused: 111,
  dontWait: 0x40,
  boundInterface: { level: 1, option: 25, takes: "name" },
};

const DARWIN: SocketAbi = {
  library: "libSystem.dylib",
  layout: "bsd",
  datagramType: 2,
  solSocket: 0xffff,
  soError: 0x1007,
  connectionRefused: 61,
  dontWait: 0x80,
  boundInterface: { level: 0, option: 25, takes: "index" },
};

/**
 * The socket constants of a system.
 *
 * @param os The system, as `Deno.build.os` names it.
 * @param arch The processor, as `Deno.build.arch` names it.
 * @returns Its constants, or `undefined` for a system that is not supported.
 */
export function socketAbi(os: string, arch: string): SocketAbi | undefined {
  if (arch !== "x86_64" && arch !== "aarch64") return undefined;
  return os === "linux" ? LINUX : os === "darwin" ? DARWIN : undefined;
}

/**
 * Encodes a `struct sockaddr_in`: the family as u16 in host order (Linux, little-endian here) or a length byte and a
 * family byte (BSD, macOS), then port and address in network order, then eight zero bytes.
 *
 * @param endpoint The address and port.
 * @param layout Which system's layout.
 * @returns The 16 bytes, or `undefined` when the address is not an IPv4 address.
 */
export function encodeSockaddr(
  endpoint: Endpoint,
  layout: SockaddrLayout,
): Uint8Array<ArrayBuffer> | undefined {
  const address = parseIpv4(endpoint.hostname);
  if (address === undefined) return undefined;
  const bytes = new Uint8Array(SOCKADDR_BYTES);
  bytes.set(layout === "bsd" ? [SOCKADDR_BYTES, AF_INET] : [AF_INET, 0]);
  new DataView(bytes.buffer).setUint16(2, endpoint.port);
  bytes.set(address, 4);
  return bytes;
}

/**
 * Decodes a `struct sockaddr_in`.
 *
 * @param bytes At least 8 bytes.
 * @param layout Which system's layout.
 * @returns The address and port, or `undefined` when the bytes are not an IPv4 socket address.
 */
export function decodeSockaddr(bytes: Uint8Array, layout: SockaddrLayout): Endpoint | undefined {
  if (bytes.length < 8) return undefined;
  const family = layout === "bsd" ? bytes[1] : bytes[0]! | bytes[1]! << 8;
  if (family !== AF_INET) return undefined;
  return { hostname: formatIpv4(bytes.subarray(4, 8)), port: bytes[2]! << 8 | bytes[3]! };
}
