/**
 * The errors that every port-mapping backend shares, one class for each cause, with its numbers in fields.
 *
 * @module
 */

import type { MappingKey, Via } from "./port_mapper.ts";

/** The cost of a request so far. */
export interface Effort {
  /** Datagrams sent for this request, re-sends included. */
  readonly attempts: number;
  /** Milliseconds from the first send to the outcome. */
  readonly elapsedMs: number;
}

/** The base of every error that a gateway, or its absence, causes. */
export class PortMapperError extends Error {
  /** The cost of the failed request; absent when none was sent. */
  readonly effort?: Effort;
  /** The protocol of the request; absent where the error is of none. */
  via?: Via;

  /**
   * Makes the error.
   *
   * @param message The failure, in one sentence without a final period.
   * @param effort The cost of the failed request.
   */
  constructor(message: string, effort?: Effort) {
    super(message);
    this.name = new.target.name;
    if (effort !== undefined) this.effort = effort;
  }
}

/** Bytes that are not a message of the protocol. Receivers count and discard them. */
export class MalformedMessageError extends Error {
  /** The datagram's length in bytes. */
  readonly byteLength: number;

  /**
   * Makes the error.
   *
   * @param message The fault in the bytes.
   * @param byteLength The datagram's length.
   */
  constructor(message: string, byteLength: number) {
    super(message);
    this.name = "MalformedMessageError";
    this.byteLength = byteLength;
  }
}

/** The reason why a gateway that speaks the protocol refused. */
export type Refusal =
  | "not-authorized"
  | "network-failure"
  | "out-of-resources"
  /** Another external port was of no use to the caller, and the gateway could not grant the one that was asked for. */
  | "port-unavailable"
  | "unknown-result";

/** Options of {@linkcode RefusedError}. */
export interface RefusedErrorOptions {
  /** The protocol's own number for the refusal. */
  readonly resultCode: number;
  /** How long the refusal holds, in milliseconds, where the protocol has that. */
  readonly holdsMs?: number | undefined;
  /** The cost of the refused request. */
  readonly effort?: Effort;
}

/**
 * The gateway speaks the protocol and refused (RFC 6886 §3.5: results 2, 3, 4 and every number from 6 on; RFC 6887 §7.4:
 * every number but 0, 1, 4 and 9).
 */
export class RefusedError extends PortMapperError {
  /** Why, in words that every protocol shares. */
  readonly refusal: Refusal;
  /** The protocol's own number; 0 when a success carried an unusable value. */
  readonly resultCode: number;
  /** How long the gateway refuses the same request, in milliseconds; absent where the protocol does not have that. */
  readonly holdsMs?: number;

  /**
   * Makes the error.
   *
   * @param message The refused request and the reason.
   * @param refusal The cause.
   * @param options The result code and what the request cost.
   */
  constructor(message: string, refusal: Refusal, options: RefusedErrorOptions) {
    super(message, options.effort);
    this.refusal = refusal;
    this.resultCode = options.resultCode;
    if (options.holdsMs !== undefined) this.holdsMs = options.holdsMs;
  }
}

/** Options of {@linkcode DeletionRefusedError}. */
export interface DeletionRefusedErrorOptions extends RefusedErrorOptions {
  /** The mapping that stays; internal port 0 is every mapping of its protocol. */
  readonly mapping: MappingKey;
  /** When it ends by itself, where that is known. */
  readonly livesUntil?: Date | undefined;
}

/** The gateway refused to delete a mapping, which lives on (RFC 6886 §3.4). */
export class DeletionRefusedError extends RefusedError {
  /** The mapping that stays; internal port 0 is every mapping of its protocol. */
  readonly mapping: MappingKey;
  /** When it ends by itself, where that is known. */
  readonly livesUntil?: Date;

