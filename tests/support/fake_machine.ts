/**
 * A machine in memory: its files, its hooks and its service manager are what a test says.
 *
 * @module
 */

import type {
  ContainerSigns,
  FileContent,
  FileSystem,
  NotifySocket,
  Process,
  ProcessEnd,
  ShellOptions,
  ShellProcess,
} from "../../lib/system/system.ts";

/** A hook that was started. */
export interface StartedHook {
  readonly command: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Whether nobody sees what it prints. */
  readonly isSilent: boolean;
  /** Prints a line; absent where what it prints goes to stderr or nowhere. */
  readonly print?: ((line: string) => void) | undefined;
  /** Ends it. */
  readonly end: (end: ProcessEnd) => void;
  /** Whether it was killed. */
  isKilled: boolean;
}

/** Everything that `natpmp watch` needs of a machine, in memory. */
export class FakeMachine implements Process, Omit<FileSystem, "state" | "list"> {
  environment: Readonly<Record<string, string>> = {};
  readonly id = 4711;
  executable: readonly string[] = ["/usr/local/bin/natpmp"];
  readonly #stdoutClosed = new AbortController();
  isJournaled = false;
  stopsOnHangUp = false;
  readonly files = new Map<string, string>();
  /** Files that are there to be read and are no text, or cannot be read. */
  readonly contents = new Map<string, Uint8Array | Error>();
  /** Why a file is not to be trusted, where it is not. */
  readonly doubts = new Map<string, string>();
  /** Every write and removal, in order: the text, or `undefined` for a removal. */
  readonly fileHistory: (string | undefined)[] = [];
  /** What writing a file fails with. */
  fileFailure: string | undefined;
  readonly hooks: StartedHook[] = [];
  /** What a hook ends with at once; nothing for one that runs until it is ended. */
  hookEnd: ((hook: StartedHook, number: number) => ProcessEnd | undefined) | undefined = () => ({ code: 0 });
  /** Called when a hook starts. */
  onHook: (hook: StartedHook) => void = () => {};
  readonly notifications: string[] = [];
  #requestRenewal: () => void = () => {};

  get stdoutClosed(): AbortSignal {
    return this.#stdoutClosed.signal;
  }

  /** Nobody reads stdout any more. */
  closeStdout(): void {
    this.#stdoutClosed.abort();
  }

  /** The events that hooks were started for. */
  get hookEvents(): (string | undefined)[] {
    return this.hooks.map(({ environment }) => environment.NATPMP_EVENT);
  }

  absolutePath(path: string): Promise<string> {
    return Promise.resolve(path.startsWith("/") ? path : `/work/${path}`);
  }

  stopOnHangUp(): void {
    this.stopsOnHangUp = true;
  }

  reapOrphans(): void {}

  onRenewRequest(listener: () => void): void {
    this.#requestRenewal = listener;
  }

  /** Sends SIGUSR2. */
  requestRenewal(): void {
    this.#requestRenewal();
  }

  startShell(
    command: string,
    environment: Readonly<Record<string, string>>,
    { isSilent = false, onOutput: print }: ShellOptions = {},
  ): ShellProcess {
    const { promise: ended, resolve: end } = Promise.withResolvers<ProcessEnd>();
    const hook = { command, environment, isSilent, print, end, isKilled: false };
    const number = this.hooks.push(hook);
    this.onHook(hook);
    const instant = this.hookEnd?.(hook, number);
    if (instant !== undefined) end(instant);
    return {
      ended,
      kill() {
        hook.isKilled = true;
        end({ code: 137, signal: "SIGKILL" });
        return Promise.resolve();
      },
    };
  }

  read(path: string, maxBytes: number): Promise<FileContent> {
    const text = this.files.get(path);
    const content = this.contents.get(path) ??
      (text === undefined
        ? new Deno.errors.NotFound(`No such file or directory (os error 2): stat '${path}'`)
        : new TextEncoder().encode(text));
    if (content instanceof Error) return Promise.reject(content);
    return Promise.resolve({
      bytes: content.subarray(0, maxBytes),
      doubt: () => this.doubts.get(path),
    });
  }

  replace(path: string, text: string): Promise<void> {
    if (this.fileFailure !== undefined) return Promise.reject(new Error(this.fileFailure));
    this.files.set(path, text);
    this.fileHistory.push(text);
    return Promise.resolve();
  }

  clear(path: string): Promise<void> {
    if (this.fileFailure !== undefined) return Promise.reject(new Error(this.fileFailure));
    this.files.delete(path);
    this.fileHistory.push(undefined);
    return Promise.resolve();
  }

  containerSigns(): Promise<ContainerSigns> {
    return Promise.resolve({ marks: [], controlGroups: "0::/init.scope" });
  }

  openNotifySocket(): NotifySocket {
    return {
      send: (text) => {
        this.notifications.push(text);
        return Promise.resolve();
      },
      close: () => {},
    };
  }
}
