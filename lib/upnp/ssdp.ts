/**
 * The datagrams of a search for devices (UDA 1.1 §1.3). Pure.
 *
 * @module
 */

import { MalformedMessageError } from "../errors.ts";
import { MAX_SEARCH_REPLY_BYTES, SEARCH_MX_SECONDS, SSDP_GROUP, SSDP_PORT } from "./constants.ts";
import { HeaderFields, statusOf } from "./header_fields.ts";
import { shortText } from "./router_text.ts";

/** Options of {@linkcode encodeSearch}. */
export interface SearchOptions {
  /** The address that the search is sent to; the multicast group by default. */
  readonly hostname?: string | undefined;
  /** The seconds over which devices may spread their answers, 1 to 5. */
  readonly mxSeconds?: number | undefined;
}

/** An answer to a search. */
export interface SearchReply {
  /** Where the device's description is, as the device wrote it: not to be used unchecked. */
  readonly location: string;
  /** What was searched for. */
  readonly searchTarget?: string | undefined;
  /** The device, and what was searched for. */
  readonly usn?: string | undefined;
  /** The system and the program of the device. */
  readonly server?: string | undefined;
  /** Changes when the device starts again; a number, or any text of older devices. */
  readonly bootId?: string | undefined;
}

/**
 * Writes a search. Names are in upper case and `ssdp:discover` is in quotes, as some devices answer nothing else; a
 * search of one device has MX too, which §1.3.2 leaves out. Throws a `RangeError` for an MX that is not 1 to 5.
 */
export function encodeSearch(target: string, options: SearchOptions = {}): Uint8Array {
  const { hostname = SSDP_GROUP, mxSeconds = SEARCH_MX_SECONDS } = options;
  if (!Number.isInteger(mxSeconds) || mxSeconds < 1 || mxSeconds > 5) {
    throw new RangeError(`Cannot encode MX ${mxSeconds}: it is not 1 to 5`);
  }
  const lines = [
    "M-SEARCH * HTTP/1.1",
    `HOST: ${hostname}:${SSDP_PORT}`,
    'MAN: "ssdp:discover"',
    `MX: ${mxSeconds}`,
    `ST: ${target}`,
  ];
  return new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
}

/**
 * Reads an answer to a search, with any ends of lines and any case of names. Throws a
 * {@linkcode MalformedMessageError} for everything else, such as announcements and searches.
 */
export function decodeSearchReply(data: Uint8Array): SearchReply {
  const malformed = (what: string) => new MalformedMessageError(what, data.length);
  if (data.length > MAX_SEARCH_REPLY_BYTES) throw malformed("too long for an answer to a search");
  const lines = new TextDecoder().decode(data).split(/\r?\n/);
  if (statusOf(lines[0]!) !== 200) throw malformed("not an answer to a search");
  const fields = fieldsOf(lines);
  const location = fields.get("LOCATION");
  if (location === undefined) throw malformed("an answer to a search without a location");
  return {
    location,
    searchTarget: shortText(fields.get("ST")),
    usn: shortText(fields.get("USN")),
    server: shortText(fields.get("SERVER")),
    bootId: bootIdOf(fields),
  };
}

/** Reads an announcement of a device that is there (§1.2.2); `undefined` for everything else. */
export function decodeAlive(data: Uint8Array): { readonly bootId?: string | undefined } | undefined {
  if (data.length > MAX_SEARCH_REPLY_BYTES) return undefined;
  const lines = new TextDecoder().decode(data).split(/\r?\n/);
  if (!/^NOTIFY \* HTTP\/1\.[01]$/.test(lines[0]!)) return undefined;
  const fields = fieldsOf(lines);
  return fields.get("NTS") === "ssdp:alive" ? { bootId: bootIdOf(fields) } : undefined;
}

function fieldsOf(lines: readonly string[]): HeaderFields {
  const end = lines.indexOf("");
  return new HeaderFields(lines.slice(1, end < 0 ? undefined : end));
}

/** The field of version 1.1, or the one that devices of 1.0 have. */
function bootIdOf(fields: HeaderFields): string | undefined {
  return shortText(fields.get("BOOTID.UPNP.ORG") ?? fields.get("01-NLS"));
}
