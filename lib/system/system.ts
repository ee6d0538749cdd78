/**
 * The operating system as a command meets it, in three parts: network, files, process. `main.ts` makes the real one, a
 * test one in memory.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { FoundGateway, GatewaySurvey, LocalAddress, SourceSelector } from "../gateway/mod.ts";
import type { ConnectSocket, DatagramSocket, OpenSocket } from "../net/datagram.ts";
import type { ConnectStream } from "../net/stream.ts";
import type { ListenStream } from "../net/stream_listener.ts";
import type { TransportProtocol } from "../port_mapper.ts";
import type { StatePaths } from "../state/state_paths.ts";

/** The operating system. A part is loaded when it is first asked for. */
export interface System {
  network(): Promise<Network>;
  files(): Promise<FileSystem>;
  process(): Promise<Process>;
}

/** The result of binding a port for a moment. */
export type BindOutcome =
  | "free"
  /** A program has it. */
  | "taken"
  /** The system does not let this user bind it. */
  | "forbidden";

/** Time, chance, sockets, and what the system knows about routes and interfaces. */
export interface Network {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly openSocket: OpenSocket;
  /** Opens sockets that hear ICMP port unreachable, where this system has any. */
  readonly connectSocket: ConnectSocket;
  /** Connects by TCP. */
  readonly connectStream: ConnectStream;
  /** Opens a socket that sends announcements of a gateway at this address of this host, heard on this host too. */
  readonly openAnnouncer: (address: string) => Promise<DatagramSocket>;
  /** Opens a socket that hears searches and announcements in UPnP's group, on the interface with this address. */
  readonly openSearchSocket: (address: string) => Promise<DatagramSocket>;
  /** Listens on a TCP port. */
  readonly listenStream: ListenStream;
  /** Opens a socket that hears what gateways announce on this port, on the interface with this address. */
  readonly openAnnouncementSocket: (address: string, port: number) => Promise<DatagramSocket>;
  /** The gateway of this host, or of the interface or address that is asked for. */
  findGateway(selector: SourceSelector): Promise<FoundGateway>;
  /** The address of this host from which a gateway is asked, where it is known. */
  localAddressOf(gateway: string, selector: SourceSelector): Promise<LocalAddress | undefined>;
  /** Everything that can be found out about this host's gateways. */
  surveyGateways(selector: SourceSelector): Promise<GatewaySurvey>;
  /** Binds a port for a moment; nothing is sent. */
  tryBind(protocol: TransportProtocol, hostname: string, port: number): Promise<BindOutcome>;
  /** The names of this host's interfaces. */
  interfaceNames(): Promise<readonly string[]>;
  /** The IPv4 addresses of this host. */
  addresses(): readonly string[];
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

/** The files that a user names, and the state. */
export interface FileSystem {
  /** Where the processes of one user leave each other word. */
  readonly state: StatePaths;
  /** The absolute form of a path, which need not exist. */
  absolutePath(path: string): Promise<string>;
  /**
   * Reads a regular file from its beginning, this many bytes at most. Rejects any other file: nobody may be writing to
   * a pipe.
   */
  read(path: string, maxBytes: number): Promise<FileContent>;
  /**
   * Writes a file whole, and keeps its mode and owner: readers see the old text or the new one. Only a file
   * that is a mount point, or whose directory cannot be written, is written where it stands. Rejects a link that
   * somebody else could have made.
   */
  replace(path: string, text: string): Promise<void>;
  /**
   * Removes a file that may not be there, or empties one that cannot be removed; rejects where a file could not be
   * written either.
   */
  clear(path: string): Promise<void>;
  /** The files whose paths begin like this; directories end with `/`. */
  list(path: string): Promise<readonly string[]>;
}

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

/** Options of {@linkcode Process.startShell}. */
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

/** The signs of a container, as found on this host. */
export interface ContainerSigns {
  /** Files that only containers have. */
  readonly marks: readonly string[];
  /** The control groups of the first process. */
  readonly controlGroups: string;
  /** Whether the link to the gateway is one end of a virtual pair; absent where that is unknown. */
  readonly isHalfOfPair?: boolean;
}

/** This process, the processes that it starts, and what runs it. */
export interface Process {
  readonly environment: Readonly<Record<string, string>>;
  readonly id: number;
  /** The words that start this program, all paths absolute: the binary, or Deno and the source. */
  readonly executable: readonly string[];
  /** Aborted once a write has found that nobody reads stdout any more. */
  readonly stdoutClosed: AbortSignal;
  /** Whether stdout goes to systemd's journal, which has times of its own. */
  readonly isJournaled: boolean;
  /** From now on a hang-up stops the process as SIGTERM does, unless nohup made the process ignore it. */
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
  /** Opens the socket that `NOTIFY_SOCKET` names. */
  openNotifySocket(address: string): NotifySocket;
  /** Collects the signs that this process is in a container, behind this interface. */
  containerSigns(interfaceName?: string): Promise<ContainerSigns>;
}
