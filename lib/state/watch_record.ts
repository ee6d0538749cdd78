/**
 * The record that a `watch` leaves for other processes: its mappings, and that it keeps them.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { BusyError, StoreError } from "../errors.ts";
import type { FileLock } from "../files/file_lock.ts";
import type { Ledger } from "../lease/ledger.ts";
import type { KeeperEvent } from "../lease/news.ts";
import { type MappingKey, mappingName, type PortMapper } from "../port_mapper.ts";
import { GatewayState } from "./gateway_state.ts";
import { type GatewayKey, namesakesOf, recordOf, type State, type WatchClaim, withClaim } from "./records.ts";
import { findRunningWatch } from "./running_watch.ts";
import type { StateFile } from "./state_file.ts";
import { placeOf, type StatePaths } from "./state_paths.ts";

/** A gateway, and its client. */
export interface WatchedGateway extends Pick<GatewayKey, "gateway" | "port" | "localAddress"> {
  readonly mapper: PortMapper;
}

/** Options of {@linkcode WatchRecord}. */
export interface WatchRecordOptions {
  readonly file: StateFile;
  readonly paths: Pick<StatePaths, "files" | "host" | "networkNamespace" | "now">;
  readonly clock: Clock;
  /** The kept mappings; empty where only the address is observed. */
  readonly mappings: readonly MappingKey[];
  /** The configuration file that asks for it. */
  readonly config?: string | undefined;
  /** Which process this is, for those who find a mapping kept. */
  readonly holder: string;
  /** The external address, once it is known. */
  readonly externalAddress: () => string | undefined;
  /** Called with what cannot be remembered, once for each cause. */
  readonly warn: (text: string) => void;
}

/** The state is written no more often than this: many leases may be renewed at short intervals. */
const PAUSE_MS = 5000;

/** Writes what a `watch` holds. */
export class WatchRecord {
  readonly #options: WatchRecordOptions;
  readonly #lockPath: string;
  readonly #closing = new AbortController();
  #lock: FileLock | undefined;
  #gateway: WatchedGateway | undefined;
  #state: GatewayState | undefined;
  /** Following and writing take turns, so that no write claims a gateway before it is known to be free. */
  #last: Promise<unknown> = Promise.resolve();
  #isStale = false;
  #saving: Promise<void> | undefined;
  #warning: string | undefined;

  /** Claims nothing yet. */
  constructor(options: WatchRecordOptions) {
    this.#options = options;
    this.#lockPath = `${options.file.path}.keeper-${crypto.randomUUID()}.lock`;
  }

