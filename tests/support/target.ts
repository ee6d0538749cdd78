/**
 * What tests have to know of the system that the command under test was made for: one suite serves all of them.
 *
 * @module
 */

import { natpmpCommand } from "./command.ts";

/** A system that the command was made for, as far as it shows. */
export interface Target {
  /** Its name in words. */
  readonly os: "Linux" | "Windows";
  /** A hook that writes a line: the word `hook`, then these variables of its environment. */
  hook(...variables: readonly string[]): string;
  /** Where the state is kept by default. */
  stateDirectoryIn(statePaths: string): string;
}

const LINUX: Target = {
  os: "Linux",
  hook: (...variables) => `echo "hook ${variables.map((name) => `$${name}`).join(" ")}"`,
  stateDirectoryIn: (statePaths) => `${statePaths}/natpmp`,
};

/** Under Wine, as `wine_run.sh` has it; LOCALAPPDATA is as Wine sets it. */
const WINDOWS: Target = {
  os: "Windows",
  hook: (...variables) => `echo hook ${variables.map((name) => `%${name}%`).join(" ")}`,
  stateDirectoryIn: (statePaths) => `${statePaths}/wine/changes/drive_c/users/root/AppData/Local/natpmp`,
};

/** The system of a command line: Windows' if it ends in a program whose name ends in `.exe`. */
export function targetOf(command: readonly string[]): Target {
  return command.at(-1)?.endsWith(".exe") ? WINDOWS : LINUX;
}

/** The system of the command under test. */
export function target(): Target {
  return targetOf(natpmpCommand());
}
