import type { Clock } from "../../clock.ts";
import { BusyError, StoreError } from "../../errors.ts";
import type { FileLock } from "../../files/file_lock.ts";
import type { KeeperEvent } from "../../lease/keeper_event.ts";
import { livingKeeper } from "../../lease/living_keeper.ts";
import {
  type KeeperClaim,
  linkOf,
  namesakesOf,
  type State,
  type StoredLink,
  withClaim,
} from "../../lease/state.ts";
import type { LeaseStore } from "../../lease/store.ts";
import type { Lease, MappingKey, PortMapper, RemembersGateway } from "../../port_mapper.ts";
import { mappingName } from "../../lease/mapping_name.ts";
import { LeaseBook } from "../state/lease_book.ts";
import { placeOf, type StateHome } from "../state_home.ts";

/** What a `watch` holds at the moment. */
export interface Holdings {
  readonly leases: readonly Lease[];
  /** Those among them that the gateway may have lost. */
  readonly doubtful?: ReadonlySet<Lease>;
  readonly externalAddress: string | undefined;
}

/** A gateway, and its client. */
export interface MemoryLink extends Omit<StoredLink, "host" | "namespace"> {
  readonly client: PortMapper & RemembersGateway;
}

/** Options of {@linkcode WatchMemory}. */
export interface WatchMemoryOptions {
  readonly store: LeaseStore;
  readonly home: Pick<StateHome, "files" | "host" | "networkNamespace">;
  readonly clock: Clock;
  /** What is kept; empty where only the address is observed. */
  readonly mappings: readonly MappingKey[];
  /** The configuration file that asks for it. */
  readonly config?: string | undefined;
  /** Who this is, for those who find a mapping kept. */
  readonly holder: string;
  /** What is held at the moment. */
  readonly holdings: () => Holdings;
  /** Told what cannot be remembered, once for each cause. */
  readonly warn: (text: string) => void;
}

/** The state is written no more often than this: many leases may be renewed at short intervals. */
const PAUSE_MS = 5000;

/** What `watch` leaves for other processes: its leases, and that it keeps them. */
export class WatchMemory {
  readonly #options: WatchMemoryOptions;
  readonly #lockPath: string;
  readonly #closing = new AbortController();
  #lock: FileLock | undefined;
  #link: MemoryLink | undefined;
  #book: LeaseBook | undefined;
  #isStale = false;
  /** The leases that are being written, or were. */
  #written: ReadonlySet<Lease> = new Set();
  #saving: Promise<void> | undefined;
  #warning: string | undefined;

  /**
   * @param options The store, and what is kept.
   */
  constructor(options: WatchMemoryOptions) {
    this.#options = options;
    this.#lockPath = `${options.store.path}.keeper-${crypto.randomUUID()}.lock`;
  }

  /**
   * Follows the watch to a gateway: says to other processes what is kept there, and goes on from what they left.
   *
   * @param link The gateway, and its client.
   * @throws {BusyError} If another process keeps one of the mappings there.
   */
  async follow(link: MemoryLink): Promise<void> {
    const last = this.#link;
    if (link.client === last?.client && link.localAddress === last.localAddress) return;
    this.#link = link;
    const { store, home, clock } = this.#options;
    const { client, ...named } = link;
    const warn = (text: string) => this.#warn(text);
    const stored = { ...placeOf(home), ...named };
    this.#book = await LeaseBook.open({ store, link: stored, mapper: client, clock, warn });
    await this.#claim(stored);
  }

  /** What an earlier process held for a mapping, as far as it still lives. */
  known(mapping: MappingKey): { readonly externalPort: number } | undefined {
    return this.#book?.isAlive(mapping) ? this.#book.leaseOf(mapping) : undefined;
  }

