/**
 * Reading an HTTP/1 answer as it comes (RFC 9112). Pure.
 *
 * Tolerant where routers are wrong: line feeds alone, broken fields, a body that is shorter than its announced length.
 * If such a body is really cut off, the reader of its XML notices. Every part has a bound, and no byte is read twice.
 *
 * @module
 */

import { MAX_HEAD_BYTES } from "./constants.ts";
import { HeaderFields, statusOf } from "./header_fields.ts";
import { HttpError } from "./http_error.ts";

/** An answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly fields: HeaderFields;
  /** The body as UTF-8, whatever it says of itself; bytes that are not are replaced. */
  readonly body: string;
}

/** Ours: the longest line before a chunk. */
const MAX_CHUNK_LINE_BYTES = 256;

type State = "head" | "length" | "chunk-line" | "chunk" | "chunk-end" | "to-end" | "whole";

/**
 * Collects the bytes of one answer. Its methods throw an {@linkcode HttpError}, after which it is of no use; the message
 * follows the name of the host.
 */
export class HttpResponseReader {
  readonly #maxBodyBytes: number;
  readonly #body = new Bytes();
  #state: State = "head";
  readonly #line = new Bytes();
  #head: string[] = [];
  /** Bytes of every head so far: interim answers have one each. */
  #headBytes = 0;
  #status = 0;
  #fields = new HeaderFields([]);
  /** What is missing of the body, or of the chunk. */
  #left = 0;

  constructor(maxBodyBytes: number) {
    this.#maxBodyBytes = maxBodyBytes;
  }

  /** Whether the answer is whole, so that nothing more is needed. */
  get isWhole(): boolean {
    return this.#state === "whole";
  }

  /** Takes the next bytes, which the caller may overwrite afterwards. */
  push(data: Uint8Array): void {
    for (let at = 0; at < data.length && !this.isWhole;) {
      const rest = data.subarray(at);
      at += this.#state === "length" || this.#state === "chunk" || this.#state === "to-end"
        ? this.#takeBody(rest)
        : this.#takeLine(rest);
    }
  }

  /** Takes the end of the connection. */
  end(): void {
    if (this.isWhole) return;
    if (this.#state !== "to-end" && this.#state !== "length") {
      const isSilent = this.#headBytes === 0;
      throw new HttpError(
        isSilent ? "ended the connection without an answer" : "ended the connection within its answer",
        "broken",
      );
    }
    this.#state = "whole";
  }

  /** The answer, once it is whole. */
  answer(): HttpAnswer {
    return {
      status: this.#status,
      fields: this.#fields,
      body: new TextDecoder().decode(this.#body.bytes),
    };
  }

  #takeBody(data: Uint8Array): number {
    const part = this.#state === "to-end" ? data : data.subarray(0, this.#left);
    this.#requireRoom(part.length);
    this.#body.append(part);
    this.#left -= part.length;
    if (this.#state !== "to-end" && this.#left === 0) {
      this.#state = this.#state === "chunk" ? "chunk-end" : "whole";
    }
    return part.length;
  }

  #requireRoom(byteLength: number): void {
    if (this.#body.length + byteLength > this.#maxBodyBytes) {
      throw new HttpError(`sent a body of more than ${this.#maxBodyBytes} bytes`, "too-long");
    }
  }

  /** Takes bytes up to the end of a line, and the line if it is whole. */
  #takeLine(data: Uint8Array): number {
    const end = data.indexOf(0x0a);
    const part = end < 0 ? data : data.subarray(0, end + 1);
    this.#requireLineRoom(part.length);
    this.#line.append(part);
    if (end >= 0) {
      const line = new TextDecoder().decode(this.#line.bytes).replace(/\r?\n$/, "");
      this.#line.clear();
      this.#endLine(line);
    }
    return part.length;
  }

  #requireLineRoom(byteLength: number): void {
    if (this.#state === "head") {
      this.#headBytes += byteLength;
      if (this.#headBytes > MAX_HEAD_BYTES) {
        throw new HttpError(`sent a head of more than ${MAX_HEAD_BYTES} bytes`, "too-long");
      }
    } else if (this.#line.length + byteLength > MAX_CHUNK_LINE_BYTES) {
      throw new HttpError("sent a broken chunk", "not-http");
    }
  }

  #endLine(line: string): void {
    switch (this.#state) {
      case "chunk-line":
        return this.#beginChunk(line);
      case "chunk-end":
        if (line !== "") throw new HttpError("sent a broken chunk", "not-http");
        this.#state = "chunk-line";
        return;
      default:
        if (this.#head.length === 0 && statusOf(line) === undefined) throw notHttp();
        if (line === "") this.#endHead();
        else this.#head.push(line);
    }
  }

  #endHead(): void {
    const [first = "", ...lines] = this.#head;
    this.#head = [];
    this.#status = statusOf(first)!;
    // An interim answer, such as 100 Continue: the real one follows.
    if (this.#status < 200) return;
    this.#fields = new HeaderFields(lines);
    this.#state = this.#bodyState();
  }

  /** How the end of the body is known (RFC 9112 §6.3). */
  #bodyState(): State {
    if (this.#status === 204 || this.#status === 304) return "whole";
    if (/\bchunked\s*$/i.test(this.#fields.get("Transfer-Encoding") ?? "")) return "chunk-line";
    const length = this.#fields.get("Content-Length") ?? "";
    if (!/^[0-9]+$/.test(length)) return "to-end";
    this.#left = Number(length);
    this.#requireRoom(this.#left);
    return this.#left === 0 ? "whole" : "length";
  }

  /** The last chunk has length 0; the fields that may follow it are of no use. */
  #beginChunk(line: string): void {
    const [, digits] = /^\s*([0-9a-f]{1,8})\s*(?:;.*)?$/i.exec(line) ?? [];
    if (digits === undefined) throw new HttpError("sent a broken chunk", "not-http");
    this.#left = parseInt(digits, 16);
    this.#requireRoom(this.#left);
    this.#state = this.#left === 0 ? "whole" : "chunk";
  }
}

/** Bytes that come one after the other, in memory that doubles. */
class Bytes {
  #buffer = new Uint8Array(1024);
  length = 0;

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  append(data: Uint8Array): void {
    const length = this.length + data.length;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#buffer.length));
      larger.set(this.bytes);
      this.#buffer = larger;
    }
    this.#buffer.set(data, this.length);
    this.length = length;
  }

  clear(): void {
    this.length = 0;
  }
}

function notHttp(): HttpError {
  return new HttpError("does not speak HTTP/1", "not-http");
}
