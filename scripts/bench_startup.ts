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
const EMPTY_FILE = "deno run of an empty file";
const COMPILED_VERSION = "natpmp --version, compiled";
const binary = Deno.args[0];

/** A state directory of its own: mappings made here are not among the user's leases. */
const stateHome = await Deno.makeTempDir({ prefix: "natpmp-bench-" });
const emptyFile = `${stateHome}/empty.ts`;
await Deno.writeTextFile(emptyFile, "");
const source = await sourceCommand();
try {
  await using gateway = await startSimulatedGateway();
  const mapping = ["map", "8080:80", "--gateway", gateway.address];
  const samples = await sampleProcesses({
    [EMPTY_FILE]: [Deno.execPath(), "run", "-q", emptyFile],
    "natpmp --version": [...source, "--version"],
    "natpmp --help": [...source, "--help"],
    "natpmp __complete": [...source, "__complete", "bash", "--li", "natpmp map --li"],
    "natpmp map": [...source, ...mapping],
    "natpmp map --via nat-pmp": [
      ...source,
      "map",
      "8081:81",
      "--gateway",
      gateway.address,
      "--via",
      "nat-pmp",
    ],
    ...(binary === undefined ? {} : {
      [COMPILED_VERSION]: [binary, "--version"],
      "natpmp map, compiled": [binary, ...mapping],
    }),
  }, { timedRuns: TIMED_RUNS, peakRuns: PEAK_RUNS, env: { XDG_STATE_HOME: stateHome } });
  let floor = samples.get(EMPTY_FILE)!;
  for (const [name, sample] of samples) {
    if (name === COMPILED_VERSION) floor = sample;
    const { elapsedMs, peakMib } = sample;
    const ratio = `${(elapsedMs / floor.elapsedMs).toFixed(2)}x`.padStart(8);
    console.log(
      `${name.padEnd(28)}${elapsedMs.toFixed(1).padStart(8)} ms${ratio}${
        peakMib.toFixed(1).padStart(8)
      } MiB peak`,
    );
  }
  console.log(
    `Deno ${Deno.version.deno}, medians of ${TIMED_RUNS} runs (time) and ${PEAK_RUNS} runs (memory); ` +
      `ratios to ${EMPTY_FILE}, and of the binary to its own --version`,
  );
} finally {
  await Deno.remove(stateHome, { recursive: true });
}
