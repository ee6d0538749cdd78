/**
 * A command's knowledge of its gateway from earlier commands, and for later ones: the ledger, and the state
 * file behind it.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { StoreError } from "../errors.ts";
import {
  type HeldLease,
  Ledger,
  type LedgerEntry,
  leftMs,
  type Now,
  type Reported,
  statusOf,
} from "../lease/ledger.ts";
import { elapsedMs, type StoredTime, timeAfter } from "../lease/stored_time.ts";
import {
  type GatewayMemory,
  isSameMapping,
  type KnownLease,
  type MappingKey,
  mappingName,
  type PortMapper,
} from "../port_mapper.ts";
import {
  EMPTY_STATE,
  type GatewayKey,
  type GatewayRecord,
  recordOf,
  type State,
  withoutMoved,
  withRecord,
} from "./records.ts";
import type { StateFile } from "./state_file.ts";

/** The memory of a backend, as the state has it. */
type StoredMemory = NonNullable<GatewayRecord["memory"]>;

/** Options of {@linkcode GatewayState.open}. */
export interface GatewayStateOptions {
  /** Absent where nothing is remembered: the ledger is this process's alone then. */
  readonly file: StateFile | undefined;
  readonly key: GatewayKey;
  /** The gateway's client, which goes on from what an earlier one remembered. */
  readonly mapper: PortMapper;
  readonly clock: Clock;
  readonly storedNow: () => StoredTime;
  /** Called with what cannot be read or written; the command goes on. */
  readonly warn: (text: string) => void;
  /** Whether something else sees to it that the ledger loses what the gateway forgets; not by default. */
  readonly isLossHandled?: boolean | undefined;
  /** The same client's state under another key, whose ledger goes on here; what was only read there stays there. */
  readonly previous?: GatewayState | undefined;
}

/** A deletion at the gateway, and its time. */
interface Forgotten {
  readonly matches: (entry: LedgerEntry) => boolean;
  readonly at: StoredTime;
}

/** The known and remembered state of a gateway. */
export class GatewayState {
  readonly key: GatewayKey;
  /** The state when the command began. */
  readonly before: State;
  /** The present knowledge; the command changes it, and {@linkcode GatewayState.save} writes it. */
  readonly ledger: Ledger;
  readonly #options: GatewayStateOptions;
  /** The entries as the file has them, as far as this process read or wrote them. */
  #stored: ReadonlyMap<string, LedgerEntry>;
  /** The deletions at the gateway since the file was written. */
  #forgotten: readonly Forgotten[] = [];
  #address: string | undefined;
  /** The address that the file has, as far as this process read or wrote it. */
  #storedAddress: string | undefined;
  /** The memory that this process last read or wrote: where the file has another, another process has been there. */
  #memory: StoredMemory | undefined;
  /** Whether a failed read was reported: a failed write is not reported after that. */
  #isUnreadable: boolean;
  /** The last report about the state file, if that could not be written since: it is not reported again. */
  #warning: string | undefined;

