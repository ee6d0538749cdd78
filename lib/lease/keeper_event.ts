/**
 * What a keeper of leases tells those who listen.
 *
 * @module
 */

import type { Lease, MappingKey } from "../port_mapper.ts";

/** The news about one mapping, one event for each protocol of a pair. */
export type MappingEvent =
  /** Granted, and nothing was held before. */
  | { readonly type: "mapped"; readonly lease: Lease; readonly externalAddress?: string }
  /** Granted again on the same port and address; the lifetime may differ. */
  | { readonly type: "renewed"; readonly lease: Lease; readonly externalAddress?: string }
  /** Now on another external port, or reached at another external address. */
  | {
    readonly type: "changed";
    readonly lease: Lease;
    readonly externalAddress?: string;
    /** Present when the port is another. */
    readonly previousExternalPort?: number;
    /** Present when the address is another and was known. */
    readonly previousExternalAddress?: string;
  }
  /** Over without renewal, or deleted by the keeper. */
  | {
    readonly type: "expired" | "unmapped";
    readonly mapping: MappingKey;
    readonly previousExternalPort: number;
  };

/** The news about the gateway. */
export type GatewayEvent =
  /** The external address, first and whenever it changes. */
  | { readonly type: "address"; readonly externalAddress: string; readonly previousExternalAddress?: string }
  /** The gateway forgot its mappings. */
  | { readonly type: "state-lost" }
  /** The gateway let something be heard that leads to a question. */
  | { readonly type: "announcement" }
  /** A gateway that answered does not any more, and the one that does again. */
  | { readonly type: "gateway-silent"; readonly error: unknown }
  | { readonly type: "gateway-back" }
  /** Another gateway, or another local address; what was mapped there is not mapped here. */
  | { readonly type: "gateway-changed"; readonly previousGateway?: string };

/** Everything that a keeper tells. Each change is told exactly once. */
export type KeeperEvent =
  | (MappingEvent & { readonly gateway: string; readonly time: Date })
  | (GatewayEvent & { readonly gateway: string; readonly time: Date })
  /** What keeps the keeper from its work, once for each change of the cause; it goes on trying. */
  | {
    readonly type: "error";
    readonly error: unknown;
    /** The mappings concerned; empty when it concerns all. */
    readonly mappings: readonly MappingKey[];
    /** Absent while there is none. */
    readonly gateway?: string;
    readonly time: Date;
  };
