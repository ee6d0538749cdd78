/**
 * The wanted mappings at one gateway and the leases known there: one entry for each mapping. An entry is changed by
 * pure functions alone, which return the next one; the ledger holds the present ones.
 *
 * @module
 */

import type {
  GrantedLifetime,
  Lease,
  MappingKey,
  TransportProtocol,
  UnmapRequest,
  Via,
} from "../port_mapper.ts";
import { elapsedMs, type StoredTime, timeAfter } from "./stored_time.ts";

/** A mapping, or a pair on one port, that somebody wants. */
export interface WantedMapping {
  /** One protocol, or the two of a pair in the order in which they are asked for. */
  readonly protocols: readonly TransportProtocol[];
  /** The port on this host. */
  readonly internalPort: number;
  /** The external port to ask for; absent when the gateway is to choose. */
  readonly externalPort?: number | undefined;
  /** Seconds each mapping is to live. */
  readonly lifetimeSeconds?: number | undefined;
  /** Whether another external port than the one asked for will not do. */
  readonly exact?: boolean | undefined;
  /** Whether the two of a pair may have different external ports. */
  readonly anyPort?: boolean | undefined;
  /** Whether a mapping that leads to another host or port is overwritten, where the protocol can. */
  readonly force?: boolean | undefined;
}

/** The mappings of what is wanted, one for each protocol, in order. */
export function mappingsOf(wanted: readonly WantedMapping[]): MappingKey[] {
  return wanted.flatMap(({ protocols, internalPort }) =>
    protocols.map((protocol) => ({ protocol, internalPort }))
  );
}

/** The time: by the clock for what this process waits for, stored for the age of leases. */
export interface Now {
  /** Milliseconds of the clock that is never set. */
  readonly ms: number;
  /** The same instant, as another process can measure it. */
  readonly stored: StoredTime;
}

/** A lease, granted to this process or another one. */
export interface HeldLease extends MappingKey {
  /** The protocol that it was granted by. */
  readonly via: Via;
  /** The external port that was asked for; absent when the gateway was to choose. */
  readonly requestedExternalPort?: number | undefined;
  /** The external port that was granted. */
  readonly externalPort: number;
  /** The external address, where the protocol sends it with each mapping. */
  readonly externalAddress?: string | undefined;
  /** The other host that the mapping leads to; absent where it is this one. */
  readonly forHost?: string | undefined;
  /** The proof that the mapping is this host's, where the protocol needs one. */
  readonly token?: string | undefined;
  /** The lifetime that was asked for, in seconds. */
  readonly requestedLifetimeSeconds: number;
  /** The lifetime that was granted, in seconds, or `"permanent"`. */
  readonly lifetimeSeconds: GrantedLifetime;
  /** The earliest time at which the lease can have begun. */
  readonly granted: StoredTime;
  /** The age from which on it is to be renewed. */
  readonly renewAfterMs: number;
  /** The age from which on it is renewed together with others. */
  readonly joinAfterMs: number;
  /** The shortest pause between two tries to renew it. */
  readonly minRetryGapMs: number;
  /** How many requests the grant took, where this process asked for it. */
  readonly attempts?: number | undefined;
  /** How long the grant took, in milliseconds. */
  readonly elapsedMs?: number | undefined;
  /** The gateway's epoch in the reply (RFC 6886 §3.6), where the protocol has one. */
  readonly epochSeconds?: number | undefined;
  /** Whether the mapping was found in the gateway's table after the grant, where this process asked for it. */
  readonly isVerified?: boolean | undefined;
}

/** Turns a lease that a gateway just granted into one whose age any later process can measure. */
export function heldLease(lease: Lease, now: Now): HeldLease {
  const { grantedAtMs, renewAtMs, joinAtMs, expiresAtMs: _, ...rest } = lease;
  return {
    ...rest,
    granted: timeAfter(now.stored, grantedAtMs - now.ms),
    renewAfterMs: renewAtMs - grantedAtMs,
    joinAfterMs: joinAtMs - grantedAtMs,
  };
}