  /**
   * Makes the error.
   *
   * @param message The refused request and the reason.
   * @param refusal The cause.
   * @param options The mapping, the result code and what the request cost.
   */
  constructor(message: string, refusal: Refusal, options: DeletionRefusedErrorOptions) {
    super(message, refusal, options);
    this.mapping = options.mapping;
    if (options.livesUntil !== undefined) this.livesUntil = options.livesUntil;
  }
}

/** How it became known that a gateway does not speak the protocol. */
export type NotSupportedReason =
  | "port-unreachable"
  /** No router answered the search, or it has no service that maps ports. */
  | "no-service"
  | "unsupported-version"
  | "unsupported-opcode"
  | "unsupported-protocol";

/** Options of {@linkcode NotSupportedError}. */
export interface NotSupportedErrorOptions {
  /** The protocol's own number, where a reply carried one. */
  readonly resultCode?: number;
  /** The protocol version that the gateway named instead. */
  readonly version?: number;
  /** The cost of the request. */
  readonly effort?: Effort;
  /** The same about the other protocols that were tried. */
  readonly others?: readonly NotSupportedError[];
}

/**
 * The gateway does not speak the protocol, or not this part of it (RFC 6886 §3.5: results 1 and 5; §3.1: ICMP port
 * unreachable; RFC 6887 §7.4: results 1, 4 and 9).
 */
export class NotSupportedError extends PortMapperError {
  /** How it became known. */
  readonly reason: NotSupportedReason;
  /** The protocol's own number, where a reply carried one. */
  readonly resultCode?: number;
  /** The protocol version that the gateway named instead. */
  readonly version?: number;
  /** The same about the other protocols that were tried. */
  readonly others: readonly NotSupportedError[];

  /**
   * Makes the error.
   *
   * @param message The unsupported request.
   * @param reason How it became known.
   * @param options Result code, version, cost and other protocols.
   */
  constructor(message: string, reason: NotSupportedReason, options: NotSupportedErrorOptions = {}) {
    super(message, options.effort);
    this.reason = reason;
    this.others = options.others ?? [];
    if (options.resultCode !== undefined) this.resultCode = options.resultCode;
    if (options.version !== undefined) this.version = options.version;
  }
}

/** Options of {@linkcode NoAnswerError}. */
export interface NoAnswerErrorOptions {
  /** Datagrams that came and were not an answer, by the reason they were discarded for. */
  readonly discarded: ReadonlyMap<string, number>;
  /** The system's words when a send or the socket last failed. */
  readonly socketFailure?: string;
}

/** No valid answer came in time (RFC 6886 §3.1). */
export class NoAnswerError extends PortMapperError {
  /** The cost of the unanswered request. */
  declare readonly effort: Effort;
  /** Datagrams that came and were not an answer, by the reason they were discarded for. */
  readonly discarded: ReadonlyMap<string, number>;
  /** The system's words when a send or the socket last failed. */
  readonly socketFailure?: string;

  /**
   * Makes the error.
   *
   * @param message The gateway that did not answer, and for how long.
   * @param effort The cost of the request.
   * @param options The datagrams and failures instead of an answer.
   */
  constructor(message: string, effort: Effort, options: NoAnswerErrorOptions) {
    super(message, effort);
    this.discarded = options.discarded;
    if (options.socketFailure !== undefined) this.socketFailure = options.socketFailure;
  }
}

/** The reason why this host has no gateway to ask. */
export type NoGatewayReason =
  /** This host has no default route, or none through the interface. */
  | "no-route"
  /** The routes name no next hop that can be asked. */
  | "no-next-hop"
  /** The interface has no IPv4 address. */
  | "no-address"
  /** This host has no IPv4 network. */
  | "ipv6-only"
  /** The route to the gateway leads through another interface than the one to send from. */
  | "other-interface"
  /** The interfaces of this host cannot be listed. */
  | "unlisted-interfaces"
  /** The routes of this host cannot be read. */
  | "unreadable-routes"
  /** Deno was started without a permission that it takes. */
  | "no-permission";

