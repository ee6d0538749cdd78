/**
 * What was told about the leases of a wish, so that each change is told once.
 *
 * @module
 */

import type { Lease, MappingKey, TransportProtocol } from "../port_mapper.ts";
import type { MappingEvent } from "./keeper_event.ts";

interface Told {
  readonly externalPort: number;
  readonly externalAddress: string | undefined;
}

/** What was told about the leases of one wish. */
export class ToldLeases {
  readonly #told = new Map<TransportProtocol, Told>();
  /** Granted again since the last news. */
  readonly #renewed = new Set<TransportProtocol>();

  /**
   * Notes that a lease was granted.
   *
   * @param lease The lease.
   */
  note({ protocol }: Lease): void {
    this.#renewed.add(protocol);
  }

  /**
   * Notes that a lease is over.
   *
   * @param mapping Whose.
   * @param type Why.
   * @returns What to tell; nothing if the lease was never told of.
   */
  end(mapping: MappingKey, type: "expired" | "unmapped"): MappingEvent[] {
    const told = this.#told.get(mapping.protocol);
    this.#told.delete(mapping.protocol);
    this.#renewed.delete(mapping.protocol);
    return told === undefined ? [] : [{ type, mapping, previousExternalPort: told.externalPort }];
  }

  /** Forgets what was told. */
  clear(): void {
    this.#told.clear();
    this.#renewed.clear();
  }

  /**
   * What is new about a lease since the last time. Another address counts once the gateway has granted the lease again.
   *
   * @param lease The lease.
   * @param knownAddress The external address, where it is known.
   * @returns What to tell, if there is anything.
   */
  news(lease: Lease, knownAddress: string | undefined): MappingEvent[] {
    const { protocol, externalPort } = lease;
    const told = this.#told.get(protocol);
    const wasRenewed = this.#renewed.delete(protocol);
    const isAtKnownAddress = wasRenewed || told?.externalAddress === undefined;
    const externalAddress = isAtKnownAddress ? knownAddress ?? told?.externalAddress : told.externalAddress;
    this.#told.set(protocol, { externalPort, externalAddress });
    const base = { lease, ...(externalAddress === undefined ? {} : { externalAddress }) };
    if (told === undefined) return [{ type: "mapped", ...base }];
    const previous = {
      ...(told.externalPort === externalPort ? {} : { previousExternalPort: told.externalPort }),
      ...(told.externalAddress === undefined || told.externalAddress === externalAddress
        ? {}
        : { previousExternalAddress: told.externalAddress }),
    };
    if (Object.keys(previous).length > 0) return [{ type: "changed", ...base, ...previous }];
    return wasRenewed ? [{ type: "renewed", ...base }] : [];
  }
}
