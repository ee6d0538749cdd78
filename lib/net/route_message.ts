/**
 * Linux: rtnetlink's question for one route and its answer (rtnetlink(7), linux/rtnetlink.h), for IPv4 and IPv6; pure.
 *
 * Numbers are in the machine's own byte order, and Deno runs on little-endian machines only. Addresses are in network
 * order.
 *
 * @module
 */

import { formatIpv4 } from "./ipv4.ts";
import { formatIpv6 } from "./ipv6.ts";

/** The address families, as Linux numbers them. */
const AF_INET = 2;
const AF_INET6 = 10;

/** `struct nlmsghdr`: length u32, type u16, flags u16, sequence u32, port u32. */
const HEADER_BYTES = 16;
const NLMSG_ERROR = 2;
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const NLM_F_REQUEST = 1;

/** `struct rtmsg`: family, two prefix lengths, TOS, table, protocol, scope and type of a byte each, flags u32. */
const ROUTE_BYTES = 12;
/** So that the answer names the table that the route is from, and not always the main one. */
const RTM_F_LOOKUP_TABLE = 0x1000;
const RTN_UNICAST = 1;
const RTN_LOCAL = 2;

/** Attributes: length u16 with these four bytes, type u16, value, padding to four bytes. */
const ATTRIBUTE_BYTES = 4;
const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PREFSRC = 7;
const RTA_TABLE = 15;
/** The next hop of another family than the route's: u16 family and address. */
const RTA_VIA = 18;

/** The number of the table that `ip route` shows. */
export const MAIN_TABLE = 254;
/** In an answer: no table has a route. */
export const NO_TABLE = 0;

/** A question for the route to an address. */
export interface RouteRequest {
  /** The address to be reached, 4 or 16 bytes. */
  readonly destination: Uint8Array;
  /** The address to send from. */
  readonly source?: Uint8Array | undefined;
  /** The index of the interface to leave by. */
  readonly interfaceIndex?: number | undefined;
  /** A number that the answer repeats. */
  readonly sequence: number;
}

/** The route that the kernel would take. */
export interface RouteAnswer {
  /** The index of the interface that it leaves by. */
  readonly interfaceIndex: number;
  /** The next hop; absent where the destination is on the link. */
  readonly nextHop?: string;
  /** Whether the next hop is of the other family. */
  readonly isForeignHop: boolean;
  /** The address to send from. */
  readonly source?: string;
  /** The table that the route is from. */
  readonly table: number;
  /** Whether the destination is this host itself. */
  readonly isLocal: boolean;
}

/**
 * Encodes RTM_GETROUTE.
 *
 * @param request The question.
 * @returns The message.
 */
export function encodeRouteRequest(request: RouteRequest): Uint8Array<ArrayBuffer> {
  const { destination, source, interfaceIndex, sequence } = request;
  const attributes: readonly (readonly [type: number, value: Uint8Array])[] = [
    [RTA_DST, destination],
    ...(source === undefined ? [] : [[RTA_SRC, source] as const]),
    ...(interfaceIndex === undefined
      ? []
      : [[RTA_OIF, new Uint8Array(Uint32Array.of(interfaceIndex).buffer)] as const]),
  ];
  // Every value here is whole words, so none needs padding.
  const length = attributes.reduce(
    (sum, [, value]) => sum + ATTRIBUTE_BYTES + value.length,
    HEADER_BYTES + ROUTE_BYTES,
  );
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length, true);
  view.setUint16(4, RTM_GETROUTE, true);
  view.setUint16(6, NLM_F_REQUEST, true);
  view.setUint32(8, sequence, true);
  bytes[16] = destination.length === 4 ? AF_INET : AF_INET6;
  bytes[17] = 8 * destination.length;
  bytes[18] = 8 * (source?.length ?? 0);
  view.setUint32(24, RTM_F_LOOKUP_TABLE, true);
  let at = HEADER_BYTES + ROUTE_BYTES;
  for (const [type, value] of attributes) {
    view.setUint16(at, ATTRIBUTE_BYTES + value.length, true);
    view.setUint16(at + 2, type, true);
    bytes.set(value, at + ATTRIBUTE_BYTES);
    at += ATTRIBUTE_BYTES + value.length;
  }
  return bytes;
}

/**
 * Decodes the answer to {@linkcode encodeRouteRequest}.
 *
 * @param bytes The kernel's answer.
 * @param sequence The question's number.
 * @returns The route; `"unreachable"` where the kernel has none or one that rejects; `undefined` for anything else.
 */
export function decodeRouteAnswer(
  bytes: Uint8Array,
  sequence: number,
): RouteAnswer | "unreachable" | undefined {
  if (bytes.length < HEADER_BYTES + 4) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true);
  if (length > bytes.length || view.getUint32(8, true) !== sequence) return undefined;
  const type = view.getUint16(4, true);
  if (type === NLMSG_ERROR) return view.getInt32(HEADER_BYTES, true) < 0 ? "unreachable" : undefined;
  if (type !== RTM_NEWROUTE || length < HEADER_BYTES + ROUTE_BYTES) return undefined;
  const family = bytes[16]!;
  const kind = bytes[23]!;
  if (kind !== RTN_UNICAST && kind !== RTN_LOCAL) return "unreachable";
  const values = attributesOf(bytes.subarray(HEADER_BYTES + ROUTE_BYTES, length));
  const interfaceIndex = numberOf(values.get(RTA_OIF));
  if (interfaceIndex === undefined) return undefined;
  const own = addressOf(family, values.get(RTA_GATEWAY));
  const nextHop = own ?? viaOf(values.get(RTA_VIA));
  const source = addressOf(family, values.get(RTA_PREFSRC));
  return {
    interfaceIndex,
    ...(nextHop === undefined ? {} : { nextHop }),
    isForeignHop: own === undefined && nextHop !== undefined,
    ...(source === undefined ? {} : { source }),
    table: numberOf(values.get(RTA_TABLE)) ?? bytes[20]!,
    isLocal: kind === RTN_LOCAL,
  };
}

/** Every attribute's value by its type, up to the first one that does not fit. */
function attributesOf(bytes: Uint8Array): Map<number, Uint8Array> {
  const values = new Map<number, Uint8Array>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + ATTRIBUTE_BYTES <= bytes.length;) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_BYTES || at + length > bytes.length) break;
    values.set(view.getUint16(at + 2, true), bytes.subarray(at + ATTRIBUTE_BYTES, at + length));
    at += length + 3 & ~3;
  }
  return values;
}

function numberOf(value: Uint8Array | undefined): number | undefined {
  if (value?.length !== 4) return undefined;
  return new DataView(value.buffer, value.byteOffset, 4).getUint32(0, true);
}

function addressOf(family: number, value: Uint8Array | undefined): string | undefined {
  if (family === AF_INET && value?.length === 4) return formatIpv4(value);
  return family === AF_INET6 && value?.length === 16 ? formatIpv6(value) : undefined;
}

function viaOf(value: Uint8Array | undefined): string | undefined {
  return value === undefined || value.length < 2
    ? undefined
    : addressOf(value[0]! | value[1]! << 8, value.subarray(2));
}
