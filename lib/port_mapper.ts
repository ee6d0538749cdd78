/**
 * What any port-mapping protocol offers, in words that belong to none of them.
 *
 * @module
 */

import type { Effort } from "./errors.ts";

/** The transport protocol of a mapping. One mapping serves one of them. */
export type TransportProtocol = "tcp" | "udp";

/** Limits of one request to the gateway. */
export interface RequestOptions {
  /** Milliseconds after which the request fails, measured from its first send. */
  readonly timeoutMs?: number;
  /** How many datagrams are sent at most, the first included. */
  readonly maxAttempts?: number;
  /** Abandons the request; requests that wait behind it go on. */
  readonly signal?: AbortSignal;
}

/** What names a mapping at the gateway; the host's address, its third part, is the sender's. */
export interface MappingKey {
  /** The transport protocol. */
  readonly protocol: TransportProtocol;
  /** The port on this host, 1 to 65535. */
  readonly internalPort: number;
}

/** A mapping to ask for. */
export interface MapRequest extends MappingKey {
  /** The external port to suggest, 1 to 65535. Without it the gateway chooses. */
  readonly externalPort?: number;
  /** Seconds the mapping is to live, 1 to 4294967295. Without it the protocol's recommendation. */
  readonly lifetimeSeconds?: number;
}

/** A mapping to delete, with what is known of it in case the gateway refuses. */
export interface UnmapRequest extends MappingKey {
  /** The external port that it has: some gateways look a mapping up by that. */
  readonly externalPort?: number | undefined;
  /** When it ends by itself, in milliseconds of the mapper's clock. */
  readonly expiresAtMs?: number | undefined;
}

/** The answer to a question for the external address. */
export interface ExternalAddress extends Effort {
  /** The gateway's external IPv4 address in dotted decimal. */
  readonly externalAddress: string;
  /** Seconds since the gateway's mapping table was made, where the protocol tells. */
  readonly epochSeconds?: number;
}

/** A mapping as granted. Times are milliseconds of the mapper's clock. */
export interface Lease extends MappingKey, Effort {
  /** The external port that was asked for; absent when the gateway was to choose. */
  readonly requestedExternalPort?: number;
  /** The external port that was granted. */
  readonly externalPort: number;
  /** The lifetime that was asked for, in seconds. */
  readonly requestedLifetimeSeconds: number;
  /** The lifetime that was granted, in seconds. */
  readonly lifetimeSeconds: number;
  /** When the first request for this grant was sent: the earliest moment at which it can have begun. */
  readonly grantedAtMs: number;
  /** When renewal is to begin. */
  readonly renewAtMs: number;
  /** When the lease ends unless renewed. */
  readonly expiresAtMs: number;
  /** Seconds since the gateway's mapping table was made, where the protocol tells. */
  readonly epochSeconds?: number;
}

/** The answer to a deletion. */
export interface Unmapped extends Effort {
  /** Seconds since the gateway's mapping table was made, where the protocol tells. */
  readonly epochSeconds?: number;
}

/** A client of one gateway. */
export interface PortMapper {
  /** The gateway's IPv4 address. */
  readonly gateway: string;
  /** Asks for the gateway's external address. */
  externalAddress(options?: RequestOptions): Promise<ExternalAddress>;
  /** Creates a mapping, or renews it when it exists. */
  map(request: MapRequest, options?: RequestOptions): Promise<Lease>;
  /** Deletes a mapping. Deleting one that does not exist succeeds. */
  unmap(mapping: UnmapRequest, options?: RequestOptions): Promise<Unmapped>;
  /** Deletes every mapping of this host for one transport protocol. */
  unmapAll(protocol: TransportProtocol, options?: RequestOptions): Promise<Unmapped>;
  /**
   * Tells a listener each time a reply shows that the gateway forgot its mappings, before that reply's promise settles.
   * Returns a function that ends it.
   */
  onStateLost(listener: () => void): () => void;
  /**
   * Whether what the gateway says about its age was wrong so often that it is ignored, and no loss of state is found by
   * it; absent where the protocol tells no age.
   */
  readonly ignoresEpoch?: boolean;
}

/** What a client has learned about its gateway and a later client of the same gateway can use. */
export interface GatewayMemory {
  /** A value that JSON can carry and that only this kind of client understands. */
  readonly data: unknown;
  /** When it was so, in milliseconds of the client's clock. */
  readonly atMs: number;
}

/** A client that can go on where an earlier one, of another process, has ended. */
export interface RemembersGateway {
  /** What there is to remember; `undefined` as long as the gateway has not told. */
  readonly memory: GatewayMemory | undefined;
  /**
   * Goes on from what an earlier client of this gateway remembered. What it cannot understand it ignores.
   *
   * @param memory What was remembered; `atMs` may well be before this clock began.
   */
  recall(memory: GatewayMemory): void;
  /**
   * Tells whether the gateway forgot its mappings between what some client remembered and its last word to this one.
   *
   * @param memory What was remembered.
   * @returns Whether it did; not where that cannot be told, as when it was remembered after that word.
   */
  hasForgottenSince(memory: GatewayMemory): boolean;
}
