/**
 * The state's paths in memory.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { StoredTime } from "../../lib/lease/stored_time.ts";
import { parseState } from "../../lib/state/format.ts";
import type { NetworkNamespace } from "../../lib/state/network_namespace.ts";
import type { State } from "../../lib/state/records.ts";
import type { StatePaths } from "../../lib/state/state_paths.ts";
import { MemoryFiles } from "./memory_files.ts";
import { plain } from "./state_samples.ts";

/** What is known when nothing is, as the file has it. */
const EMPTY_TEXT = '{"version":2,"gateways":[],"runs":[]}';

/** Where the processes of a test leave each other word. */
export class FakeStatePaths implements StatePaths {
  readonly files = new MemoryFiles();
  directory: StatePaths["directory"] = "/state/natpmp";
  host = "box";
  processId = 4711;
  /** Which run of the machine it is; `undefined` where the system does not tell. */
  boot: string | undefined = "first";
  /** The inode of the network namespace; `undefined` where the system has none. */
  namespaceInode: number | undefined;
  /** How long the machine had run when the clock said 0. */
  bootedBeforeMs = 1_000_000;
  readonly #clock: Pick<Clock, "now" | "wallNow">;
  #setByMs = 0;

  constructor(clock: Pick<Clock, "now" | "wallNow">) {
    this.#clock = clock;
  }

  /** Where the state is unless an option says otherwise. */
  get path(): string {
    return `${this.directory}/leases.json`;
  }

  get networkNamespace(): NetworkNamespace | undefined {
    if (this.namespaceInode === undefined) return undefined;
    return { inode: this.namespaceInode, ...(this.boot === undefined ? {} : { boot: this.boot }) };
  }

  /** The lock that a watch has, one for each number. */
  watchLock(number: number): string {
    return `${this.path}.keeper-00000000-0000-4000-8000-00000000000${number}.lock`;
  }

  /** What is remembered, without fields that are `undefined`. */
  get state(): State {
    return plain(parseState(this.files.texts.get(this.path) ?? EMPTY_TEXT));
  }

  /** Sets the wall clock, as a person or a time server does. */
  setWallClock(byMs: number): void {
    this.#setByMs += byMs;
  }

  now(): StoredTime {
    return {
      wallMs: this.#clock.wallNow().getTime() + this.#setByMs,
      uptimeMs: this.bootedBeforeMs + this.#clock.now(),
      ...(this.boot === undefined ? {} : { boot: this.boot }),
    };
  }

  /** Why a state file is not to be used, where it is not. */
  readonly doubts = new Map<string, string>();

  doubtAbout(path: string): string | undefined {
    return this.doubts.get(path);
  }
}
