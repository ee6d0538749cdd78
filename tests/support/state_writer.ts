/**
 * A process that writes one state after the other, as fast as it can, until it is killed: `state_writer.ts FILE`. It
 * says `ready`, then the number of each state that has been written.
 *
 * @module
 */

import { systemClock } from "../../lib/clock.ts";
import { systemFiles } from "../../lib/files/system_files.ts";
import type { State } from "../../lib/lease/state.ts";
import { LeaseStore } from "../../lib/lease/store.ts";
import { leaseOf, linkWith, NEW_YEAR } from "./state_samples.ts";

/** The most leases of a state: some 70 KiB. */
const MOST_LEASES = 300;

/** The state with a number. States grow, and at times are small again. */
export function numberedState(number: number): State {
  const leases = Array.from(
    { length: number % MOST_LEASES },
    (_, i) => leaseOf(i + 1, { externalPort: number }),
  );
  return { links: [linkWith({ memory: { data: { number }, at: NEW_YEAR }, leases })], runs: [] };
}

/** The number of a state; 0 where there is none. */
export function numberOf({ links }: State): number {
  return (links[0]?.memory?.data as { readonly number: number } | undefined)?.number ?? 0;
}

/** The store of a writer. */
export function writersStore(path: string): LeaseStore {
  return new LeaseStore({
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
  const store = writersStore(Deno.args[0]!);
  console.log("ready");
  for (;;) {
    const state = await store.update((state) => numberedState(numberOf(state) + 1));
    console.log(numberOf(state));
  }
}
