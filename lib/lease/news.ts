/**
 * The news that was not reported yet. Pure: from an entry of the ledger to the event that it gives rise to.
 *
 * @module
 */

import type { MappingKey, Via } from "../port_mapper.ts";
import { causeOf, isPerMapping } from "./cause.ts";
import {
  type HeldLease,
  isHeld,
  isOver,
  type Ledger,
  type LedgerEntry,
  leftMs,
  mappingsOf,
  type Now,
  resetBackoff,
  statusOf,
  type WantedMapping,
} from "./ledger.ts";

/** The news about one mapping, one event for each protocol of a pair. */
export type MappingEvent =
  /** Granted, and nothing was held before. */
  | { readonly type: "mapped"; readonly lease: HeldLease; readonly externalAddress?: string | undefined }
  /** Granted again on the same port and address; the lifetime may differ. */
  | { readonly type: "renewed"; readonly lease: HeldLease; readonly externalAddress?: string | undefined }
  /** Now on another external port, or reached at another external address. */
  | {
    readonly type: "changed";
    readonly lease: HeldLease;
    readonly externalAddress?: string | undefined;
    /** Present when the port is another. */
    readonly previousExternalPort?: number | undefined;
    /** Present when the address is another and was known. */
    readonly previousExternalAddress?: string | undefined;
  }
  /** Over without renewal, or deleted. */
  | {
    readonly type: "expired" | "unmapped";
    readonly mapping: MappingKey;
    /** The protocol of the lease, where that is known. */
    readonly via?: Via | undefined;
    /** Absent where nobody knows what port it had. */
    readonly previousExternalPort?: number | undefined;
    /** The gateway accepted the deletion, and closes the port only after this many seconds; absent where it is closed. */
    readonly closesInSeconds?: number | undefined;
  };

/** The news about the gateway. */
export type GatewayEvent =
  /** The external address, first and whenever it changes. */
  | { readonly type: "address"; readonly externalAddress: string; readonly previousExternalAddress?: string }
  /** The gateway forgot its mappings. */
  | { readonly type: "state-lost" }
  /** The gateway announced something that leads to a question. */
  | { readonly type: "announcement" }
  /** A gateway that answered is silent now, and a silent one that answers again. */
  | { readonly type: "gateway-silent"; readonly error: unknown }
  | { readonly type: "gateway-back" }
  /** Another gateway, or another local address; what was mapped there is not mapped here. */
  | { readonly type: "gateway-changed"; readonly previousGateway?: string };

/** A failure that keeps the keeper from its work, once for each change of the cause; the keeper goes on trying. */
export interface ErrorEvent {
  /** The kind of event. */
  readonly type: "error";
  /** The error that was thrown. */
  readonly error: unknown;
  /** The mappings concerned; empty when it concerns all. */
  readonly mappings: readonly MappingKey[];
}

/** Everything that a keeper reports. Each change is reported exactly once. */
export type KeeperEvent =
  | (MappingEvent & { readonly gateway: string; readonly time: Date })
  | (GatewayEvent & { readonly gateway: string; readonly time: Date })
  /** The gateway is absent while there is none. */
  | (ErrorEvent & { readonly gateway?: string; readonly time: Date });

/** An entry as it is once its news are reported, and the news. */
export interface News {
  readonly entry: LedgerEntry;
  readonly event?: MappingEvent | undefined;
}

/** The news about a mapping that is over. */
export interface EndNews extends News {
  readonly event?: Extract<MappingEvent, { readonly type: "expired" | "unmapped" }> | undefined;
}

/**
 * The news about a held mapping. A lease that the gateway forgot makes none, until it is granted again.
 *
 * @param entry The mapping.
 * @param knownAddress The gateway's external address, where it is known.
 */
export function newsOf(
  entry: LedgerEntry & { readonly lease: HeldLease },
  knownAddress: string | undefined,
): News {
  const { lease, reported, isRenewed } = entry;
  if (entry.isLost) return { entry };
  const externalAddress = lease.externalAddress ?? knownAddress ?? reported?.externalAddress;
  const next = {
    ...entry,
    isRenewed: undefined,
    reported: { externalPort: lease.externalPort, externalAddress },
  };
  if (reported === undefined) return { entry: next, event: { type: "mapped", lease, externalAddress } };
  const hasMoved = reported.externalPort !== lease.externalPort;
  // At another address the gateway may have none of it: it counts once it is granted there.
  if (!isRenewed && !hasMoved && reported.externalAddress !== undefined) return { entry };
  const isElsewhere = reported.externalAddress !== undefined && reported.externalAddress !== externalAddress;
  if (hasMoved || isElsewhere) {
    const event: MappingEvent = {
      type: "changed",
      lease,
      externalAddress,
      ...(hasMoved ? { previousExternalPort: reported.externalPort } : {}),
      ...(isElsewhere ? { previousExternalAddress: reported.externalAddress } : {}),
    };
    return { entry: next, event };
  }
  return isRenewed
    ? { entry: next, event: { type: "renewed", lease, externalAddress } }
    : reported.externalAddress === externalAddress
    ? { entry }
    : { entry: next };
}

