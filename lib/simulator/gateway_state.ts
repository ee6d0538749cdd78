/**
 * The gateway as the handlers of its protocols know it, and their reading of a request.
 *
 * @module
 */

import type { Faults } from "./faults.ts";
import type { MappingTable } from "./mapping_table.ts";

/** The protocols that a gateway speaks on port 5351, which is closed where it speaks none. */
export type SpokenProtocols = "nat-pmp" | "pcp" | "both" | "none";

/** The gateway's state that an answer depends on. */
export interface GatewayState {
  /** The protocols that it speaks, faults included. */
  readonly speaks: SpokenProtocols;
  /** Seconds since the table was made, the same for all protocols (RFC 6886 §3.6, RFC 6887 §8.5). */
  readonly epochSeconds: number;
  /** The external address, where there is one. */
  readonly externalAddress: string | undefined;
  /** The faults in force. */
  readonly faults: Faults;
}

/** The gateway as a request finds it. */
export interface GatewayContext extends GatewayState {
  /** The mappings of all protocols, which the request may change. */
  readonly table: MappingTable;
  /** The time in milliseconds. */
  readonly nowMs: number;
}

/** The outcome of a request. */
export interface RequestOutcome {
  /** The answer; absent when the gateway does not answer. */
  readonly answer?: Uint8Array;
  /** The question and its answer, for people. */
  readonly text: string;
}

/** A request that has been read and not yet acted on. */
export interface HeardRequest {
  /** The question, for people. */
  readonly heard: string;
  /** Acts on it. */
  readonly handle: () => RequestOutcome;
}
