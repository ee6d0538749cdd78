/**
 * Counts how many requests a host has unanswered at a time, of which RFC 6886 §3.1 allows one. Pure.
 *
 * @module
 */

import type { Datagram } from "../net/datagram.ts";

/** Options of {@linkcode RequestsInFlight.add}. */
export interface AddRequestOptions {
  /** When the request came, in milliseconds. */
  readonly nowMs: number;
  /** When its answer leaves, in milliseconds. */
  readonly answeredAtMs: number;
}

/** The requests that a gateway has heard and not yet answered, by host. */
export class RequestsInFlight {
  /** For each host the time of the first answer to each of its requests, which the request's bytes name. */
  readonly #byHost = new Map<string, Map<string, number>>();
  #most = 0;

  /** The most requests that one host had in flight at a time. */
  get most(): number {
    return this.#most;
  }

  /**
   * Notes a request. A request that is sent again while it waits is the same one, and its first answer ends it.
   *
   * @param datagram The request and who sent it; every port of a host is that host.
   * @param options When it came and when it is answered.
   */
  add(datagram: Datagram, options: AddRequestOptions): void {
    const { hostname } = datagram.source;
    const waiting = this.#byHost.get(hostname) ?? new Map<string, number>();
    this.#byHost.set(hostname, waiting);
    for (const [bytes, answeredAtMs] of waiting) {
      if (answeredAtMs <= options.nowMs) waiting.delete(bytes);
    }
    const bytes = datagram.data.join();
    if (!waiting.has(bytes)) waiting.set(bytes, options.answeredAtMs);
    this.#most = Math.max(this.#most, waiting.size);
  }
}
