/**
 * Linux: asking the kernel for the route to an address, by a netlink socket. It answers from every table and by every
 * policy rule, and it needs no privileges; nothing is sent to the network.
 *
 * @module
 */

import { parseIpv4 } from "./ipv4.ts";
import { cString, SharedLibc } from "./libc.ts";
import { decodeRouteAnswer, encodeRouteRequest, MAIN_TABLE, NO_TABLE } from "./route_message.ts";

const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
/** SOCK_RAW and SOCK_CLOEXEC. */
const RAW_TYPE = 3 | 0x80000;
/** An answer has about 100 bytes. */
const ANSWER_BYTES = 4096;
/** IF_NAMESIZE. */
const NAME_BYTES = 16;
/** Any number would do: each socket asks one question, and only the kernel can write to it. */
const SEQUENCE = 1;

const library = new SharedLibc({
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
  if_indextoname: { parameters: ["u32", "buffer"], result: "pointer" },
});

type Libc = NonNullable<ReturnType<typeof library.acquire>>["libc"];

/**
 * Keeps open what {@linkcode kernelRoute} uses, for who asks more than once: opening takes longer than asking.
 *
 * @returns Lets go of it.
 */
export function holdKernelRoute(): () => void {
  return library.acquire() === undefined ? () => {} : () => library.release();
}

/** The conditions that the route should satisfy. */
export interface KernelRouteOptions {
  /** The address to send from. */
  readonly source?: string | undefined;
  /** The interface to leave by; the kernel then takes the destination for one on the link where it has no route. */
  readonly interfaceName?: string | undefined;
}

/** Where a route is from. */
export type RouteOrigin =
  /** The table that everybody looks at. */
  | "main-table"
  /** Another table, to which a policy rule leads. */
  | "other-table"
  /** Nowhere: an interface was asked for, and the destination is taken for one on its link. */
  | "assumed";

/** The route that the kernel would take. */
export interface KernelRoute {
  /** The interface that it leaves by. */
  readonly interfaceName: string;
  /** Where it is from. */
  readonly origin: RouteOrigin;
  /** The next hop; absent where the destination is on the link. */
  readonly nextHop?: string;
  /** Whether the next hop is an IPv6 address. */
  readonly isForeignHop: boolean;
  /** The address to send from. */
  readonly source?: string;
  /** Whether the destination is this host itself. */
  readonly isLocal: boolean;
}

/**
 * Asks the kernel for the route to an address.
 *
 * @param destination The IPv4 address to be reached.
 * @param options From where.
 * @returns The route, `"unreachable"` where there is none, or `undefined` where the kernel cannot be asked: on other
 * systems, without FFI, and where netlink sockets are forbidden.
 */
export function kernelRoute(
  destination: string,
  options: KernelRouteOptions = {},
): KernelRoute | "unreachable" | undefined {
  const to = parseIpv4(destination);
  if (Deno.build.os !== "linux" || to === undefined) return undefined;
  const { source, interfaceName } = options;
  return library.use(({ libc, abi }) => {
    const interfaceIndex = interfaceName === undefined
      ? undefined
      : libc.if_nametoindex(cString(interfaceName));
    // Index 0 would ask for a route through any interface.
    if (interfaceIndex === 0) return "unreachable";
    const from = source === undefined ? undefined : parseIpv4(source);
    const request = encodeRouteRequest({ destination: to, source: from, interfaceIndex, sequence: SEQUENCE });
    const reply = ask(libc, request, abi.dontWait);
    const answer = reply && decodeRouteAnswer(reply, SEQUENCE);
    if (answer === undefined || answer === "unreachable") return answer;
    const { interfaceIndex: index, table, ...route } = answer;
    const name = nameOf(libc, index);
    return name === undefined ? undefined : { interfaceName: name, origin: originOf(table), ...route };
  });
}

function originOf(table: number): RouteOrigin {
  if (table === NO_TABLE) return "assumed";
  return table === MAIN_TABLE ? "main-table" : "other-table";
}

/** The kernel answers before send() returns, so that nothing is waited for. */
function ask(libc: Libc, request: Uint8Array<ArrayBuffer>, dontWait: number): Uint8Array | undefined {
  const descriptor = libc.socket(AF_NETLINK, RAW_TYPE, NETLINK_ROUTE);
  if (descriptor < 0) return undefined;
  const reply = new Uint8Array(ANSWER_BYTES);
  const isSent = Number(libc.send(descriptor, request, BigInt(request.length), dontWait)) === request.length;
  const size = isSent ? Number(libc.recv(descriptor, reply, BigInt(ANSWER_BYTES), dontWait)) : -1;
  libc.close(descriptor);
  return size < 0 ? undefined : reply.subarray(0, size);
}

function nameOf(libc: Libc, index: number): string | undefined {
  const name = new Uint8Array(NAME_BYTES);
  if (libc.if_indextoname(index, name) === null) return undefined;
  return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
}
