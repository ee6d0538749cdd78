/**
 * The options of a PCP message, and the addresses in it (RFC 6887 §5, §7.3, §13). Pure.
 *
 * An option: byte 0 code, 1 reserved, 2-3 length of its data, then the data, padded to a multiple of 4.
 *
 * @module
 */

import { formatAddress, parseAddress } from "../net/ipv6.ts";
import { viewOf } from "../net/wire_fields.ts";
import { OPTION, OPTIONAL_BIT, RESULT, UNIT_BYTES } from "./constants.ts";

/** The options of a MAP message, after the other fields (§13). */
export interface MapOptions {
  /** PREFER_FAILURE (§13.2): no other external port or address will do. A server may ignore it all the same. */
  readonly preferFailure?: boolean | undefined;
  /** THIRD_PARTY (§13.1): the address of the host that the mapping is for. */
  readonly thirdParty?: string | undefined;
}

type OptionName = keyof MapOptions;
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const OPTION_HEADER_BYTES = 4;

/** Writes the options that are there. */
export function encodeOptions({ thirdParty, preferFailure }: MapOptions): Uint8Array {
  const option = ({ code, dataBytes }: { code: number; dataBytes: number }) => {
    const data = new Uint8Array(OPTION_HEADER_BYTES + dataBytes);
    data[0] = code;
    viewOf(data).setUint16(2, dataBytes);
    return data;
  };
  const options: Uint8Array[] = [];
  if (thirdParty !== undefined) {
    const data = option(OPTION.thirdParty);
    setAddress(data, OPTION_HEADER_BYTES, thirdParty);
    options.push(data);
  }
  if (preferFailure) options.push(option(OPTION.preferFailure));
  return Uint8Array.from(options.flatMap((data) => [...data]));
}

/** Reads the options that can be understood, and finds the first fault, which a server refuses and a client ignores. */
export function readOptions(
  data: Uint8Array,
  from: number,
  allowed: readonly OptionName[],
): { readonly options: MapOptions; readonly fault?: readonly [resultCode: number, problem: string] } {
  const view = viewOf(data);
  const options: Mutable<MapOptions> = {};
  const faults: [number, string][] = [];
  for (let offset = from; offset < data.length;) {
    const code = view.getUint8(offset);
    const dataBytes = view.getUint16(offset + 2);
    const start = offset + OPTION_HEADER_BYTES;
    offset = start + paddedLength(dataBytes);
    if (offset > data.length) {
      faults.push([RESULT.malformedOption, "an option that is longer than the message"]);
      break;
    }
    const name = allowed.find((name) => OPTION[name].code === code);
    if (name === undefined) {
      if (!(code & OPTIONAL_BIT)) {
        faults.push([RESULT.unsupportedOption, `option ${code}, which is unsupported`]);
      }
    } else if (dataBytes !== OPTION[name].dataBytes) {
      faults.push([RESULT.malformedOption, `option ${code} of a wrong length`]);
    } else if (options[name] !== undefined) {
      faults.push([RESULT.malformedOption, `option ${code} twice`]);
    } else if (name === "thirdParty") {
      options.thirdParty = addressAt(data, start);
    } else {
      options.preferFailure = true;
    }
  }
  return faults[0] === undefined ? { options } : { options, fault: faults[0] };
}

/** A length with its padding. */
export function paddedLength(length: number): number {
  return Math.ceil(length / UNIT_BYTES) * UNIT_BYTES;
}

/** Writes the 16 bytes of an address (§5). */
export function setAddress(data: Uint8Array, offset: number, address: string): void {
  const bytes = parseAddress(address);
  if (bytes === undefined) throw new RangeError(`Cannot encode "${address}": it is not an IP address`);
  data.set(bytes, offset);
}

/** Reads the 16 bytes of an address (§5). */
export function addressAt(data: Uint8Array, offset: number): string {
  return formatAddress(data.subarray(offset, offset + 16));
}