  private constructor(before: State, options: GatewayStateOptions, isUnreadable: boolean) {
    const { key, mapper, previous } = options;
    this.key = key;
    this.before = before;
    this.#options = options;
    this.#isUnreadable = isUnreadable;
    const { entries, memory, externalAddress } = this.record;
    this.#storedAddress = externalAddress;
    this.ledger = previous?.ledger ?? new Ledger(entries);
    this.#stored = byName(previous === undefined ? entries : previous.#entriesAsFound());
    this.#memory = memory;
    if (memory !== undefined) mapper.recall(this.#recalled(memory), { holdsNothing: entries.length === 0 });
    mapper.adopt?.(entries.flatMap((entry) => this.#known(entry)));
    if (!options.isLossHandled) mapper.onStateLost(() => this.ledger.loseAll(this.now()));
  }

  #known({ lease, isLost }: LedgerEntry): KnownLease[] {
    if (lease === undefined) return [];
    const { protocol, internalPort, via, token, externalPort, lifetimeSeconds } = lease;
    const { ms, stored } = this.now();
    const left = isLost ? undefined : leftMs(lease, stored);
    const living = left === undefined || left <= 0
      ? {}
      : { externalPort, expiresAtMs: ms + left, lifetimeSeconds };
    return [{ protocol, internalPort, via, token, ...living }];
  }

  /** Reads what is known, and lets the client go on from it; nothing is known when nothing can be read. */
  static async open(options: GatewayStateOptions): Promise<GatewayState> {
    const { file, warn } = options;
    let isUnreadable = false;
    const before = await file?.read().catch((error) => {
      if (!(error instanceof StoreError)) throw error;
      isUnreadable = true;
      warn(error.message);
      return undefined;
    });
    return new GatewayState(before ?? EMPTY_STATE, options, isUnreadable);
  }

  /** The record of the gateway when the command began. */
  get record(): GatewayRecord {
    return recordOf(this.before, this.key);
  }

  /** The entry that was known for a mapping when the command began. */
  entryBefore(mapping: MappingKey): LedgerEntry | undefined {
    return this.record.entries.find((entry) => isSameMapping(entry, mapping));
  }

  /** Whether a mapping was held when the command began, as far as this host could know. */
  wasHeld(mapping: MappingKey): boolean {
    const entry = this.entryBefore(mapping);
    return entry !== undefined && !this.isLost && statusOf(entry, this.now().stored) === "held";
  }

  /** Whether the gateway was found to have forgotten its mappings since the last command, or has another address. */
  get isLost(): boolean {
    return this.ledger.generation > 0;
  }

  /** Whether anything is remembered. */
  get isRemembered(): boolean {
    return this.#options.file !== undefined;
  }

  /** The time, as ages of leases are measured. */
  now(): Now {
    const { clock, storedNow } = this.#options;
    return { ms: clock.now(), stored: storedNow() };
  }

  /**
   * Notes the external address that the gateway reports. With another one than before it may have none of the mappings,
   * whatever else it reports.
   *
   * @returns Whether it is another one.
   */
  noteAddress(externalAddress: string): boolean {
    const last = this.#address ?? this.record.externalAddress;
    this.#address = externalAddress;
    if (last === undefined || last === externalAddress) return false;
    this.ledger.loseAll(this.now());
    return true;
  }

  /** Notes an external address of which the ledger has taken account already. */
  recordAddress(externalAddress: string): void {
    this.#address = externalAddress;
  }

  /** Forgets mappings that were deleted at the gateway, also those that it granted to other processes meanwhile. */
  forget(matches: (entry: LedgerEntry) => boolean): void {
    this.#forgotten = [...this.#forgotten, { matches, at: this.now().stored }];
    for (const entry of [...this.ledger.entries]) if (matches(entry)) this.ledger.delete(entry);
  }

  /**
   * Writes what this process changed, and what its gateway forgot. It keeps what other processes wrote meanwhile.
   *
   * @param more Further changes of what is known.
   * @returns Whether it is written; where it is not, that was reported.
   */
  async save(more: (state: State) => State = (state) => state): Promise<boolean> {
    const { file, warn } = this.#options;
    if (file === undefined) return false;
    let written: ReadonlyMap<string, LedgerEntry> | undefined;
    let forgotten = this.#forgotten;
    try {
      await file.update((state) => {
        // The ledger may change again while the file is written.
        written = byName(this.ledger.entries);
        forgotten = this.#forgotten;
        const changed = this.#changedEntries();
        const configs = new Set(changed.flatMap(({ config }) => config ?? []));
        const here = [...configs].reduce((state, config) => withoutMoved(state, this.key, config), state);
        return more(withRecord(here, this.key, (record) => this.#changedRecord(record, changed)));
      });
      this.#stored = written!;
      this.#forgotten = this.#forgotten.filter((one) => !forgotten.includes(one));
      this.#storedAddress = this.#address ?? this.#storedAddress;
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

  /** As {@linkcode GatewayState.save}, but only where a later command would know something else by it. */
  async saveNews(more?: (state: State) => State): Promise<void> {
    const isAnotherAddress = this.#address !== undefined && this.#address !== this.#storedAddress;
    const isUnique = this.#options.mapper.memory?.isUnique ?? false;
    if (this.#changedEntries().length > 0 || isAnotherAddress || isUnique) await this.save(more);
  }

  #changedEntries(): LedgerEntry[] {
    const entries = [...this.ledger.entries].map((entry) => this.#withEarlierReport(entry));
    return entries.filter((entry) => {
      const stored = this.#stored.get(mappingName(entry));
      return entry !== stored && !(stored === undefined && entry.lease === undefined) &&
        changedFields(entry, stored).length > 0;
    });
  }

  /** The report of an earlier process about a lease counts until the lease is granted again. */
  #withEarlierReport(entry: LedgerEntry): LedgerEntry {
    if (!entry.isUnconfirmed || entry.lease === undefined) return entry;
    if (entry.lease !== this.entryBefore(entry)?.lease) return entry;
    return { ...entry, reported: this.#stored.get(mappingName(entry))?.reported };
  }

  #changedRecord(record: GatewayRecord, changed: readonly LedgerEntry[]): GatewayRecord {
    const { mapper } = this.#options;
    const isForgotten = this.#forgets(record);
    // Other processes may have remembered something since. Of their epochs nothing is taken, as this one has its own.
    if (record.memory !== undefined && !isSameMemory(record.memory, this.#memory)) {
      mapper.recall(this.#recalled(record.memory), { holdsNothing: true });
    }
    const memory = mapper.memory === undefined ? undefined : this.#storedMemory(mapper.memory);
    const entries = new Map(
      record.entries.map((entry) =>
        [mappingName(entry), isForgotten(entry) ? { ...entry, isLost: true } : entry] as const
      ),
    );
    for (const [name, entry] of entries) if (this.#isGone(entry)) entries.delete(name);
    for (const entry of changed) {
      const name = mappingName(entry);
      const merged = mergeEntry(entry, { before: this.#stored.get(name), inFile: entries.get(name) });
      if (merged === undefined) entries.delete(name);
      else entries.set(name, merged);
    }
    this.#memory = memory ?? record.memory;
    return {
      ...record,
      externalAddress: this.#address ?? record.externalAddress,
      memory: memory ?? record.memory,
      entries: [...entries.values()],
    };
  }

  /** Whether this process deleted what the file has. A lease that another one was granted after that stands. */
  #isGone(entry: LedgerEntry): boolean {
    if (this.ledger.get(entry) !== undefined) return false;
    const forgotten = this.#forgotten.filter(({ matches }) => matches(entry));
    if (forgotten.length === 0) return this.#stored.has(mappingName(entry));
    return forgotten.some(({ at }) => isGrantedBy(entry, at));
  }

  /** The entries whose leases this process was not granted itself. */
  #entriesAsFound(): LedgerEntry[] {
    return [...this.ledger.entries].filter((entry) => entry.lease === this.entryBefore(entry)?.lease);
  }

  /**
   * Which leases the gateway has forgotten: those that it granted before it was found to have lost its state. That is some
   * time after the loss. Where another process was there meanwhile and found it too, the leases since are that one's.
   */
  #forgets({ memory, externalAddress }: GatewayRecord): (entry: LedgerEntry) => boolean {
    const { mapper } = this.#options;
    const { lostAt } = this.ledger;
    if (lostAt === undefined) return () => false;
    const isOwn = memory === undefined || isSameMemory(memory, this.#memory);
    const hasMovedSince = this.#address !== undefined && externalAddress !== undefined &&
      this.#address !== externalAddress;
    if (!isOwn && !hasMovedSince && !mapper.hasForgottenSince(this.#recalled(memory))) return () => false;
    return (entry) => {
      const { lease } = entry;
      if (lease === undefined) return false;
      const known = this.ledger.get(entry);
      // A gateway that has another address now has granted it just before: that is known to the ledger alone.
      if (known?.lease !== undefined && isSameGrant(known.lease, lease)) return known.isLost === true;
      return isGrantedBy(entry, lostAt);
    };
  }

  #storedMemory({ data, atMs }: GatewayMemory): StoredMemory {
    const { ms, stored } = this.now();
    return { data, at: timeAfter(stored, atMs - ms) };
  }

  #recalled({ data, at }: StoredMemory): GatewayMemory {
    const { ms, stored } = this.now();
    return { data, atMs: ms - Math.max(0, elapsedMs(at, stored) ?? 0) };
  }
}

/** The fields of an entry that are written; the rest is this process's alone. */
const STORED_FIELDS = ["lease", "isLost", "reported", "hookPending", "config", "portFile"] as const;

function changedFields(entry: LedgerEntry, before: LedgerEntry | undefined) {
  return STORED_FIELDS.filter((field) =>
    field === "reported"
      ? !isSameReport(entry.reported, before?.reported)
      : (entry[field] || undefined) !== (before?.[field] || undefined)
  );
}

/** The same lease, though one of them was written and read: a time in the file has whole milliseconds. */
function isSameGrant({ granted: a }: HeldLease, { granted: b }: HeldLease): boolean {
  return Math.abs(a.wallMs - b.wallMs) < 1 && a.uptimeMs === b.uptimeMs;
}

/** Whether a lease was granted at a time or before it. */
function isGrantedBy({ lease }: LedgerEntry, at: StoredTime): boolean {
  return lease === undefined || (elapsedMs(at, lease.granted) ?? 0) <= 0;
}

function isSameReport(a: Reported | undefined, b: Reported | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.externalPort === b.externalPort &&
    a.externalAddress === b.externalAddress && Boolean(a.hasEnded) === Boolean(b.hasEnded));
}

/**
 * Takes from an entry what this process changed, and the rest from the file: another process may have changed that. A
 * loss that this process found is marked in the file's lease already.
 *
 * @returns The entry for the file; `undefined` when it is to have none.
 */
function mergeEntry(
  entry: LedgerEntry,
  { before, inFile }: { readonly before: LedgerEntry | undefined; readonly inFile: LedgerEntry | undefined },
): LedgerEntry | undefined {
  if (entry.lease === undefined) return undefined;
  const isOwnLease = entry.lease !== before?.lease;
  if (inFile === undefined) return isOwnLease ? entry : undefined;
  const changed = changedFields(entry, before).map((field) => [field, entry[field]]);
  const { lease, isLost } = isOwnLease && !isGrantedSince(inFile, { ...entry, before }) ? entry : inFile;
  return { ...inFile, ...Object.fromEntries(changed), lease, isLost };
}

/** Whether another process was granted what the file has since this one was; a wall clock alone does not show it. */
function isGrantedSince(
  inFile: LedgerEntry,
  { lease: own, before }: {
    readonly lease?: HeldLease | undefined;
    readonly before: LedgerEntry | undefined;
  },
): boolean {
  const { lease } = inFile;
  if (lease === undefined || own === undefined) return false;
  if (before?.lease !== undefined && isSameGrant(before.lease, lease)) return false;
  const { granted } = own;
  return granted.boot !== undefined && granted.boot === lease.granted.boot &&
    (elapsedMs(granted, lease.granted) ?? 0) > 0;
}

function byName(entries: Iterable<LedgerEntry>): ReadonlyMap<string, LedgerEntry> {
  return new Map([...entries].map((entry) => [mappingName(entry), entry]));
}

/** Whether two memories of a gateway are the same; a time in the file has whole milliseconds. */
function isSameMemory(a: StoredMemory, b: StoredMemory | undefined): boolean {
  return b !== undefined && Math.abs(a.at.wallMs - b.at.wallMs) < 1 &&
    JSON.stringify(a.data) === JSON.stringify(b.data);
}
