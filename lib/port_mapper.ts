/**
 * The calls that any port-mapping protocol offers, in words that belong to none of them.
 *
 * @module
 */

import type { Clock } from "./clock.ts";
import type { Effort } from "./errors.ts";
import type { Datagram } from "./net/datagram.ts";

/** The protocol that is spoken with a gateway. */
export type Via = "pcp" | "nat-pmp" | "upnp";

/** The transport protocol of a mapping. One mapping serves one of them. */
export type TransportProtocol = "tcp" | "udp";

/** Limits of one request to the gateway. */
export interface RequestOptions {
  /** Milliseconds after which the request fails, measured from its first send. */
  readonly timeoutMs?: number | undefined;
  /** How many datagrams are sent at most, the first included. */
  readonly maxAttempts?: number | undefined;
  /** Abandons the request; requests that wait behind it go on. */
  readonly signal?: AbortSignal | undefined;
}

/** The name of a mapping at the gateway; the host's address, its third part, is the sender's. */
export interface MappingKey {
  /** The transport protocol. */
  readonly protocol: TransportProtocol;
  /** The port on this host, 1 to 65535. */
  readonly internalPort: number;
}

/** A mapping to delete, with what is known of it. */
export interface UnmapRequest extends MappingKey {
  /** The external port that it has: some protocols and some gateways look a mapping up by that. */
  readonly externalPort?: number | undefined;
  /** Whether the external port is the internal one because nobody named or knows another: it may have any. */
  readonly isPortGuess?: boolean | undefined;
  /** When it ends by itself, in milliseconds of the mapper's clock. */
  readonly expiresAtMs?: number | undefined;
  /** The token of its lease, where that has one. */
  readonly token?: string | undefined;
  /** Whether it is deleted also where it leads to another host or port, where the protocol can. */
  readonly force?: boolean | undefined;
}

/** A mapping to ask for. */
export interface MapRequest extends MappingKey {
  /** The external port to suggest, 1 to 65535. Without it the gateway chooses. */
  readonly externalPort?: number | undefined;
  /** Seconds the mapping is to live, 1 to 4294967295. Without it the protocol's recommendation. */
  readonly lifetimeSeconds?: number | undefined;
  /** The other protocol of a pair, which is to have the same external port: one is chosen that is free for both. */
  readonly pairedWith?: TransportProtocol | undefined;
  /** Whether a mapping that leads to another host or port may be overwritten, where the protocol can. */
  readonly force?: boolean | undefined;
  /** Whether another external port is of no use, which some protocols can tell the gateway. The caller still compares. */
  readonly exact?: boolean | undefined;
  /** The token of the lease to renew, where that has one. */
  readonly token?: string | undefined;
  /** When the lease to renew ends, in milliseconds of the mapper's clock; absent where none is known to live. */
  readonly expiresAtMs?: number | undefined;
}

/** The facts about a gateway that a question finds out without changing anything. */
export interface GatewayInfo extends Effort {
  /** The protocol of the answer. */
  readonly via?: Via | undefined;
  /** The gateway's external IPv4 address in dotted decimal, where the protocol has it. */
  readonly externalAddress?: string | undefined;
  /** Seconds since the gateway's mapping table was made, where the protocol has it. */
  readonly epochSeconds?: number | undefined;
}

/** How long a mapping was granted for, in seconds; some gateways grant only what never ends. */
export type GrantedLifetime = number | "permanent";

/** A mapping as granted. Times are milliseconds of the mapper's clock. */
export interface Lease extends MappingKey, Effort {
  /** The protocol by which it was granted, and by which it is renewed and deleted. */
  readonly via: Via;
  /** The external port that was asked for; absent when the gateway was to choose. */
  readonly requestedExternalPort?: number | undefined;
  /** The external port that was granted. */
  readonly externalPort: number;
  /** The external address, where the protocol sends it with each mapping. */
  readonly externalAddress?: string | undefined;
  /** The other host that the mapping leads to; absent where it is this one. */
  readonly forHost?: string | undefined;
  /**
   * The proof that the mapping is this host's, without which the gateway neither renews nor deletes it; absent where the
   * protocol needs none. Only this kind of backend understands it, and nobody else may learn it.
   */
  readonly token?: string | undefined;
  /** The lifetime that was asked for, in seconds. */
  readonly requestedLifetimeSeconds: number;
  /** The lifetime that was granted. */
  readonly lifetimeSeconds: GrantedLifetime;
  /** When the first request for this grant was sent: the earliest time at which it can have begun. */
  readonly grantedAtMs: number;
  /** When renewal is to begin. */
  readonly renewAtMs: number;
  /** From when on it is renewed together with others that are due. */
  readonly joinAtMs: number;
  /** The shortest pause between two tries to renew it. */
  readonly minRetryGapMs: number;
  /** When the lease ends unless renewed; `Infinity` for one that never does. */
  readonly expiresAtMs: number;
  /** Seconds since the gateway's mapping table was made, where the protocol has it. */
  readonly epochSeconds?: number | undefined;
  /** Whether the mapping was found in the gateway's table after the grant; absent where the protocol has no such question. */
  readonly isVerified?: boolean | undefined;
}

