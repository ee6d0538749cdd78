import type { Clock } from "../../clock.ts";
import { type LeaseStanding, leftMs, standingOf } from "../../lease/lease_life.ts";
import { mappingName } from "../../lease/mapping_name.ts";
import { elapsedMs, type Moment, momentAfter } from "../../lease/moment.ts";
import {
  EMPTY_STATE,
  isSameMapping,
  linkOf,
  type LinkState,
  type State,
  type StoredLease,
  type StoredLink,
  withLeases,
  withLink,
  withoutMoved,
} from "../../lease/state.ts";
import { StoreError } from "../../errors.ts";
import type { LeaseStore } from "../../lease/store.ts";
import type {
  GatewayMemory,
  Lease,
  MappingKey,
  PortMapper,
  RemembersGateway,
  UnmapRequest,
} from "../../port_mapper.ts";

/** What a client remembers, as the state has it. */
type StoredMemory = NonNullable<LinkState["memory"]>;

/** What is to be remembered of a command's work at its gateway. */
export interface BookEntry {
  /** What was granted. */
  readonly leases?: readonly Lease[] | undefined;
  /** The external address, where it is known. */
  readonly externalAddress?: string | undefined;
  /** Mappings that were left alone, and told of with this address. */
  readonly kept?: readonly MappingKey[] | undefined;
  /** The configuration file that asked for the leases. */
  readonly config?: string | undefined;
  /** The leases of which a program was to be told and could not be. */
  readonly untold?: readonly MappingKey[] | undefined;
  /** The port files of mappings, by the mappings' names; what is not in it stays as it is. */
  readonly portFiles?: ReadonlyMap<string, string | undefined> | undefined;
}

/** Options of {@linkcode LeaseBook.open}. */
export interface LeaseBookOptions {
  readonly store: LeaseStore;
  readonly link: StoredLink;
  /** The gateway's client, which goes on from what an earlier one remembered. */
  readonly mapper: PortMapper & RemembersGateway;
  readonly clock: Clock;
  /** Told what cannot be read or written; the command goes on. */
  readonly warn: (text: string) => void;
}

/** What earlier commands left about a gateway, and what this one leaves for later ones. */
export class LeaseBook {
  readonly store: LeaseStore;
  readonly link: StoredLink;
  /** What was known when the command began. */
  readonly before: State;
  readonly #options: LeaseBookOptions;
  /** When the gateway turned out to have forgotten what it granted before. */
  #lostAt: Moment | undefined;
  /** What it granted to this process since. */
  readonly #granted = new Set<string>();
  /** The external address that it told this process last. */
  #address: string | undefined;
  /** What this process found or left in the file last: where something else stands, another one has been there. */
  #memory: StoredMemory | undefined;
  /** What this process deleted and was not granted again; internal port 0 is everything of its protocol. */
  #deleted: readonly MappingKey[] = [];
  /** Whether it was said that nothing can be read: then it goes without saying that nothing can be written. */
  #isUnreadable = false;
  /** What was said last of the state file, if that could not be written since: it is not said again. */
  #warning: string | undefined;

  private constructor(before: State, options: LeaseBookOptions) {
    this.store = options.store;
    this.link = options.link;
    this.before = before;
    this.#options = options;
  }