/** How long a lease lives in all, in milliseconds; `Infinity` for a permanent one. */
export function lifeMs({ lifetimeSeconds }: Pick<HeldLease, "lifetimeSeconds">): number {
  return lifetimeSeconds === "permanent" ? Infinity : lifetimeSeconds * 1000;
}

/** How old a lease is, in milliseconds; `undefined` when the wall clock was set and nothing else shows it. */
export function ageMs({ granted }: Pick<HeldLease, "granted">, now: StoredTime): number | undefined {
  return elapsedMs(granted, now);
}

/** How long a lease still lives, in milliseconds, negative when it is over; `undefined` when its age is unknown. */
export function leftMs(
  lease: Pick<HeldLease, "granted" | "lifetimeSeconds">,
  now: StoredTime,
): number | undefined {
  const age = ageMs(lease, now);
  return age === undefined ? undefined : lifeMs(lease) - age;
}

/** The last report about a mapping. */
export interface Reported {
  /** The external port. */
  readonly externalPort: number;
  /** The external address, where it was known. */
  readonly externalAddress?: string | undefined;
  /** Whether its end was reported since. */
  readonly hasEnded?: boolean | undefined;
}

/** All that is known of one mapping at one gateway. */
export interface LedgerEntry extends MappingKey {
  /** The lease that was granted last; it stays when it is over, as its port is asked for again. */
  readonly lease?: HeldLease | undefined;
  /** The port of an earlier lease, here or at another gateway, which is asked for where any port will do. */
  readonly lastPort?: number | undefined;
  /** Whether the gateway is known to have forgotten the lease. */
  readonly isLost?: boolean | undefined;
  /** Whether it was asked for without an answer, or by an earlier process: it may stand at the gateway. */
  readonly isUnconfirmed?: boolean | undefined;
  /** Whether this process has got nothing of the earlier process's lease yet, and left no request for it unanswered. */
  readonly isEarlier?: boolean | undefined;
  /** Whether time jumped, so that the gateway is asked before the lease counts as over. */
  readonly isDoubtful?: boolean | undefined;
  /** Whether it was granted again since the last news. */
  readonly isRenewed?: boolean | undefined;
  /** The last report about it; absent before the first. */
  readonly reported?: Reported | undefined;
  /** Whether the hook has not yet run successfully for what was reported last. */
  readonly hookPending?: boolean | undefined;
  /** The configuration file that asked for it. */
  readonly config?: string | undefined;
  /** The port file that holds its port, by its absolute path. */
  readonly portFile?: string | undefined;
}

/** The status of a lease, as far as this host knows it. */
export type LeaseStatus =
  /** It lives, as far as this host can know. */
  | "held"
  /** Its time is over. */
  | "expired"
  /** Its gateway has forgotten it. */
  | "lost"
  /** The wall clock was set, and nothing else shows its age. */
  | "unknown";

/** The status of an entry's lease; `undefined` when it has none. */
export function statusOf({ lease, isLost }: LedgerEntry, now: StoredTime): LeaseStatus | undefined {
  if (lease === undefined) return undefined;
  if (isLost) return "lost";
  const left = leftMs(lease, now);
  if (left === undefined) return "unknown";
  return left > 0 ? "held" : "expired";
}

/** Whether this process knows the mapping to be its own: granted, and not over. A lost one counts until then. */
export function isHeld(
  entry: LedgerEntry | undefined,
  now: StoredTime,
): entry is LedgerEntry & { readonly lease: HeldLease } {
  if (entry?.lease === undefined || entry.isUnconfirmed) return false;
  return entry.isDoubtful === true || !isOver(entry.lease, now);
}

/** Whether the mapping may be at the gateway and is this process's to delete when all is given up. */
export function mayStand(entry: LedgerEntry, now: StoredTime): boolean {
  return (entry.isUnconfirmed === true && !entry.isEarlier) || isHeld(entry, now);
}

