/**
 * One HTTP/1.1 request over a connection of its own.
 *
 * Not `fetch()`: it writes the names of fields in lower case, which some routers do not read, follows proxies and
 * redirects, and does not tell the address that it sends from, which a mapping needs.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { formatEndpoint } from "../net/datagram.ts";
import { ConnectionRefused, type ConnectStream, type StreamConnection } from "../net/stream.ts";
import { HttpError } from "./http_error.ts";
import { type HttpAnswer, HttpResponseReader } from "./http_response.ts";

/** A request. */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  /** An http URL whose host is an address. */
  readonly url: URL;
  /** Fields beside `Host`, `Content-Length` and `Connection`, written as they are. */
  readonly fields?: readonly (readonly [name: string, value: string])[] | undefined;
  readonly body?: string | undefined;
}

/** The parts and limits of a request. */
export interface HttpOptions {
  readonly connect: ConnectStream;
  readonly clock: Clock;
  /** Milliseconds for everything, from the connection to the last byte of the answer. */
  readonly timeoutMs: number;
  /** The longest body of an answer that is read. */
  readonly maxBytes: number;
  /** Abandons the request. */
  readonly signal?: AbortSignal | undefined;
}

/** An answer, and how it came. */
export interface HttpResponse extends HttpAnswer {
  /** The address of this host that the router sees. */
  readonly localAddress: string;
}

const READ_BYTES = 16 * 1024;

/**
 * Sends a request and reads its answer, whatever the status is; redirects are answers too. Throws an
 * {@linkcode HttpError} where there is none, and the signal's reason where that aborts.
 */
export async function httpRequest(request: HttpRequest, options: HttpOptions): Promise<HttpResponse> {
  const { clock, timeoutMs, signal } = options;
  signal?.throwIfAborted();
  const data = encodeRequest(request);
  /** Aborted once the outcome is known, which ends what is still under way. */
  const settled = new AbortController();
  const outcome = Promise.withResolvers<HttpResponse>();
  const onAbort = () => outcome.reject(signal!.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  clock.sleep(timeoutMs, { signal: settled.signal }).then(
    () => outcome.reject(timeoutError(request.url, timeoutMs)),
    () => {},
  );
  exchange(request.url, data, { ...options, signal: settled.signal }).then(outcome.resolve, outcome.reject);
  try {
    return await outcome.promise;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    settled.abort();
  }
}

/** Closes the connection at its end, whether that comes from the router or from the signal. */
async function exchange(
  url: URL,
  data: Uint8Array,
  { connect, maxBytes, signal }: HttpOptions & { readonly signal: AbortSignal },
): Promise<HttpResponse> {
  const connection = await open(url, connect, signal);
  const close = () => connection.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    signal.throwIfAborted();
    const answer = await converse(connection, data, new HttpResponseReader(maxBytes));
    return { ...answer, localAddress: connection.localAddress };
  } catch (error) {
    throw error instanceof HttpError
      ? new HttpError(`${hostOf(url)} ${error.message}`, error.reason)
      : new HttpError(`${hostOf(url)} broke the connection: ${reasonOf(error)}`, "broken");
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}

async function open(url: URL, connect: ConnectStream, signal: AbortSignal): Promise<StreamConnection> {
  try {
    return await connect({ hostname: url.hostname, port: portOf(url) }, { signal });
  } catch (error) {
    throw error instanceof ConnectionRefused
      ? new HttpError(`No program listens on TCP port ${portOf(url)} of ${url.hostname}`, "refused")
      : new HttpError(`${hostOf(url)} cannot be reached: ${reasonOf(error)}`, "unreachable");
  }
}

async function converse(
  connection: StreamConnection,
  data: Uint8Array,
  reader: HttpResponseReader,
): Promise<HttpAnswer> {
  await connection.write(data);
  const into = new Uint8Array(READ_BYTES);
  while (!reader.isWhole) {
    const length = await connection.read(into);
    if (length === null) reader.end();
    else reader.push(into.subarray(0, length));
  }
  return reader.answer();
}

/** Head and body are one write, as some routers read only what comes with the first packet. */
function encodeRequest({ method, url, fields = [], body }: HttpRequest): Uint8Array {
  const encoder = new TextEncoder();
  const length: readonly [string, string][] = body === undefined
    ? []
    : [["Content-Length", `${encoder.encode(body).length}`]];
  const lines = [["Host", hostOf(url)], ...fields, ...length, ["Connection", "close"]]
    .map(([name, value]) => `${name}: ${value}`);
  const broken = lines.find((line) => !/^[\x20-\x7e]*$/.test(line));
  if (broken !== undefined) {
    throw new RangeError(`Cannot encode ${JSON.stringify(broken)}: it is not a line of ASCII`);
  }
  const head = [`${method} ${url.pathname}${url.search} HTTP/1.1`, ...lines].join("\r\n");
  return encoder.encode(`${head}\r\n\r\n${body ?? ""}`);
}

function portOf(url: URL): number {
  return url.port === "" ? 80 : Number(url.port);
}

/** With its port, also where that is 80: some routers need it. */
function hostOf(url: URL): string {
  return formatEndpoint({ hostname: url.hostname, port: portOf(url) });
}

function timeoutError(url: URL, timeoutMs: number): HttpError {
  return new HttpError(
    `${hostOf(url)} did not answer within ${Math.round(timeoutMs / 10) / 100} s`,
    "timeout",
  );
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