  /**
   * Follows the watch to a gateway: lets other processes know what is kept there, and goes on from what they left.
   *
   * @returns The ledger of that gateway, with what earlier processes left; the watch records in it.
   * @throws {BusyError} If another process keeps one of the mappings there.
   */
  follow(gateway: WatchedGateway): Promise<Ledger> {
    // A write may wait for the file, and what is held is to be renewed meanwhile.
    if (this.#isAt(gateway)) return Promise.resolve(this.#state!.ledger);
    return this.#inTurn(async () => {
      const last = this.#gateway;
      if (!this.#isAt(gateway)) {
        const { file, paths, clock } = this.#options;
        const { mapper, ...place } = gateway;
        const state = await GatewayState.open({
          file,
          key: { ...placeOf(paths), ...place },
          mapper,
          clock,
          storedNow: () => paths.now(),
          warn: (text) => this.#warn(text),
          isLossHandled: true,
          // The keeper goes on with its ledger where only the local address became known.
          previous: gateway.mapper === last?.mapper ? this.#state : undefined,
        });
        await this.#claim(state.key);
        const isMove = this.#state !== undefined;
        this.#gateway = gateway;
        this.#state = state;
        if (isMove) this.#saveSoon();
      }
      return this.#state!.ledger;
    });
  }

  #isAt({ mapper, localAddress }: WatchedGateway): boolean {
    return mapper === this.#gateway?.mapper && localAddress === this.#gateway.localAddress;
  }

  /** Takes note of what happened, and writes it soon. */
  note({ type }: KeeperEvent): void {
    switch (type) {
      case "mapped":
      case "renewed":
      case "changed":
      case "expired":
      case "unmapped":
      case "address":
      case "state-lost":
      case "gateway-silent":
      case "error":
        this.#saveSoon();
    }
  }

  #saveSoon(): void {
    this.#isStale = true;
    this.#saving ??= this.#saveAll().finally(() => this.#saving = undefined);
  }

  /** Writes what is left, and keeps nothing any more. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#saving;
    await this.#inTurn(() =>
      this.#prepared()?.save((state) =>
        withClaim(state, this.#state!.key, { lock: this.#lockPath, mappings: [] })
      )
    );
    this.#lock?.release();
    if (this.#lock !== undefined) await this.#removeLock(this.#lockPath);
  }

  async #claim(key: GatewayKey): Promise<void> {
    const { file, paths: { files }, mappings, holder } = this.#options;
    if (mappings.length === 0 || this.#closing.signal.aborted) return;
    try {
      await file.update(async (state) => {
        const others = recordOf(state, key).watches.filter(({ lock }) => lock !== this.#lockPath);
        const running = await findRunningWatch(files, others, mappings);
        if (running !== undefined) {
          const who = running.holder === undefined ? "" : ` (${running.holder})`;
          throw new BusyError(
            `Another process${who} already keeps ${mappingName(running.mapping)}. Stop that process first, ` +
              "or leave the mapping to it",
            running.holder,
          );
        }
        // Where no lock can be made, others cannot know whether this process runs, and there is nothing to claim.
        this.#lock ??= await files.tryLock(this.#lockPath, holder).catch(() => undefined);
        if (this.#lock === undefined) return state;
        const claimed = withClaim(state, key, this.#ownClaim());
        const left = recordOf(claimed, key).watches;
        for (const { lock } of others.filter(({ lock }) => !left.some((watch) => watch.lock === lock))) {
          // It was killed and has nothing any more: nobody else would tidy up after it.
          await this.#removeLock(lock);
        }
        return await this.#withoutDead(claimed, key);
      });
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#warn(error.message);
    }
  }

  /** A namespace that is gone leaves nobody who would tidy up after a watch that was killed there. */
  async #withoutDead(state: State, key: GatewayKey): Promise<State> {
    const { files } = this.#options.paths;
    let left = state;
    for (const namesake of namesakesOf(state, key)) {
      for (const { lock } of namesake.watches) {
        if (await files.isLocked(lock)) continue;
        left = withClaim(left, namesake, { lock, mappings: [] });
        await this.#removeLock(lock);
      }
    }
    return left;
  }

  async #removeLock(path: string): Promise<void> {
    await this.#options.paths.files.remove(path).catch(() => {});
  }

  #ownClaim(): WatchClaim {
    return { lock: this.#lockPath, mappings: this.#options.mappings };
  }

  async #saveAll(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    while (this.#isStale && !signal.aborted) {
      await this.#inTurn(() =>
        this.#prepared()?.saveNews((state) =>
          this.#lock === undefined ? state : withClaim(state, this.#state!.key, this.#ownClaim())
        )
      );
      await clock.sleep(PAUSE_MS, { signal }).catch(() => {});
    }
  }

  /** The state to write now, if anything is known. */
  #prepared(): GatewayState | undefined {
    this.#isStale = false;
    const { config, externalAddress, mappings } = this.#options;
    const state = this.#state;
    if (state === undefined) return undefined;
    const address = externalAddress();
    if (address !== undefined) state.recordAddress(address);
    for (const mapping of mappings) {
      const entry = state.ledger.get(mapping);
      if (config === undefined || entry?.lease === undefined || entry.isUnconfirmed) continue;
      if (entry.config !== config) state.ledger.set({ ...entry, config });
    }
    return state;
  }

  /** Does this after what was to be done before. */
  #inTurn<T>(work: () => T | Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  #warn(text: string): void {
    if (text === this.#warning) return;
    this.#warning = text;
    this.#options.warn(text);
  }
}
