/**
 * Windows' routing table, through `iphlpapi.dll`: no helper program, no translated headings, about a millisecond.
 *
 * @module
 */

import { parseIpv4 } from "../net/ipv4.ts";
import type { WindowsTables } from "./route.ts";

const SYMBOLS = {
  GetIpForwardTable: { parameters: ["buffer", "buffer", "i32"], result: "u32" },
  GetIpAddrTable: { parameters: ["buffer", "buffer", "i32"], result: "u32" },
  GetBestRoute: { parameters: ["u32", "u32", "buffer"], result: "u32" },
  // Without an interface's LUID and index, and without a source address, the system chooses.
  GetBestRoute2: {
    parameters: ["pointer", "u32", "pointer", "buffer", "u32", "buffer", "buffer"],
    result: "u32",
    // Windows has it since Vista.
    optional: true,
  },
} as const;

const NO_ERROR = 0;
const ERROR_INSUFFICIENT_BUFFER = 122;
const ROUTE_BYTES = 56;
const ROUTE2_BYTES = 104;
/** `SOCKADDR_INET`, large enough for either family. */
const ADDRESS_BYTES = 28;
const AF_INET = 2;

/** A table may grow between the question for its size and the question for its rows. */
const MOST_TRIES = 5;

/** A function that fills a buffer, or reports how large it has to be. */
export type TableFunction = (
  table: Uint8Array<ArrayBuffer>,
  size: Uint32Array<ArrayBuffer>,
  sorted: number,
) => number;

/**
 * Reads a table whose size is not known beforehand.
 *
 * @param fill The function that fills a buffer.
 * @param name Its name in an error.
 * @returns The table's bytes.
 * @throws {Error} If the function fails.
 */
export function readTable(fill: TableFunction, name: string): Uint8Array {
  const size = Uint32Array.of(0);
  let code = ERROR_INSUFFICIENT_BUFFER;
  for (let i = 0; i < MOST_TRIES && code === ERROR_INSUFFICIENT_BUFFER; i++) {
    const table = new Uint8Array(size[0]!);
    code = fill(table, size, 1);
    if (code === NO_ERROR) return table;
  }
  throw new Error(`${name} failed with code ${code}`);
}

/**
 * Reads the routing table, the address table and the best route to an address, by the old and by the new function. Where
 * the new one fails or is missing, the old one counts.
 *
 * @param remote The address to be reached.
 * @returns The tables.
 * @throws {Error} If FFI is not allowed, or the library is missing or fails.
 */
export function readWindowsTables(remote: string): WindowsTables {
  const library = Deno.dlopen("iphlpapi.dll", SYMBOLS);
  try {
    const { GetIpForwardTable, GetIpAddrTable, GetBestRoute } = library.symbols;
    const row = new Uint8Array(ROUTE_BYTES);
    // The address goes in network order: its first byte is the lowest of the number.
    const to = new DataView(parseIpv4(remote)!.buffer).getUint32(0, true);
    const found = GetBestRoute(to, 0, row) === NO_ERROR;
    const row2 = new Uint8Array(ROUTE2_BYTES);
    const source = new Uint8Array(ADDRESS_BYTES);
    const destination = new Uint8Array(ADDRESS_BYTES);
    destination[0] = AF_INET;
    destination.set(parseIpv4(remote)!, 4);
    const found2 = library.symbols.GetBestRoute2?.(null, 0, null, destination, 0, row2, source) === NO_ERROR;
    return {
      forwardTable: readTable(GetIpForwardTable, "GetIpForwardTable"),
      addressTable: readTable(GetIpAddrTable, "GetIpAddrTable"),
      ...(found ? { bestRoute: row } : {}),
      ...(found2 ? { bestRoute2: row2, bestSource: source } : {}),
    };
  } finally {
    library.close();
  }
}
