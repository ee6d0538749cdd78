import type { Clock } from "../clock.ts";
import type { FoundGateway, GatewaySurvey, LocalAddress, SourceSelector } from "../gateway/mod.ts";
import type { ConnectSocket, DatagramSocket, OpenSocket } from "../net/datagram.ts";
import type { HostValues } from "./completions/host_values.ts";
import type { HostProbe } from "./doctor/host_probe.ts";
import type { Machine } from "./machine.ts";
import type { StatePaths } from "../state/state_paths.ts";

/** How much a terminal shows. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** Where text goes. */
export interface Sink {
  /** Whether a person is looking. */
  readonly isTerminal: boolean;
  /** How much the terminal shows now; a usual size where that is unknown. */
  size(): TerminalSize;
  /** Writes text as it is. */
  write(text: string): void;
}

/** The parts of the machine that a command needs to talk to a gateway. */
export interface Network {
  readonly clock: Clock;
  readonly openSocket: OpenSocket;
  /** Opens sockets that hear ICMP port unreachable, where this system has any. */
  readonly connectSocket: ConnectSocket;
  /** Opens a socket that sends announcements of a gateway at this address of this host, heard on this host too. */
  readonly openAnnouncer: (address: string) => Promise<DatagramSocket>;
  /** Opens a socket that hears what gateways announce on this port, on the interface with this address. */
  readonly openAnnouncementSocket: (address: string, port: number) => Promise<DatagramSocket>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Everything outside of the program that a command may touch. `main.ts` makes the real one. */
export interface World {
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** Whether the environment allows colour (no `NO_COLOR`). */
  readonly allowsColor: boolean;
  /** Aborted with a {@linkcode Stopped} when the process is asked to stop. */
  readonly signal: AbortSignal;
  /** Clock, sockets and chance; loaded when first asked for. */
  network(): Promise<Network>;
  /** The gateway of this host, or of the interface or address that is asked for. */
  findGateway(selector: SourceSelector): Promise<FoundGateway>;
  /** The address of this host from which a gateway is asked, where it is known. */
  localAddressOf(gateway: string, selector: SourceSelector): Promise<LocalAddress | undefined>;
  /** Everything that can be found out about this host's gateways. */
  surveyGateways(selector: SourceSelector): Promise<GatewaySurvey>;
  /** Processes, files, signals and the environment; loaded when first asked for. */
  machine(): Promise<Machine>;
  /** Where this user's processes leave each other word; loaded when first asked for. */
  statePaths(): Promise<StatePaths>;
  /** The facts about this host that `doctor` needs besides its routes; loaded when first asked for. */
  hostProbe(): Promise<HostProbe>;
  /** The facts about this host that completions need; loaded when first asked for. */
  hostValues(): Promise<HostValues>;
}

/** The process was asked to stop. */
export class Stopped extends Error {
  override readonly name = "Stopped";
  /** The exit code that a command ends with, 128 and the signal's number. */
  readonly exitCode: number;

  /**
   * @param signalName The signal, as in `SIGINT`.
   * @param exitCode 128 and the signal's number.
   */
  constructor(signalName: string, exitCode: number) {
    super(`Stopped by ${signalName}`);
    this.exitCode = exitCode;
  }
}