/** The part of a lease that a later client needs, to renew it or to delete it. */
export interface KnownLease extends Pick<Lease, "protocol" | "internalPort" | "via" | "token"> {
  /** The external port, while the lease lives. */
  readonly externalPort?: number | undefined;
  /** When it ends, in milliseconds of the mapper's clock. */
  readonly expiresAtMs?: number | undefined;
  /** The lifetime that was granted. */
  readonly lifetimeSeconds?: GrantedLifetime | undefined;
}

/** The outcome of a deletion. */
export interface Unmapped extends Effort {
  /** The protocol by which it was deleted. */
  readonly via?: Via | undefined;
  /** Seconds since the gateway's mapping table was made, where the protocol has it. */
  readonly epochSeconds?: number | undefined;
  /** Whether nothing was sent, as no request deletes this mapping alone: it stays until it expires. */
  readonly leftToExpire?: boolean | undefined;
  /** The gateway accepted the deletion, and closes the port only after this many seconds; absent where it is closed. */
  readonly closesInSeconds?: number | undefined;
}

/** A mapping in the gateway's own table. */
export interface ListedMapping {
  /** The transport protocol. */
  readonly protocol: TransportProtocol;
  /** The external port. */
  readonly externalPort: number;
  /** The address of the host that it leads to. */
  readonly internalClient: string;
  /** The port of that host. */
  readonly internalPort: number;
  /** How long it still lasts, in seconds. */
  readonly secondsLeft: GrantedLifetime;
  /** Whether it is in force. */
  readonly isEnabled: boolean;
  /** The text that its maker gave it. */
  readonly description: string;
  /** Whether it leads to this host. */
  readonly isOwn: boolean;
}

/** The gateway's table of mappings. */
export interface MappingList {
  /** The protocol of the answer. */
  readonly via?: Via | undefined;
  /** The mappings, in the gateway's order. */
  readonly mappings: readonly ListedMapping[];
}

/** The knowledge of a backend about its gateway, for a later one of the same gateway and protocol. */
export interface GatewayMemory {
  /** A value that JSON can carry and that only this kind of backend understands. */
  readonly data: unknown;
  /** When it was so, in milliseconds of the mapper's clock. */
  readonly atMs: number;
  /** Whether it has what neither a lease nor a later reply has, so that it is worth writing by itself. */
  readonly isUnique?: boolean | undefined;
}

/** Options of {@linkcode PortMapper.recall}. */
export interface RecallOptions {
  /** Whether no lease is known, so that none can be lost. */
  readonly holdsNothing?: boolean | undefined;
}

