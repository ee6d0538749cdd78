/**
 * Process 1 of a container inherits every process whose parent has ended, and has to wait for each, or it stays in the
 * process table for ever (a zombie). Deno waits for its own children only, so libc does it for the others.
 *
 * @module
 */

import { socketAbi } from "../net/socket_abi.ts";
import { isOwnChild } from "./shell_process.ts";

/** Options of {@linkcode OrphanReaper}. */
export interface OrphanReaperOptions {
  readonly processId: number;
  /** Whether Deno waits for a process. */
  readonly isOwn: (pid: number) => boolean;
  /** The processes that there are. */
  readonly list: () => Promise<readonly number[]>;
  /** `/proc/PID/stat`; `undefined` once the process is gone. */
  readonly stat: (pid: number) => Promise<string | undefined>;
  /** Waits for a process that has ended. */
  readonly wait: (pid: number) => void;
}

/** Waits for the orphans that have ended, one look at a time. */
export class OrphanReaper {
  readonly #options: OrphanReaperOptions;
  #looking: Promise<void> | undefined;
  #hasNews = false;

  constructor(options: OrphanReaperOptions) {
    this.#options = options;
  }

  /** Some child has ended: looks for orphans, once more when more is heard meanwhile. */
  reap(): Promise<void> {
    this.#hasNews = true;
    return this.#looking ??= this.#lookWhileNews().finally(() => this.#looking = undefined);
  }

  async #lookWhileNews(): Promise<void> {
    while (this.#hasNews) {
      this.#hasNews = false;
      // Nothing else depends on it, and the next child that ends brings the next look.
      await this.#look().catch(() => {});
    }
  }

  async #look(): Promise<void> {
    const { processId, isOwn, list, stat, wait } = this.#options;
    for (const pid of await list()) {
      if (zombieParent(await stat(pid) ?? "") !== processId) continue;
      // It keeps its number until somebody waits for it, so this is still the same process.
      if (!isOwn(pid)) wait(pid);
    }
  }
}

/**
 * The number of a zombie's parent; `undefined` for a process that is not a zombie. The second field of `/proc/PID/stat`
 * is a name in parentheses that may hold anything (proc_pid_stat(5)).
 */
export function zombieParent(stat: string): number | undefined {
  const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return state === "Z" && parent !== undefined ? Number(parent) : undefined;
}

/** Returns at once where the process has not ended (waitpid(2)). */
const WNOHANG = 1;

const SYMBOLS = {
  waitpid: { parameters: ["i32", "pointer", "i32"], result: "i32" },
} as const;

/** Opened with the first orphan. */
let libc: Deno.DynamicLibrary<typeof SYMBOLS> | undefined;

function waitFor(pid: number): void {
  const abi = socketAbi(Deno.build.os, Deno.build.arch);
  // Asked first, since dlopen() without the permission would prompt on a terminal.
  if (abi === undefined || Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return;
  libc ??= Deno.dlopen(abi.library, SYMBOLS);
  libc.symbols.waitpid(pid, null, WNOHANG);
}

async function listProcesses(): Promise<number[]> {
  const pids: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) if (/^[0-9]+$/.test(name)) pids.push(Number(name));
  return pids;
}

/**
 * The reaper of this process.
 *
 * @returns The reaper.
 */
export function systemOrphanReaper(): OrphanReaper {
  return new OrphanReaper({
    processId: Deno.pid,
    isOwn: isOwnChild,
    list: listProcesses,
    stat: (pid) => Deno.readTextFile(`/proc/${pid}/stat`).catch(() => undefined),
    wait: waitFor,
  });
}