/** Options of {@linkcode NoGatewayError}. */
export interface NoGatewayErrorOptions {
  /** The reason why it has none. */
  readonly reason?: NoGatewayReason;
}

/** This host has no gateway to ask. */
export class NoGatewayError extends PortMapperError {
  /** The reason why it has none; absent where the message has all that is known. */
  readonly reason?: NoGatewayReason;

  /**
   * Makes the error.
   *
   * @param message The part that is missing.
   * @param options Why.
   */
  constructor(message: string, options: NoGatewayErrorOptions = {}) {
    super(message);
    if (options.reason !== undefined) this.reason = options.reason;
  }
}

/** The interface, or the source address, that the caller named is not this host's. */
export class UnknownInterfaceError extends Error {
  /** The name or address that was asked for. */
  readonly asked: string;
  /** The names or addresses that there are. */
  readonly known: readonly string[];

  /**
   * Makes the error.
   *
   * @param message The interface that was asked for, and those of this host.
   * @param asked The name or address that was asked for.
   * @param known The names or addresses that there are.
   */
  constructor(message: string, asked: string, known: readonly string[]) {
    super(message);
    this.name = "UnknownInterfaceError";
    this.asked = asked;
    this.known = known;
  }
}

/**
 * The gateway's epoch (RFC 6886 §3.6) was wrong so often that it is ignored: a loss of the mappings is noticed at their
 * next renewal, or by another external address.
 */
export class EpochIgnoredError extends PortMapperError {
  /**
   * Makes the error.
   *
   * @param gateway The gateway's address.
   */
  constructor(gateway: string) {
    super(
      `${gateway} counts the seconds since its start wrong, as if it restarted again and again. Its count is now ` +
        "ignored: if the router really loses a mapping, the next renewal makes the mapping again",
    );
  }
}

/** The socket that a request needs cannot be opened. */
export class SocketError extends PortMapperError {}

/** Another process is asking the gateway and did not finish in time (RFC 6886 §3.1 allows one request at a time). */
export class BusyError extends PortMapperError {
  /** The name of the other process, where it is known. */
  readonly holder?: string;
  /** For how long it has been asking, in milliseconds, where that is known. */
  readonly heldForMs?: number;

  /**
   * Makes the error.
   *
   * @param message The gateway that is busy, and for how long.
   * @param holder The name of the other process.
   * @param heldForMs For how long it has been asking, in milliseconds.
   */
  constructor(message: string, holder?: string, heldForMs?: number) {
    super(message);
    if (holder !== undefined) this.holder = holder;
    if (heldForMs !== undefined) this.heldForMs = heldForMs;
  }
}

/** Why a granted external port is not accepted: the caller needs the requested one, or one port for a pair. */
export type PortRequirement = "exact" | "pair";

/** Options of {@linkcode PortDiffersError}. */
export interface PortDiffersErrorOptions {
  /** The reason why another port is not accepted. */
  readonly requirement: PortRequirement;
  /** The external port that was wanted. */
  readonly wantedPort: number;
  /** The external port that was granted. */
  readonly grantedPort: number;
}

/** The gateway granted another external port (RFC 6886 §3.3) than the one that is needed. */
export class PortDiffersError extends PortMapperError {
  /** The reason why another port is not accepted. */
  readonly requirement: PortRequirement;
  /** The external port that was wanted. */
  readonly wantedPort: number;
  /** The external port that was granted. */
  readonly grantedPort: number;

  /**
   * Makes the error.
   *
   * @param message The difference.
   * @param options The requirement and the two ports.
   */
  constructor(message: string, options: PortDiffersErrorOptions) {
    super(message);
    this.requirement = options.requirement;
    this.wantedPort = options.wantedPort;
    this.grantedPort = options.grantedPort;
  }
}

/** The state kept between processes cannot be read, or new state cannot be written. */
export class StoreError extends Error {
  /** The class's name. */
  override readonly name = "StoreError";
}