/** The news about a mapping that is over, or was deleted. One that was never reported makes none. */
export function endOf(entry: LedgerEntry, type: "expired" | "unmapped"): EndNews {
  const { protocol, internalPort, reported, lease } = entry;
  const next = { ...entry, reported: undefined, isRenewed: undefined };
  if (reported === undefined) return { entry: next };
  const mapping = { protocol, internalPort };
  return {
    entry: next,
    event: { type, mapping, via: lease?.via, previousExternalPort: reported.externalPort },
  };
}

/** Whether the lease of an entry is over and that was not reported. */
export function hasExpired({ lease, isDoubtful, isUnconfirmed, reported }: LedgerEntry, now: Now): boolean {
  return lease !== undefined && reported !== undefined && !isDoubtful && !isUnconfirmed &&
    isOver(lease, now.stored);
}

/** The news about a lease for a command that runs once: held for the first time, or on another port or address. */
export type RunChange =
  | { readonly type: "mapped" }
  | {
    readonly type: "changed";
    readonly previousExternalPort?: number | undefined;
    readonly previousExternalAddress?: string | undefined;
  };

/** Options of {@linkcode changeSince}. */
export interface ChangeSinceOptions {
  /** The mapping as it was known before; without it everything is new. */
  readonly before: LedgerEntry | undefined;
  /** Whether the gateway was found to have forgotten everything since. */
  readonly isLost: boolean;
  readonly externalAddress: string | undefined;
  readonly now: Now;
}

/** The news about a lease against what was known before; `undefined` when nothing is new. */
export function changeSince(
  lease: Pick<HeldLease, "externalPort">,
  { before, isLost, externalAddress, now }: ChangeSinceOptions,
): RunChange | undefined {
  if (before?.lease === undefined) return { type: "mapped" };
  const previousExternalAddress = before.reported?.externalAddress;
  const hasMoved = previousExternalAddress !== undefined && externalAddress !== undefined &&
    previousExternalAddress !== externalAddress;
  const wasHeld = !isLost && statusOf(before, now.stored) === "held";
  // A gateway with another address may have lost what had time left: granted again, that is the news.
  if (!wasHeld && !(hasMoved && (leftMs(before.lease, now.stored) ?? 0) > 0)) return { type: "mapped" };
  const previousExternalPort = before.lease.externalPort;
  const hasOtherPort = previousExternalPort !== lease.externalPort;
  if (!hasOtherPort && !hasMoved) return undefined;
  return {
    type: "changed",
    ...(hasOtherPort ? { previousExternalPort } : {}),
    ...(hasMoved ? { previousExternalAddress } : {}),
  };
}

/** Takes the ends of leases that were not reported yet; what is wanted is asked for again then. */
export function takeExpired(ledger: Ledger, wanted: readonly WantedMapping[], now: Now): MappingEvent[] {
  const events: MappingEvent[] = [];
  for (const one of wanted) {
    for (const protocol of one.protocols) {
      const expired = ledger.of(protocol, one.internalPort);
      if (expired === undefined || !hasExpired(expired, now)) continue;
      const { entry, event } = endOf(expired, "expired");
      ledger.set(entry);
      ledger.changeTries(one, resetBackoff);
      if (event !== undefined) events.push(event);
    }
  }
  return events;
}

/** Takes the news of everything that is wanted from a ledger: they count as reported from then on. */
export function takeNews(
  ledger: Ledger,
  wanted: readonly WantedMapping[],
  { now, externalAddress }: { readonly now: Now; readonly externalAddress: string | undefined },
): MappingEvent[] {
  const events: MappingEvent[] = [];
  for (const { protocols, internalPort } of wanted) {
    for (const protocol of protocols) {
      const known = ledger.of(protocol, internalPort);
      if (!isHeld(known, now.stored)) continue;
      const { entry, event } = newsOf(known, externalAddress);
      if (entry !== known) ledger.set(entry);
      if (event !== undefined) events.push(event);
    }
  }
  return events;
}

/**
 * Takes the errors whose cause was not reported yet, one for all mappings with the same cause.
 *
 * @param isGatewayInTrouble Whether it was reported that the gateway as a whole does not answer as it should.
 */
export function takeErrors(
  ledger: Ledger,
  wanted: readonly WantedMapping[],
  isGatewayInTrouble: boolean,
): ErrorEvent[] {
  const errors = new Map<string, { readonly error: unknown; readonly mappings: MappingKey[] }>();
  for (const one of wanted) {
    const { error, reportedCause } = ledger.tries(one);
    if (error === undefined) continue;
    ledger.changeTries(one, (tries) => ({ ...tries, error: undefined }));
    if (isGatewayInTrouble && !isPerMapping(error)) continue;
    const cause = causeOf(error);
    if (cause === reportedCause) continue;
    ledger.changeTries(one, (tries) => ({ ...tries, reportedCause: cause }));
    const same = errors.get(cause);
    if (same === undefined) errors.set(cause, { error, mappings: mappingsOf([one]) });
    else same.mappings.push(...mappingsOf([one]));
  }
  return [...errors.values()].map((found) => ({ type: "error", ...found }));
}
