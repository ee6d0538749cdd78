/**
 * A state file as one process has it.
 *
 * @module
 */

import { assertRejects } from "@std/assert";
import { StoreError } from "../../lib/errors.ts";
import { systemFiles } from "../../lib/files/system_files.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";
import type { State } from "../../lib/state/records.ts";
import { StateFile, type StateFileOptions } from "../../lib/state/state_file.ts";
import { MemoryFiles } from "../support/memory_files.ts";
import { NEW_YEAR, runOf } from "../support/state_samples.ts";

export const PATH = "/state/natpmp/leases.json";
export const LOCK = `${PATH}.lock`;

/** A state file in memory. */
export function lab(options: Partial<StateFileOptions> = {}) {
  const clock = new ManualClock();
  const files = new MemoryFiles();
  const warnings: string[] = [];
  const file = new StateFile({
    path: PATH,
    files,
    clock,
    timeoutMs: 7750,
    now: () => NEW_YEAR,
    holder: "natpmp map, process 1",
    warn: (text) => warnings.push(text),
    ...options,
  });
  return { clock, files, warnings, file };
}

/** A state file on a disk. */
export function diskLab(path: string) {
  return lab({ path, files: systemFiles });
}

/** Adds a run of this name. */
export function withRun(state: State, source: string): State {
  return { ...state, runs: [...state.runs, runOf({ source })] };
}

/** The message of the error with which the work fails. */
export function storeError(work: () => Promise<unknown>): Promise<string> {
  return assertRejects(work, StoreError).then(({ message }) => message);
}
