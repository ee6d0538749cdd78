/**
 * The C library by FFI: the one file that opens it. Where FFI is not allowed, not supported or not understood, there is
 * no library.
 *
 * @module
 */

import { type SocketAbi, socketAbi } from "./socket_abi.ts";

/** The functions of a library and what its kernel calls differently. */
export interface OpenedLibc<S extends Deno.ForeignLibraryInterface> {
  /** The functions that were asked for. */
  readonly libc: Deno.DynamicLibrary<S>["symbols"];
  /** The constants of sockets. */
  readonly abi: SocketAbi;
}

/**
 * Some functions of the C library, opened with their first user and closed with the last. Each function costs 0.2 ms to
 * open, so that each subject opens its own.
 */
export class SharedLibc<const S extends Deno.ForeignLibraryInterface> {
  readonly #symbols: S;
  #library: Deno.DynamicLibrary<S> | undefined;
  #users = 0;

  /**
   * Opens nothing yet.
   *
   * @param symbols The functions.
   */
  constructor(symbols: S) {
    this.#symbols = symbols;
  }

  /**
   * Opens the library. Every success has to be followed by one {@linkcode SharedLibc.release}.
   *
   * @returns Its functions, or `undefined` where there are none to be had.
   */
  acquire(): OpenedLibc<S> | undefined {
    const abi = socketAbi(Deno.build.os, Deno.build.arch);
    if (abi === undefined) return undefined;
    try {
      // Asked first, since dlopen() without the permission would prompt on a terminal.
      if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
      this.#library ??= Deno.dlopen(abi.library, this.#symbols);
    } catch {
      return undefined;
    }
    this.#users++;
    return { libc: this.#library.symbols, abi };
  }

  /** Gives the library back; the last user closes it. */
  release(): void {
    if (--this.#users > 0) return;
    this.#library?.close();
    this.#library = undefined;
  }

  /**
   * Uses the library for the time of one call.
   *
   * @param work Uses it, synchronously.
   * @returns Its result; `undefined` where the library is missing.
   */
  use<T>(work: (opened: OpenedLibc<S>) => T): T | undefined {
    const opened = this.acquire();
    if (opened === undefined) return undefined;
    try {
      return work(opened);
    } finally {
      this.release();
    }
  }
}

/**
 * A text as C wants it.
 *
 * @param text The text.
 * @returns Its bytes and a zero.
 */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}
