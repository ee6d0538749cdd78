/**
 * What `natpmp --json` prints, typed as the command line's contract has it.
 *
 * @module
 */

import { assertMatch } from "@std/assert";
import type { CommandResult } from "./command.ts";

/** Why something failed. */
export interface JsonError {
  readonly kind: string;
  readonly message: string;
  readonly resultCode?: number;
  readonly attempts?: number;
  readonly elapsedMs?: number;
}

/** What happened to one mapping of `map` or `unmap`. */
export interface JsonMapping {
  readonly via?: string;
  readonly protocol: string;
  readonly internalPort: number;
  readonly requestedExternalPort?: number;
  readonly externalPort?: number;
  readonly requestedLifetimeSeconds?: number;
  readonly lifetimeSeconds?: number;
  readonly expiresAt?: string;
  readonly epochSeconds?: number;
  readonly permanent?: boolean;
  readonly verified?: boolean;
  readonly isOwn?: boolean;
  readonly attempts?: number;
  readonly elapsedMs?: number;
  readonly error?: JsonError;
}

/** The one object of an invocation. */
export interface JsonOutput {
  readonly via?: string;
  readonly command: string;
  readonly gateway?: string;
  readonly externalAddress?: string;
  readonly epochSeconds?: number;
  readonly attempts?: number;
  readonly elapsedMs?: number;
  readonly mappings?: readonly JsonMapping[];
  readonly warnings?: readonly string[];
  readonly error?: JsonError;
}

/** Reads the object that is the only line on standard output. */
export function jsonOutput(result: CommandResult): JsonOutput {
  assertMatch(result.stdout, /^\{[^\n]*\}\n$/, `One object on one line was wanted; stderr: ${result.stderr}`);
  return JSON.parse(result.stdout);
}
