/**
 * A state home in memory.
 *
 * @module
 */

import type { StateHome } from "../../lib/cli/state_home.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Moment } from "../../lib/lease/moment.ts";
import type { NetworkNamespace } from "../../lib/lease/network_namespace.ts";
import type { State } from "../../lib/lease/state.ts";
import { parseState } from "../../lib/lease/state_format.ts";
import { MemoryFiles } from "./memory_files.ts";

/** Where the processes of a test leave each other word. */
export class FakeStateHome implements StateHome {
  readonly files = new MemoryFiles();
  directory: StateHome["directory"] = "/state/natpmp";
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

  /** The lock that a keeper has, one for each number. */
  keeperLock(number: number): string {
    return `${this.path}.keeper-00000000-0000-4000-8000-00000000000${number}.lock`;
  }

  /** What is remembered. */
  get state(): State {
    return parseState(this.files.texts.get(this.path) ?? '{"version":1,"links":[],"runs":[]}');
  }

  /** Sets the calendar, as a person or a time server does. */
  setCalendar(byMs: number): void {
    this.#setByMs += byMs;
  }

  now(): Moment {
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

  absolutePath(path: string): Promise<string> {
    return Promise.resolve(path.startsWith("/") ? path : `/work/${path}`);
  }
}
