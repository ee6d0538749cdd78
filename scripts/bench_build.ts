/**
 * What the compiler offers, by number: makes this machine's program in each way, and measures size, start-up and peak
 * memory of the whole process, `natpmp --version` and `natpmp map` against a simulated gateway on loopback. Prints the
 * table that is in the README. Takes a runtime as `deno task build` does.
 *
 * Usage: deno task bench:build [RUNS]
 *
 * @module
 */

import { resolve } from "node:path";
import { type Sample, sampleProcesses } from "./bench/process_samples.ts";
import { startSimulatedGateway } from "./bench/simulated_gateway.ts";
import { sourceCommand } from "./bench/source_command.ts";
import { bundle, type BundleOptions, type Program, unbundled } from "./build/bundle.ts";
import { compile, type CompileOptions } from "./build/compile.ts";
import { denoDirectory } from "./build/deno_process.ts";
import { chosenRuntime } from "./build/runtime.ts";
import { stageSource } from "./build/stage.ts";
import { hostTarget } from "./build/targets.ts";

const ROOT = resolve(import.meta.dirname!, "..");
const TIMED_RUNS = Number(Deno.args[0] ?? 40);
const PEAK_RUNS = 5;
/** How `deno task build` does it. */
const CHOSEN = "bundled in parts";
const REFERENCE = "`deno run`, the same Deno and source";

type Compiling = Pick<CompileOptions, "cachesCode" | "v8Options">;

/** A way to make the program; without options for the bundler it is compiled as it is. */
interface Variant extends Compiling {
  readonly bundling?: BundleOptions;
}

const IN_PARTS: BundleOptions = {};
const IN_ONE: BundleOptions = { splits: false };

const VARIANTS: Readonly<Record<string, Variant>> = {
  "the modules as they are": {},
  "the modules as they are, code cache": { cachesCode: true },
  "bundled in one file": { bundling: IN_ONE },
  "bundled in one file, code cache": { bundling: IN_ONE, cachesCode: true },
  "bundled in one file, minified": { bundling: { ...IN_ONE, minifies: true } },
  [CHOSEN]: { bundling: IN_PARTS },
  [`${CHOSEN}, code cache`]: { bundling: IN_PARTS, cachesCode: true },
  [`${CHOSEN}, minified`]: { bundling: { ...IN_PARTS, minifies: true } },
  ...Object.fromEntries(
    ["--max-lazy", "--no-opt", "--jitless", "--lite-mode", "--single-threaded", "--optimize-for-size"]
      .map((option) => [`${CHOSEN}, V8 \`${option}\``, { bundling: IN_PARTS, v8Options: [option] }]),
  ),
};

async function makeAll(directory: string): Promise<Map<string, string>> {
  const target = hostTarget(Deno.build);
  if (target === undefined) throw new Error(`The compiler has no target for ${Deno.build.target}`);
  const runtime = await chosenRuntime(target, {
    environment: Deno.env.toObject(),
    denoVersion: Deno.version.deno,
    isOneOfSeveral: false,
    readFile: Deno.readFile,
  });
  const made = new Map<string, string>();
  for (const [name, { bundling, ...compiling }] of Object.entries(VARIANTS)) {
    await using stage = await stageSource(ROOT, { version: "0", timeSeconds: 0 });
    const program: Program = bundling === undefined ? unbundled(stage) : await bundle(stage, bundling);
    const output = `${directory}/natpmp-${made.size}${target.programSuffix}`;
    await compile(program, { target, runtime, denoDirectory: await denoDirectory(), output, ...compiling });
    made.set(name, output);
  }
  return made;
}

function row(name: string, cells: readonly string[]): string {
  return `| ${name.padEnd(48)} | ${cells.map((cell) => cell.padStart(9)).join(" | ")} |`;
}

function cellsOf(size: string, version: Sample, map: Sample): string[] {
  return [
    size,
    `${version.elapsedMs.toFixed(1)} ms`,
    `${map.elapsedMs.toFixed(1)} ms`,
    `${map.peakMib.toFixed(1)} MiB`,
  ];
}

const directory = await Deno.makeTempDir();
/** Neither what is mapped here nor V8's code, which some of them keep, is to be found later. */
const env = { XDG_STATE_HOME: directory, [Deno.build.os === "windows" ? "TMP" : "TMPDIR"]: directory };
try {
  const made = await makeAll(directory);
  await using gateway = await startSimulatedGateway();
  const programs: Readonly<Record<string, readonly string[]>> = {
    [REFERENCE]: [Deno.execPath(), "run", "-q", "-A", `${ROOT}/main.ts`],
    "the same, as `deno task natpmp` does it": await sourceCommand(),
    ...Object.fromEntries([...made].map(([name, path]) => [name, [path]])),
  };
  const withArguments = (args: readonly string[]) =>
    Object.fromEntries(Object.entries(programs).map(([name, words]) => [name, [...words, ...args]]));
  const options = { timedRuns: TIMED_RUNS, peakRuns: PEAK_RUNS, env };
  const version = await sampleProcesses(withArguments(["--version"]), options);
  const map = await sampleProcesses(withArguments(["map", "8080:80", "-g", gateway.address]), options);
  console.log(row(`Deno ${Deno.version.deno}`, ["size", "--version", "map", "peak"]));
  console.log(`| ${"-".repeat(48)} | ${Array(4).fill(`${"-".repeat(8)}:`).join(" | ")} |`);
  for (const name of Object.keys(programs)) {
    const path = made.get(name);
    const size = path === undefined ? "" : `${((await Deno.stat(path)).size / 1e6).toFixed(2)} MB`;
    const shown = name === CHOSEN ? `**${name}**` : name;
    console.log(row(shown, cellsOf(size, version.get(name)!, map.get(name)!)));
  }
  console.log(`\nMedians of ${TIMED_RUNS} runs (time) and ${PEAK_RUNS} runs of map (memory), in turn`);
} finally {
  await Deno.remove(directory, { recursive: true });
}
