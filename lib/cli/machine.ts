/** How a program ended. */
export interface ProcessEnd {
  readonly code: number;
  /** The signal that ended it, where one did. */
  readonly signal?: string;
}

/** A command that the system's shell runs. */
export interface ShellProcess {
  /** Resolves when the shell has ended. */
  readonly ended: Promise<ProcessEnd>;
  /** Ends the shell and everything that it started. */
  kill(): Promise<void>;
}

/** Options of {@linkcode Machine.startShell}. */
export interface ShellOptions {
  /** Whether nobody sees what the command prints. */
  readonly isSilent?: boolean;
  /** Takes each line that the command prints, which then goes to no stream of ours. */
  readonly onOutput?: ((line: string) => void) | undefined;
}

/** The socket of a service manager. */
export interface NotifySocket {
  send(text: string): Promise<void>;
  close(): void;
}

/** A file that was read. */
export interface FileContent {
  readonly bytes: Uint8Array;
  /**
   * Says why somebody other than root and the caller could have written it, or have put it in its place; `undefined`
   * when nobody could, and where files belong to nobody that has a number (Windows).
   */
  doubt(): string | undefined;
}

/** The parts of the machine, besides the network, that a command needs to run for long or start other programs. */
export interface Machine {
  /** The process's environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly processId: number;
  /** The words that start this program, all paths absolute: the binary, or Deno and the source. */
  readonly executable: readonly string[];
  /** The absolute form of a path, which need not exist. */
  absolutePath(path: string): string;
  /** Aborted once a write has found that nobody reads stdout any more. */
  readonly stdoutClosed: AbortSignal;
  /** Whether stdout goes to systemd's journal, which has times of its own. */
  readonly isJournaled: boolean;
  /** From now on a hang-up stops the process as SIGTERM does, unless it came ignored (nohup). */
  stopOnHangUp(): void;
  /** From now on waits, as process 1 of a Linux container has to, for those whose parent has ended. */
  reapOrphans(): void;
  /** Calls on each SIGUSR2, where the system has it. */
  onRenewRequest(listener: () => void): void;
  /**
   * Runs a command with this environment and nothing else in it; its output goes to our stderr unless somebody takes
   * it.
   */
  startShell(
    command: string,
    environment: Readonly<Record<string, string>>,
    options?: ShellOptions,
  ): ShellProcess;
  /**
   * Reads a regular file from its beginning, this many bytes at most. Rejects any other file: nobody may be writing to
   * a pipe.
   */
  readFile(path: string, maxBytes: number): Promise<FileContent>;
  /**
   * Writes a file whole, and keeps its mode and owner: whoever reads it sees the old text or the new one. Only a file
   * that is a mount point, or whose directory cannot be written, is written where it stands. Rejects a link that
   * somebody else could have made.
   */
  replaceFile(path: string, text: string): Promise<void>;
  /**
   * Removes a file that may not be there, or empties one that cannot be removed; rejects where a file could not be
   * written either.
   */
  clearFile(path: string): Promise<void>;
  /** Opens the socket that `NOTIFY_SOCKET` names. */
  openNotifySocket(address: string): NotifySocket;
}
