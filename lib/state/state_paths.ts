/**
 * Where the processes of one user share their state, and how they know time and each other.
 *
 * @module
 */

import type { Files } from "../files/files.ts";
import type { StoredTime } from "../lease/stored_time.ts";
import type { InNamespace, NetworkNamespace } from "./network_namespace.ts";

/** Where the processes of one user share their state, and how they know time and each other. */
export interface StatePaths {
  readonly files: Files;
  /** The directory of the state file and the locks, or why there is none. */
  readonly directory: string | { readonly missing: string };
  /** The name of this host: several may share a home directory. */
  readonly host: string;
  /** The network namespace of this process; absent where the system has none, or does not name it. */
  readonly networkNamespace?: NetworkNamespace | undefined;
  readonly processId: number;
  /** The time, as a later process can understand it. */
  now(): StoredTime;
  /** The reason not to use a state file, as somebody else could change what stands there; absent where nobody could. */
  doubtAbout(path: string): string | undefined;
}

/** How a process names itself to those who find a lock taken. */
export function holderName(
  command: string | undefined,
  { processId }: Pick<StatePaths, "processId">,
): string {
  return `natpmp ${command ?? ""}, process ${processId}`;
}

/** The path of a file in the state directory. Elsewhere than on Windows a backslash is a letter like others. */
export function pathIn(directory: string, name: string): string {
  return `${directory}${directory.startsWith("/") ? "/" : "\\"}${name}`;
}

/** The host and network namespace that a record in the state belongs to. */
export function placeOf(
  { host, networkNamespace: namespace }: Pick<StatePaths, "host" | "networkNamespace">,
): InNamespace & { readonly host: string } {
  return { host, ...(namespace === undefined ? {} : { namespace }) };
}