/** A client of one gateway. */
export interface PortMapper {
  /** The gateway's IPv4 address. */
  readonly gateway: string;
  /** The protocol that it speaks. */
  readonly via: Via;
  /**
   * Asks a question that changes nothing: it shows whether the gateway answers, and more where the protocol has it.
   *
   * @param options Limits of this request.
   * @returns The answer, and what the request cost.
   */
  probe(options?: RequestOptions): Promise<GatewayInfo>;
  /**
   * Searches for the gateway, and asks nothing of it; absent where the protocol has no search.
   *
   * @param options Limits of the search.
   * @throws {NotSupportedError} If no gateway that speaks the protocol answered in time.
   */
  find?(options?: RequestOptions): Promise<void>;
  /**
   * Lists the gateway's mappings, those of other hosts included; absent where no request does that.
   *
   * @param options Limits of each request.
   * @returns The mappings, and this host's address as the gateway sees it.
   */
  list?(options?: RequestOptions): Promise<MappingList>;
  /**
   * Whether a mapping may vanish before its lease ends while nothing of the gateway shows that, so that it is to be asked
   * now and then; absent where announcements and epochs show it.
   */
  readonly needsPolling?: boolean | undefined;
  /**
   * Finds the external address by a short mapping that it makes and deletes again; absent where the probe has it.
   *
   * @param options Limits of all requests together.
   * @returns The answer, and what the requests cost.
   */
  findAddress?(options?: RequestOptions): Promise<GatewayInfo & { readonly externalAddress: string }>;
  /**
   * Creates a mapping, or renews it when it exists.
   *
   * @param request The mapping to ask for.
   * @param options Limits of this request.
   * @returns The mapping as granted.
   */
  map(request: MapRequest, options?: RequestOptions): Promise<Lease>;
  /**
   * Deletes a mapping. Deleting one that does not exist succeeds. Internal port 0, whose deletion would delete every
   * mapping of this host, is left to expire.
   *
   * @param mapping The mapping.
   * @param options Limits of all requests together.
   * @returns What the requests cost.
   */
  unmap(mapping: UnmapRequest, options?: RequestOptions): Promise<Unmapped>;
  /**
   * Deletes every mapping of this host for one transport protocol; absent where no request does that.
   *
   * @param protocol The transport protocol.
   * @param options Limits of all requests together.
   * @returns What the requests cost.
   */
  unmapAll?(protocol: TransportProtocol, options?: RequestOptions): Promise<Unmapped>;
  /**
   * The token of a mapping that this client has asked for, also where no answer came: the mapping may exist, and only with
   * this token can a later process renew or delete it. Absent where the protocol needs none.
   *
   * @param mapping The mapping.
   * @returns The token; `undefined` where the client has never asked for that mapping.
   */
  tokenOf?(mapping: MappingKey): string | undefined;
  /**
   * Whether the age that the gateway reports was wrong so often that it is ignored, and shows no loss of state; absent
   * where the protocol has no age.
   */
  readonly ignoresEpoch?: boolean | undefined;
  /** The age of the gateway's mapping table by its own count, in milliseconds, where that is known and not ignored. */
  readonly tableAgeMs?: number | undefined;
  /** The memory for a later client; `undefined` until the gateway has sent it. */
  readonly memory: GatewayMemory | undefined;
  /**
   * Goes on from what an earlier client of this gateway remembered. It ignores memory that it cannot understand.
   *
   * @param memory The remembered data; `atMs` may well be before this clock began.
   * @param options What the earlier client left.
   */
  recall(memory: GatewayMemory, options?: RecallOptions): void;
  /**
   * Goes on with leases that other clients of this gateway were granted: it renews and deletes each by its protocol
   * and with its token. Absent where neither makes a difference.
   *
   * @param leases The leases, whether or not they are over.
   */
  adopt?(leases: Iterable<KnownLease>): void;
  /**
   * Checks whether the gateway forgot its mappings between what some client remembered and its last reply to this one.
   *
   * @param memory The remembered data.
   * @returns Whether it did; `false` where that is unknown, as when it was remembered after that reply.
   */
  hasForgottenSince(memory: GatewayMemory): boolean;
  /**
   * Calls a listener each time a reply shows that the gateway forgot its mappings, before that reply's promise settles.
   *
   * @param listener The listener. It must not throw.
   * @returns A function that ends it.
   */
  onStateLost(listener: () => void): () => void;
  /**
   * Calls a listener each time the gateway sends news of a mapping that nobody asked for, which should be followed by a
   * question. It can be forged, so it proves nothing; absent where the protocol has no such news.
   *
   * @param listener The listener. It must not throw.
   * @returns A function that ends it.
   */
  onUpdate?(listener: () => void): () => void;
  /**
   * Picks out of the datagrams that gateways announce to everybody those that should be followed by a question to this
   * one. They can be forged, so they prove nothing; absent where the protocol has no announcements.
   *
   * @param datagrams The datagrams that came to the multicast group.
   * @returns One item for each question.
   */
  hints?(datagrams: AsyncIterable<Datagram>): AsyncIterable<void>;
}

/** Names a mapping for people, as in `tcp 80`; also a key in maps. */
export function mappingName({ protocol, internalPort }: MappingKey): string {
  return `${protocol} ${internalPort}`;
}

/** Checks whether two mean the same mapping. */
export function isSameMapping(a: MappingKey, b: MappingKey): boolean {
  return a.protocol === b.protocol && a.internalPort === b.internalPort;
}

/** The fields of a part of a memory's `data`, none of them of a known type; empty where it is not an object. */
export function memoryFields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? value as Readonly<Record<string, unknown>> : {};
}

/** Throws a `RangeError` for what is not a port; `what` is what cannot be done with it. */
export function requirePort(port: number, what: string): number {
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new RangeError(`Cannot ${what} port ${port}: a port is a whole number from 1 to 65535`);
  }
  return port;
}

/** Throws a `RangeError` for what is not a lifetime that a request can have; 0 would delete. */
export function requireLifetime(lifetimeSeconds: number, maxSeconds: number): number {
  if (!Number.isInteger(lifetimeSeconds) || lifetimeSeconds < 1 || lifetimeSeconds > maxSeconds) {
    throw new RangeError(
      `Cannot map for ${lifetimeSeconds} s: a lifetime is a whole number of seconds from 1 to ${maxSeconds}`,
    );
  }
  return lifetimeSeconds;
}

/** The time of the wall clock when a mapping will end; `undefined` for one that is over, and where it is unknown. */
export function wallEndOf(clock: Clock, expiresAtMs: number | undefined): Date | undefined {
  const leftMs = (expiresAtMs ?? -Infinity) - clock.now();
  return leftMs > 0 && leftMs < Infinity ? new Date(clock.wallNow().getTime() + leftMs) : undefined;
}

/** The effort alone. */
export function effortOf({ attempts, elapsedMs }: Effort): Effort {
  return { attempts, elapsedMs };
}

/** The effort of two requests, one after the other. */
export function effortOfBoth(first: Effort | undefined, second: Effort | undefined): Effort {
  const { attempts, elapsedMs } = first ?? { attempts: 0, elapsedMs: 0 };
  return {
    attempts: attempts + (second?.attempts ?? 0),
    elapsedMs: elapsedMs + (second?.elapsedMs ?? 0),
  };
}
