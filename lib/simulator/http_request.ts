/**
 * Requests of HTTP/1.1 as the simulated gateway reads them (RFC 9112). Pure.
 *
 * @module
 */

/** A request that is whole. */
export interface HttpRequest {
  /** The method, such as `GET`. */
  readonly method: string;
  /** The path, with what stands behind it. */
  readonly path: string;
  /** The headers by their names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** The body, read as UTF-8. */
  readonly body: string;
}

/** The most bytes that a request may have. */
export const MAX_REQUEST_BYTES = 65_536;

const HEAD_END = "\r\n\r\n";

/**
 * Reads a request.
 *
 * @param bytes Everything that has come so far.
 * @returns The request; `incomplete` when more has to come, `malformed` when it is not one.
 */
export function parseHttpRequest(bytes: Uint8Array): HttpRequest | "incomplete" | "malformed" {
  // One character for each byte, so that offsets agree.
  const text = new TextDecoder("latin1").decode(bytes);
  const headEnd = text.indexOf(HEAD_END);
  if (headEnd < 0) return bytes.length < MAX_REQUEST_BYTES ? "incomplete" : "malformed";
  const [first = "", ...lines] = text.slice(0, headEnd).split("\r\n");
  const [, method, path] = /^([A-Z-]+) (\S+) HTTP\/1\.[01]$/.exec(first) ?? [];
  if (method === undefined || path === undefined) return "malformed";
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) return "malformed";
    headers.set(name.toLowerCase(), value.trim());
  }
  const length = headers.get("content-length") ?? (method === "POST" ? undefined : "0");
  if (length === undefined || !/^[0-9]{1,5}$/.test(length)) return "malformed";
  const bodyStart = headEnd + HEAD_END.length;
  if (bytes.length < bodyStart + Number(length)) return "incomplete";
  const body = new TextDecoder().decode(bytes.subarray(bodyStart, bodyStart + Number(length)));
  return { method, path, headers, body };
}