  /** Takes note of what happened, and remembers it soon. */
  note(event: KeeperEvent): void {
    switch (event.type) {
      case "mapped":
      case "renewed":
      case "changed":
        this.#book?.noteGrant(event.lease);
        // What a round of many leases brings is told one by one, and written whole with the first.
        if (this.#written.has(event.lease)) return;
        break;
      case "unmapped":
        this.#book?.noteDeletion(event.mapping);
        break;
      case "address":
        this.#noteAddress(event.externalAddress);
        break;
      case "state-lost":
        break;
      default:
        return;
    }
    this.#isStale = true;
    this.#saving ??= this.#saveAll().finally(() => this.#saving = undefined);
  }

  /** Remembers what is left, and keeps nothing any more. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#saving;
    await this.#save((state) => withClaim(state, this.#book!.link, { lock: this.#lockPath, mappings: [] }));
    this.#lock?.release();
    if (this.#lock !== undefined) await this.#removeLock(this.#lockPath);
  }

  #noteAddress(externalAddress: string): void {
    const { leases, doubtful } = this.#options.holdings();
    this.#book?.noteAddress(externalAddress);
    for (const lease of leases) if (!doubtful?.has(lease)) this.#book?.noteGrant(lease);
  }

  async #claim(link: StoredLink): Promise<void> {
    const { store, home: { files }, mappings, holder } = this.#options;
    if (mappings.length === 0) return;
    try {
      await store.update(async (state) => {
        const others = linkOf(state, link).keepers.filter(({ lock }) => lock !== this.#lockPath);
        const keeper = await livingKeeper(files, others, mappings);
        if (keeper !== undefined) {
          const who = keeper.holder === undefined ? "" : ` (${keeper.holder})`;
          throw new BusyError(
            `${
              mappingName(keeper.mapping)
            } is kept by another process${who} already. Leave it to that one, or stop it first`,
            keeper.holder,
          );
        }
        // Where no lock can be made, others cannot tell whether this process lives, and there is nothing to claim.
        this.#lock ??= await files.tryLock(this.#lockPath, holder).catch(() => undefined);
        if (this.#lock === undefined) return state;
        const claimed = withClaim(state, link, this.#ownClaim());
        const left = linkOf(claimed, link).keepers;
        for (const { lock } of others.filter(({ lock }) => !left.some((keeper) => keeper.lock === lock))) {
          // It was killed and has nothing any more: nobody else would tidy up after it.
          await this.#removeLock(lock);
        }
        return await this.#withoutDead(claimed, link);
      });
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#warn(error.message);
    }
  }

  /** A namespace that is gone leaves nobody who would tidy up after a keeper that was killed there. */
  async #withoutDead(state: State, link: StoredLink): Promise<State> {
    const { files } = this.#options.home;
    let left = state;
    for (const namesake of namesakesOf(state, link)) {
      for (const { lock } of namesake.keepers) {
        if (await files.isLocked(lock)) continue;
        left = withClaim(left, namesake, { lock, mappings: [] });
        await this.#removeLock(lock);
      }
    }
    return left;
  }

  async #removeLock(path: string): Promise<void> {
    await this.#options.home.files.remove(path).catch(() => {});
  }

  #ownClaim(): KeeperClaim {
    return { lock: this.#lockPath, mappings: this.#options.mappings };
  }

  async #saveAll(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    while (this.#isStale && !signal.aborted) {
      await this.#save((state) =>
        this.#lock === undefined ? state : withClaim(state, this.#book!.link, this.#ownClaim())
      );
      await clock.sleep(PAUSE_MS, { signal }).catch(() => {});
    }
  }

  async #save(more: (state: State) => State): Promise<void> {
    this.#isStale = false;
    const { config, holdings } = this.#options;
    const held = holdings();
    this.#written = new Set(held.leases);
    const isWritten = await this.#book?.save({ ...held, config }, more);
    if (!isWritten) this.#written = new Set();
  }

  #warn(text: string): void {
    if (text === this.#warning) return;
    this.#warning = text;
    this.#options.warn(text);
  }
}
