import type { System } from "../system/system.ts";

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

/** Everything outside of the program that a command may touch. `main.ts` makes the real one. */
export interface World extends System {
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** Whether the environment allows colour (no `NO_COLOR`). */
  readonly allowsColor: boolean;
  /** Aborted with a {@linkcode Stopped} when the process is asked to stop. */
  readonly signal: AbortSignal;
}

/** The process was asked to stop. */
export class Stopped extends Error {
  override readonly name = "Stopped";
  /** The exit code that a command ends with, 128 and the signal's number. */
  readonly exitCode: number;

  constructor(signalName: string, exitCode: number) {
    super(`Stopped by ${signalName}`);
    this.exitCode = exitCode;
  }
}
