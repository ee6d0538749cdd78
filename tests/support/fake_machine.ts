/**
 * A machine in memory: its files, its hooks and its service manager are what a test says.
 *
 * @module
 */

import type {
  FileContent,
  Machine,
  NotifySocket,
  ProcessEnd,
  ShellOptions,
  ShellProcess,
  TerminalSize,
} from "../../lib/cli/machine.ts";

/** A hook that was started. */
export interface StartedHook {
  readonly command: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Whether nobody sees what it prints. */
  readonly isSilent: boolean;
  /** Ends it. */
  readonly end: (end: ProcessEnd) => void;
  /** Whether it was killed. */
  isKilled: boolean;
}

/** Everything that `natpmp watch` needs of a machine, in memory. */
export class FakeMachine implements Machine {
  environment: Readonly<Record<string, string>> = {};
  readonly processId = 4711;
  /** The user that the process belongs to; nothing on a system whose users have no numbers. */
  user: number | undefined = 1000;
  executable: readonly string[] = ["/usr/local/bin/natpmp"];
  readonly #stdoutClosed = new AbortController();
  isJournaled = false;
  stopsOnHangUp = false;
  readonly files = new Map<string, string>();
  /** Files that are there to be read, and whose they are; text in `files` is this user's own, with mode 0644. */
  readonly contents = new Map<string, FileContent | Error>();
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
  size: TerminalSize = { columns: 80, rows: 24 };
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

  absolutePath(path: string): string {
    return path.startsWith("/") ? path : `/work/${path}`;
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

  terminalSize(): TerminalSize {
    return this.size;
  }

  startShell(
    command: string,
    environment: Readonly<Record<string, string>>,
    { isSilent = false }: ShellOptions = {},
  ): ShellProcess {
    const { promise: ended, resolve: end } = Promise.withResolvers<ProcessEnd>();
    const hook = { command, environment, isSilent, end, isKilled: false };
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

  userId(): number | undefined {
    return this.user;
  }

  readFile(path: string, maxBytes: number): Promise<FileContent> {
    const text = this.files.get(path);
    const content = this.contents.get(path) ??
      (text === undefined
        ? new Deno.errors.NotFound(`No such file or directory (os error 2): stat '${path}'`)
        : {
          bytes: new TextEncoder().encode(text),
          ...(this.user === undefined ? {} : { ownerId: this.user, mode: 0o644 }),
        });
    if (content instanceof Error) return Promise.reject(content);
    return Promise.resolve({ ...content, bytes: content.bytes.subarray(0, maxBytes) });
  }

  replaceFile(path: string, text: string): Promise<void> {
    if (this.fileFailure !== undefined) return Promise.reject(new Error(this.fileFailure));
    this.files.set(path, text);
    this.fileHistory.push(text);
    return Promise.resolve();
  }

  clearFile(path: string): Promise<void> {
    if (this.fileFailure !== undefined) return Promise.reject(new Error(this.fileFailure));
    this.files.delete(path);
    this.fileHistory.push(undefined);
    return Promise.resolve();
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