  /**
   * Reads what is known, and lets the client go on from it.
   *
   * @param options The store, the gateway and its client.
   * @returns The book; an empty one when nothing can be read.
   */
  static async open(options: LeaseBookOptions): Promise<LeaseBook> {
    const { store, link, mapper, warn } = options;
    let isUnreadable = false;
    const before = await store.read().catch((error) => {
      if (!(error instanceof StoreError)) throw error;
      isUnreadable = true;
      warn(error.message);
      return EMPTY_STATE;
    });
    const book = new LeaseBook(before, options);
    book.#isUnreadable = isUnreadable;
    const { memory, leases } = linkOf(before, link);
    book.#memory = memory;
    // Where nothing was held, nothing can be lost.
    if (memory !== undefined && leases.length > 0) mapper.recall(book.#recalled(memory));
    mapper.onStateLost(() => book.#lose());
    return book;
  }

  /** Whether the gateway was found to have lost its state since the last command, or told another address. */
  get isLost(): boolean {
    return this.#lostAt !== undefined;
  }

  /** What was known of the gateway when the command began. */
  get known(): LinkState {
    return linkOf(this.before, this.link);
  }

  /** The lease that was known for a mapping. */
  leaseOf(mapping: MappingKey): StoredLease | undefined {
    return this.known.leases.find((lease) => isSameMapping(lease, mapping));
  }

  /** Whether a lease for a mapping lived, as far as this host could know. */
  isAlive(mapping: MappingKey): boolean {
    return this.#standingOf(mapping) === "alive";
  }

  /** Whether a lease for a mapping lives, or may: where the calendar was set, nobody can know how old it is. */
  mayLive(mapping: MappingKey): boolean {
    return this.isAlive(mapping) || this.#standingOf(mapping) === "unknown";
  }

  /** Whether a lease that was known has ended: it ran out, its gateway forgot it, or this process deleted it. */
  isOver(mapping: MappingKey): boolean {
    const lease = this.leaseOf(mapping);
    if (lease === undefined || this.#granted.has(mappingName(mapping))) return false;
    const standing = standingOf(lease, this.store.now());
    return this.isLost || this.isDeleted(mapping) || standing === "expired" || standing === "lost";
  }

  /** How long the lease for a mapping still has, in milliseconds; `undefined` when there is none or nobody knows. */
  leftMs(mapping: MappingKey): number | undefined {
    const lease = this.leaseOf(mapping);
    return lease && leftMs(lease, this.store.now());
  }

  /** A mapping to delete, with what is known of the lease that it has. */
  toDelete({ protocol, internalPort }: MappingKey): UnmapRequest {
    const key = { protocol, internalPort };
    const lease = this.mayLive(key) ? this.leaseOf(key) : undefined;
    if (lease === undefined) return key;
    const leftMs = this.leftMs(key);
    return {
      ...key,
      externalPort: lease.externalPort,
      expiresAtMs: leftMs === undefined ? undefined : this.#options.clock.now() + leftMs,
    };
  }

  /** A lease of an earlier command, in the terms of this one's clock. */
  asLease(
    { granted, externalAddress: _address, config: _, isLost: _lost, isUntold: _untold, ...lease }:
      StoredLease,
  ): Lease {
    const { store, clock } = this.#options;
    const { requestedExternalPort, isEndReported: _end, portFile: _file, ...rest } = lease;
    const grantedAtMs = clock.now() - (elapsedMs(granted, store.now()) ?? 0);
    const lifeMs = lease.lifetimeSeconds * 1000;
    return {
      ...rest,
      ...(requestedExternalPort === undefined ? {} : { requestedExternalPort }),
      grantedAtMs,
      renewAtMs: grantedAtMs + lifeMs / 2,
      expiresAtMs: grantedAtMs + lifeMs,
      attempts: 0,
      elapsedMs: 0,
    };
  }

  /**
   * Notes what the gateway says its external address is. With another one than before it may have none of the mappings,
   * whatever its epoch says: those that are granted again have to be noted after this.
   */
  noteAddress(externalAddress: string): void {
    const last = this.#address ?? this.known.externalAddress;
    this.#address = externalAddress;
    if (last !== undefined && last !== externalAddress) this.#lose();
  }

  #lose(): void {
    this.#lostAt = this.store.now();
    this.#granted.clear();
  }

  /** Notes in the moment of a grant that it belongs to the gateway's present state. */
  noteGrant(mapping: MappingKey): void {
    this.#granted.add(mappingName(mapping));
    this.#deleted = this.#deleted.filter((deleted) => !isSameMapping(deleted, mapping));
  }

  /** Notes that a mapping was deleted; with internal port 0 every mapping of its protocol. */
  noteDeletion(mapping: MappingKey): void {
    this.#deleted = [...this.#deleted, mapping];
  }

  /**
   * Remembers what was done.
   *
   * @param entry What was done.
   * @param more Further changes of what is known.
   * @returns Whether it is remembered; where it is not, that was said.
   */
  async save(entry: BookEntry, more: (state: State) => State = (state) => state): Promise<boolean> {
    const { store, link, warn } = this.#options;
    try {
      await store.update((state) => {
        const elsewhere = entry.config === undefined ? state : withoutMoved(state, link, entry.config);
        return more(withLink(elsewhere, link, (known) => this.#change(known, entry)));
      });
      this.#isUnreadable = false;
      this.#warning = undefined;
      return true;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (!this.#isUnreadable && error.message !== this.#warning) warn(error.message);
      this.#warning = error.message;
      return false;
    }
  }

  #standingOf(mapping: MappingKey): LeaseStanding | undefined {
    const lease = this.leaseOf(mapping);
    return lease && (this.isLost ? "lost" : standingOf(lease, this.store.now()));
  }

  #change(known: LinkState, entry: BookEntry): LinkState {
    const { mapper } = this.#options;
    const { leases = [], kept = [], externalAddress } = entry;
    const memory = mapper.memory === undefined ? undefined : this.#stored(mapper.memory);
    const isForgotten = this.#forgets(known);
    let stored: readonly StoredLease[] = known.leases.filter((lease) => !this.isDeleted(lease));
    const before = new Map(stored.map((lease) => [mappingName(lease), lease]));
    stored = withLeases(
      stored,
      leases.map((lease) => this.#storedLease(lease, before.get(mappingName(lease)), entry)),
    );
    stored = stored.map((lease) => withPortFile(lease, entry)).map((lease) => {
      if (isForgotten(lease)) return { ...lease, isLost: true };
      const isTold = externalAddress !== undefined && kept.some((mapping) => isSameMapping(mapping, lease));
      return isTold ? { ...lease, externalAddress } : lease;
    });
    this.#memory = memory ?? known.memory;
    return {
      ...known,
      ...(externalAddress === undefined ? {} : { externalAddress }),
      ...(memory === undefined ? {} : { memory }),
      leases: stored,
    };
  }

  /** Whether this process deleted a mapping, and was not granted it again. */
  isDeleted({ protocol, internalPort }: MappingKey): boolean {
    return this.#deleted.some((key) =>
      key.protocol === protocol && (key.internalPort === internalPort || key.internalPort === 0)
    );
  }

  /**
   * Tells which leases the gateway has forgotten: those that it granted before it was found to have lost its state. That
   * is some time after the loss. Where another process was there meanwhile and found it too, the leases since are its.
   */
  #forgets({ memory, externalAddress }: LinkState): (lease: StoredLease) => boolean {
    const { mapper } = this.#options;
    const lostAt = this.#lostAt;
    if (lostAt === undefined) return () => false;
    const isOwn = memory === undefined || isSameMemory(memory, this.#memory);
    const hasMovedSince = this.#address !== undefined && externalAddress !== undefined &&
      this.#address !== externalAddress;
    if (!isOwn && !hasMovedSince && !mapper.hasForgottenSince(this.#recalled(memory))) return () => false;
    return (lease) => {
      if (this.#granted.has(mappingName(lease))) return false;
      const sinceMs = elapsedMs(lostAt, lease.granted);
      return sinceMs === undefined || sinceMs <= 0;
    };
  }

  #storedLease(lease: Lease, before: StoredLease | undefined, entry: BookEntry): StoredLease {
    const { protocol, internalPort, requestedExternalPort, externalPort } = lease;
    const { requestedLifetimeSeconds, lifetimeSeconds } = lease;
    const config = entry.config ?? before?.config;
    const externalAddress = entry.externalAddress ?? before?.externalAddress;
    const portFile = before?.portFile;
    const isUntold = entry.untold?.some((mapping) => isSameMapping(mapping, lease)) ?? false;
    return {
      protocol,
      internalPort,
      ...(requestedExternalPort === undefined ? {} : { requestedExternalPort }),
      externalPort,
      requestedLifetimeSeconds,
      lifetimeSeconds,
      // A suspended machine's clock stands still: the end of a lease is set right for that, its beginning is not.
      granted: this.#momentOf(lease.expiresAtMs - lifetimeSeconds * 1000),
      ...(externalAddress === undefined ? {} : { externalAddress }),
      ...(config === undefined ? {} : { config }),
      ...(isUntold ? { isUntold } : {}),
      ...(portFile === undefined ? {} : { portFile }),
    };
  }

  #stored({ data, atMs }: GatewayMemory): StoredMemory {
    return { data, at: this.#momentOf(atMs) };
  }

  #recalled({ data, at }: StoredMemory): GatewayMemory {
    const { store, clock } = this.#options;
    return { data, atMs: clock.now() - Math.max(0, elapsedMs(at, store.now()) ?? 0) };
  }

  #momentOf(atMs: number): Moment {
    const { store, clock } = this.#options;
    return momentAfter(store.now(), atMs - clock.now());
  }
}

function withPortFile(lease: StoredLease, { portFiles }: BookEntry): StoredLease {
  const name = mappingName(lease);
  if (portFiles === undefined || !portFiles.has(name)) return lease;
  const { portFile: _, ...rest } = lease;
  const portFile = portFiles.get(name);
  return portFile === undefined ? rest : { ...rest, portFile };
}

function isSameMemory(a: StoredMemory, b: StoredMemory | undefined): boolean {
  return b !== undefined && a.at.wallMs === b.at.wallMs && JSON.stringify(a.data) === JSON.stringify(b.data);
}
