/**
 * A process that writes one state after the other, as fast as it can, until it is killed: `state_writer.ts FILE`. It
 * prints `ready`, then the number of each state that has been written.
 *
 * @module
 */

import { systemClock } from "../../lib/clock.ts";
import { systemFiles } from "../../lib/files/system_files.ts";
import type { State } from "../../lib/state/records.ts";
import { StateFile } from "../../lib/state/state_file.ts";
import { entryOf, NEW_YEAR, recordWith } from "./state_samples.ts";

/** The most leases of a state: some 90 KiB. */
const MOST_LEASES = 300;

/** The state with a number. States grow, and at times are small again. */
export function numberedState(number: number): State {
  const entries = Array.from(
    { length: number % MOST_LEASES },
    (_, i) => entryOf(i + 1, { lease: { externalPort: number } }),
  );
  return { gateways: [recordWith({ memory: { data: { number }, at: NEW_YEAR }, entries })], runs: [] };
}

/** The number of a state; 0 where there is none. */
export function numberOf({ gateways }: State): number {
  return (gateways[0]?.memory?.data as { readonly number: number } | undefined)?.number ?? 0;
}

/** The state file of a writer. */
export function writersFile(path: string): StateFile {
  return new StateFile({
    path,
    files: systemFiles,
    clock: systemClock,
    timeoutMs: 1000,
    now: () => NEW_YEAR,
    holder: `writer ${Deno.pid}`,
    warn: (text) => console.log(`warning: ${text}`),
  });
}

if (import.meta.main) {
  const file = writersFile(Deno.args[0]!);
  console.log("ready");
  for (;;) {
    const state = await file.update((state) => numberedState(numberOf(state) + 1));
    console.log(numberOf(state));
  }
}
