/**
 * Whole-process time and peak memory of `natpmp map` as `deno task natpmp` runs it, against a simulated gateway on
 * loopback, beside `deno run` of an empty file, on the same machine in turn. Medians of many runs. Peak memory is read
 * from /proc, so on Linux only.
 *
 * Usage: deno task bench:startup [PATH OF A COMPILED BINARY]
 *
 * @module
 */

import { sampleProcesses } from "./bench/process_samples.ts";
import { startSimulatedGateway } from "./bench/simulated_gateway.ts";
import { sourceCommand } from "./bench/source_command.ts";

const TIMED_RUNS = 40;
const PEAK_RUNS = 5;
const binary = Deno.args[0];

/** What is mapped here is none of the user's leases. */
const stateHome = await Deno.makeTempDir({ prefix: "natpmp-bench-" });
const emptyFile = `${stateHome}/empty.ts`;
await Deno.writeTextFile(emptyFile, "");
const source = await sourceCommand();
try {
  await using gateway = await startSimulatedGateway();
  const mapping = ["map", "8080:80", "--gateway", gateway.address];
  const samples = await sampleProcesses({
    "deno run of an empty file": [Deno.execPath(), "run", "-q", emptyFile],
    "natpmp --version": [...source, "--version"],
    "natpmp __complete": [...source, "__complete", "bash", "--li", "natpmp map --li"],
    "natpmp map": [...source, ...mapping],
    ...(binary === undefined ? {} : { "natpmp map, compiled": [binary, ...mapping] }),
  }, { timedRuns: TIMED_RUNS, peakRuns: PEAK_RUNS, env: { XDG_STATE_HOME: stateHome } });
  const floorMs = samples.get("deno run of an empty file")!.elapsedMs;
  for (const [name, { elapsedMs, peakMib }] of samples) {
    const above = `+${(elapsedMs - floorMs).toFixed(1)} ms`.padStart(10);
    console.log(
      `${name.padEnd(28)}${elapsedMs.toFixed(1).padStart(8)} ms${above}${
        peakMib.toFixed(1).padStart(8)
      } MiB peak`,
    );
  }
  console.log(
    `Deno ${Deno.version.deno}, medians of ${TIMED_RUNS} runs (time) and ${PEAK_RUNS} runs (memory)`,
  );
} finally {
  await Deno.remove(stateHome, { recursive: true });
}