/** Whether a lease is over. One of unknown age may live. */
export function isOver(lease: HeldLease, now: StoredTime): boolean {
  return (leftMs(lease, now) ?? Infinity) <= 0;
}

/** Notes that nobody knows whether the mapping is at the gateway. */
export function unconfirmed(entry: LedgerEntry): LedgerEntry {
  return { ...entry, isUnconfirmed: true, isEarlier: false };
}

/** The mapping is gone; its port is remembered. */
export function deleted(entry: LedgerEntry): LedgerEntry {
  const { protocol, internalPort, config } = entry;
  return { protocol, internalPort, config, lastPort: entry.lease?.externalPort ?? entry.lastPort };
}

/** Whether others know of a mapping: it was reported, and its end was not. */
export function isReported({ reported }: LedgerEntry): boolean {
  return reported !== undefined && !reported.hasEnded;
}

/** The end of a mapping was reported, and is not again. The entry keeps the report, for when it is granted again. */
export function endReported(entry: LedgerEntry): LedgerEntry {
  const { reported } = entry;
  return { ...entry, reported: reported && { ...reported, hasEnded: true }, hookPending: false };
}

/** A lease that the gateway has not forgotten is reached at another address, which is news as a grant is. */
export function reachedElsewhere(entry: LedgerEntry): LedgerEntry {
  const { lease, isLost } = entry;
  return lease === undefined || isLost || lease.externalAddress !== undefined
    ? entry
    : { ...entry, isRenewed: true };
}

/** The request that deletes a mapping, with as much of its lease as is known. */
export function toDelete({ protocol, internalPort, lease }: LedgerEntry, now: Now): UnmapRequest {
  const key = { protocol, internalPort };
  if (lease === undefined || isOver(lease, now.stored)) return key;
  const left = leftMs(lease, now.stored);
  const expiresAtMs = left === undefined || left === Infinity ? undefined : now.ms + left;
  return { ...key, externalPort: lease.externalPort, expiresAtMs };
}

/** How the tries for what is wanted went. Times are milliseconds of the clock. */
export interface Tries {
  /** How many failed in a row. */
  readonly failures: number;
  /** When the last one failed. */
  readonly failedAtMs: number;
  /** When the next one is due; absent where the leases decide. */
  readonly retryAtMs?: number | undefined;
  /** Whether it is due at once, however long the leases live. */
  readonly isDue?: boolean | undefined;
  /** The reason why the last one failed, until that is reported. */
  readonly error?: unknown;
  /** The cause that was reported last, until a try succeeds. */
  readonly reportedCause?: string | undefined;
}

/** Before any try. */
export const NO_TRIES: Tries = { failures: 0, failedAtMs: -Infinity };

/** The tries begin anew, whatever failed before; what was reported stays reported. */
export function resetBackoff({ isDue, error, reportedCause }: Tries): Tries {
  return { ...NO_TRIES, isDue, error, reportedCause };
}

/** One number for each mapping. */
function numberOf({ protocol, internalPort }: MappingKey): number {
  return internalPort * 2 + (protocol === "udp" ? 1 : 0);
}

/** The entries of one gateway. */
export class Ledger {
  readonly #entries = new Map<number, LedgerEntry>();
  readonly #tries = new Map<WantedMapping, Tries>();
  #generation = 0;
  #lostAt: StoredTime | undefined;
  #newFromMs = -Infinity;

  /**
   * Begins with what is known.
   *
   * @param entries The known mappings.
   */
  constructor(entries: Iterable<LedgerEntry> = []) {
    for (const entry of entries) this.set(entry);
  }

  /** Grows when the gateway forgets its mappings, or may have: what it granted before has to be granted again. */
  get generation(): number {
    return this.#generation;
  }

  /** When that was last. */
  get lostAt(): StoredTime | undefined {
    return this.#lostAt;
  }

