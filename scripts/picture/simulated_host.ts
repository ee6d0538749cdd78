/**
 * A host in memory with the simulated router in front of it, on a clock that passes only when it is told to: the
 * program runs on it as on a machine, and prints the same each time.
 *
 * @module
 */

import { run } from "../../lib/cli/run.ts";
import type { Sink, TerminalSize, World } from "../../lib/cli/world.ts";
import type { Files } from "../../lib/files/files.ts";
import { ManualClock, MemoryNetwork, SimulatedGateway } from "../../lib/simulator/mod.ts";
import type { FileSystem, Network, Process } from "../../lib/system/system.ts";

/** The size of the terminal. */
export const TERMINAL_SIZE: TerminalSize = { columns: 80, rows: 12 };

const ROUTER = "10.0.0.1";
const HOST = "10.0.0.2";
const INTERFACE = "eth0";
const STATE_DIRECTORY = "/home/user/.local/state/natpmp";
/** The steps until a command ends: some thousands, or more while code is loaded. Each takes some 15 µs. */
const MAX_STEPS = 4_000_000;

/** Options of {@linkcode SimulatedHost}. */
export interface SimulatedHostOptions {
  /** Takes what the program writes on the terminal. */
  readonly write: (text: string) => void;
  /** Whether the router speaks NAT-PMP, which is all that it can. */
  readonly actsAsNat?: boolean;
}

/** A host whose user sits at a terminal. */
export class SimulatedHost implements World {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly allowsColor = true;
  readonly clock = new ManualClock({ wallStart: new Date("2026-01-01T09:00:00Z") });
  readonly router: SimulatedGateway;
  readonly #network: MemoryNetwork;
  readonly #files = memoryFiles();
  readonly #stopping = new AbortController();

  /**
   * Makes the host and its router, which has been up for a day.
   *
   * @param options The terminal and the router.
   */
  constructor({ write, actsAsNat = true }: SimulatedHostOptions) {
    this.stdout = this.stderr = { isTerminal: true, size: () => TERMINAL_SIZE, write };
    const { clock } = this;
    const conditions = { latencyMs: 1.4, reportsPortUnreachable: true };
    this.#network = new MemoryNetwork({ clock, random, conditions });
    this.router = new SimulatedGateway({
      externalAddress: "203.0.113.7",
      random,
      startMs: clock.now(),
      startEpochSeconds: 86_400,
      announcesStart: false,
      actsAsNat,
    });
    this.#network.attach(this.router, ROUTER);
  }

  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /**
   * Runs a command line to its end.
   *
   * @param args The words behind `natpmp`.
   * @returns The exit code.
   */
  async run(args: readonly string[]): Promise<number> {
    return await this.#end(run(args, this));
  }

  /**
   * Starts a command line and lets it run until it is asked to stop.
   *
   * @param args The words behind `natpmp`.
   * @param meanwhile Resolves when it is time to stop.
   * @returns What `meanwhile` resolves to.
   */
  async runDuring<T>(args: readonly string[], meanwhile: () => Promise<T>): Promise<T> {
    const ending = run(args, this);
    const result = await meanwhile();
    this.#stopping.abort();
    await this.#end(ending);
    return result;
  }

  /** Lets time pass until a command has ended; code that it loads comes in the machine's time, not in this clock's. */
  async #end(ending: Promise<number>): Promise<number> {
    let hasEnded = false;
    ending.finally(() => hasEnded = true);
    for (let step = 0; step < MAX_STEPS && !hasEnded; step++) await this.clock.advance(1);
    if (!hasEnded) throw new Error("A command of the picture does not end");
    return await ending;
  }

  network(): Promise<Network> {
    const { open } = this.#network.host(HOST);
    return Promise.resolve({
      clock: this.clock,
      random,
      openSocket: open,
      connectSocket: () => Promise.resolve(undefined),
      connectStream: absent,
      openAnnouncer: absent,
      openSearchSocket: absent,
      listenStream: absent,
      openAnnouncementSocket: (_address, port) => Promise.resolve(open({ hostname: "224.0.0.1", port })),
      findGateway: () =>
        Promise.resolve({
          gateway: ROUTER,
          localAddress: HOST,
          interfaceName: INTERFACE,
          reason: `default route through ${INTERFACE}`,
          guessed: false,
          overrulesTable: false,
          isSecondChoice: false,
          candidates: [],
        }),
      localAddressOf: () => Promise.resolve({ localAddress: HOST, interfaceName: INTERFACE }),
      surveyGateways: absent,
      tryBind: absent,
      interfaceNames: absent,
      addresses: absent,
    });
  }

  files(): Promise<FileSystem> {
    const { clock } = this;
    return Promise.resolve({
      state: {
        files: this.#files,
        directory: STATE_DIRECTORY,
        host: "host",
        processId: 1000,
        now: () => ({ wallMs: clock.wallNow().getTime(), uptimeMs: clock.now(), boot: "only" }),
        doubtAbout: () => undefined,
      },
      absolutePath: (path) => Promise.resolve(path),
      read: absent,
      replace: absent,
      clear: absent,
      list: absent,
    });
  }

  process(): Promise<Process> {
    return Promise.resolve({
      environment: { TERM: "xterm" },
      id: 1000,
      executable: ["natpmp"],
      stdoutClosed: new AbortController().signal,
      isJournaled: false,
      stopOnHangUp() {},
      reapOrphans() {},
      onRenewRequest() {},
      startShell: absent,
      openNotifySocket: absent,
      containerSigns: absent,
    });
  }
}

function random(): number {
  return 0.5;
}

function absent(): never {
  throw new Error("The host of the picture does not have this");
}

/** Files that one process at a time uses. */
function memoryFiles(): Files {
  const texts = new Map<string, string>();
  return {
    readText: (path) => Promise.resolve(texts.get(path)),
    replace: (path, text) => Promise.resolve(void texts.set(path, text)),
    rename: absent,
    makeDirectory: () => Promise.resolve(),
    tryLock: () => Promise.resolve({ release() {} }),
    isLocked: () => Promise.resolve(false),
    lockedAtMs: () => Promise.resolve(undefined),
    holderOf: () => Promise.resolve(undefined),
    remove: (path) => Promise.resolve(void texts.delete(path)),
  };
}
