/**
 * Responses of HTTP/1.1 as the simulated gateway writes them (RFC 9112), faults of form included. Pure.
 *
 * @module
 */

import type { Faults } from "./faults.ts";
import { SERVER } from "./upnp_context.ts";

/** The content of a response. */
export interface HttpAnswer {
  /** The status code. */
  readonly status: number;
  /** The type of the body. Default: XML as UPnP has it. */
  readonly contentType?: string;
  /** The place that a redirect names. */
  readonly location?: string;
  /** The body. */
  readonly body: string;
  /** The request and what came of it, for people. */
  readonly text: string;
}

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  302: "Found",
  400: "Bad Request",
  404: "Not Found",
  415: "Unsupported Media Type",
  500: "Internal Server Error",
  501: "Not Implemented",
};

const XML_TYPE = 'text/xml; charset="utf-8"';

/** Ten megabytes, and how much of them is sent at a time. */
const HUGE_BYTES = 10_000_000;
const PART_BYTES = 50_000;

/**
 * Writes a response.
 *
 * @param answer Its content.
 * @param faults The faults in force.
 * @returns The bytes, part by part; with a fault there is no last one.
 */
export function* encodeResponse(answer: HttpAnswer, faults: Faults): Generator<Uint8Array> {
  const { status, contentType = XML_TYPE, location } = answer;
  const newline = faults.upnpBareLf ? "\n" : "\r\n";
  const { upnpChunked: isChunked = false, upnpBody } = faults;
  const body = new TextEncoder().encode(answer.body);
  const length = body.length + (upnpBody === "huge" ? HUGE_BYTES : 0);
  const hasLength = !isChunked && !faults.upnpNoLength && upnpBody !== "endless";
  const head = [
    `HTTP/1.1 ${status} ${REASONS[status] ?? "Unknown"}`,
    `Content-Type: ${contentType}`,
    "Connection: close",
    ...(isChunked ? ["Transfer-Encoding: chunked"] : []),
    ...(hasLength ? [`Content-Length: ${length}`] : []),
    ...(location === undefined ? [] : [`Location: ${location}`]),
    `Server: ${SERVER}`,
    "Ext:",
    "",
    "",
  ];
  yield new TextEncoder().encode(head.join(newline));
  for (const part of bodyParts(body, upnpBody)) {
    if (part.length > 0) yield isChunked ? chunk(part) : part;
  }
  if (isChunked) yield new TextEncoder().encode("0\r\n\r\n");
}

function* bodyParts(body: Uint8Array, size: Faults["upnpBody"]): Generator<Uint8Array> {
  // Two parts, so that a reader that takes the first chunk for the whole is found out.
  const half = Math.ceil(body.length / 2);
  yield body.subarray(0, half);
  yield body.subarray(half);
  if (size === undefined) return;
  const space = new Uint8Array(PART_BYTES).fill(0x20);
  for (let sent = 0; size === "endless" || sent < HUGE_BYTES; sent += PART_BYTES) yield space;
}

function chunk(part: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode(`${part.length.toString(16)}\r\n`);
  const bytes = new Uint8Array(head.length + part.length + 2);
  bytes.set(head);
  bytes.set(part, head.length);
  bytes.set([0x0d, 0x0a], head.length + part.length);
  return bytes;
}