  /** From when on the gateway may have the resources for new mappings, in milliseconds of the clock. */
  get newFromMs(): number {
    return this.#newFromMs;
  }

  /**
   * Notes that the gateway has no resources for new mappings (RFC 6887 §11.4).
   *
   * @param untilMs Until when, in milliseconds of the clock.
   */
  holdNew(untilMs: number): void {
    this.#newFromMs = untilMs;
  }

  /** Whether nothing is known of any mapping. */
  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  /** Every entry, in the order in which they came. */
  get entries(): Iterable<LedgerEntry> {
    return this.#entries.values();
  }

  /**
   * Looks a mapping up.
   *
   * @param mapping The mapping.
   * @returns Its entry; `undefined` when nothing is known of it.
   */
  get(mapping: MappingKey): LedgerEntry | undefined {
    return this.#entries.get(numberOf(mapping));
  }

  /**
   * Looks a mapping up, as {@linkcode Ledger.get} does, without an object made for it: this is called far more often than
   * anything changes.
   *
   * @param protocol The mapping's transport protocol.
   * @param internalPort The mapping's port on this host.
   * @returns Its entry; `undefined` when nothing is known of it.
   */
  of(protocol: TransportProtocol, internalPort: number): LedgerEntry | undefined {
    return this.#entries.get(internalPort * 2 + (protocol === "udp" ? 1 : 0));
  }

  /**
   * Puts an entry in the place of the one for the same mapping, or after the others.
   *
   * @param entry The new entry.
   */
  set(entry: LedgerEntry): void {
    this.#entries.set(numberOf(entry), entry);
  }

  /**
   * Changes the entry of a mapping.
   *
   * @param mapping The mapping.
   * @param change Makes the new entry of the old one, which has only the mapping's name when nothing is known of it.
   */
  change(mapping: MappingKey, change: (entry: LedgerEntry) => LedgerEntry): void {
    const { protocol, internalPort } = mapping;
    this.set(change(this.get(mapping) ?? { protocol, internalPort }));
  }

  /**
   * Changes every entry.
   *
   * @param change Makes the new entry of an old one.
   */
  changeAll(change: (entry: LedgerEntry) => LedgerEntry): void {
    for (const [number, entry] of this.#entries) this.#entries.set(number, change(entry));
  }

  /**
   * Notes that the gateway has forgotten every lease, or may have (RFC 6886 §3.6).
   *
   * @param now The time.
   */
  loseAll(now: Now): void {
    this.#generation++;
    this.#lostAt = now.stored;
    this.#newFromMs = -Infinity;
    this.changeAll((entry) => entry.lease === undefined ? entry : { ...entry, isLost: true });
  }

  /**
   * Takes a lease that was granted.
   *
   * @param lease The lease.
   * @param now The time.
   * @param generation The generation at the grant: the gateway may have forgotten the lease since.
   */
  grant(lease: Lease, now: Now, generation: number = this.#generation): void {
    this.change(lease, (entry) => ({
      ...entry,
      lease: heldLease(lease, now),
      isLost: generation !== this.#generation,
      isUnconfirmed: false,
      isEarlier: false,
      isDoubtful: false,
      isRenewed: true,
    }));
  }

  /**
   * Forgets a mapping.
   *
   * @param mapping The mapping.
   */
  delete(mapping: MappingKey): void {
    this.#entries.delete(numberOf(mapping));
  }

  /**
   * Looks up how the tries for a wanted mapping went.
   *
   * @param wanted The wanted mapping.
   * @returns The tries since the last success.
   */
  tries(wanted: WantedMapping): Tries {
    return this.#tries.get(wanted) ?? NO_TRIES;
  }

  /**
   * Changes the record of the tries for a wanted mapping.
   *
   * @param wanted The wanted mapping.
   * @param change Makes the new record of the old one.
   */
  changeTries(wanted: WantedMapping, change: (tries: Tries) => Tries): void {
    this.#tries.set(wanted, change(this.tries(wanted)));
  }
}
