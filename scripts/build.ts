/**
 * Compiles standalone programs into `dist/` and packs them: `deno task build --help`. Each step, and its reason, is
 * in `build/`. The compiler fetches a target's runtime on first use, or takes one that the environment names.
 *
 * @module
 */

import { resolve } from "node:path";
import { type ArchiveEntry, packArchive } from "./build/archive.ts";
import { HELP, parseBuildArguments } from "./build/arguments.ts";
import { BuildError, MissingRuntimeError, UsageError } from "./build/build_error.ts";
import { bundle, MissingBundlerError, type Program, unbundled } from "./build/bundle.ts";
import { writeChecksums } from "./build/checksums.ts";
import { compile } from "./build/compile.ts";
import { archiveContents } from "./build/contents.ts";
import { denoDirectory, runDeno } from "./build/deno_process.ts";
import { cachedRuntime, chosenRuntime } from "./build/runtime.ts";
import { gitOf, type SourceState, sourceState } from "./build/source_state.ts";
import { type Stage, stageSource } from "./build/stage.ts";
import { hostTarget, type Target } from "./build/targets.ts";
import { verifyProgram } from "./build/verify.ts";

const ROOT = resolve(import.meta.dirname!, "..");

/** `--all` had to leave some out. */
const EXIT_INCOMPLETE = 3;

/** The parts that every target's files are made of. */
interface Parts {
  readonly state: SourceState;
  readonly program: Program;
  readonly contents: readonly ArchiveEntry[];
  /** Deno's cache. */
  readonly denoDirectory: string;
  readonly out: string;
  readonly isOneOfSeveral: boolean;
}

async function build(args: readonly string[]): Promise<number> {
  const options = parseBuildArguments(args);
  if (options.help) {
    console.log(HELP.trimEnd());
    return 0;
  }
  const targets = options.targets.length > 0 ? options.targets : [thisMachine()];
  const out = resolve(options.out);
  const state = await sourceState(gitOf(ROOT), Deno.env.get("SOURCE_DATE_EPOCH"));
  await checkTypes();
  await using stage = await stageSource(ROOT, state);
  const parts: Parts = {
    state,
    program: await programOf(stage, options.bundles),
    contents: await archiveContents(ROOT, state),
    denoDirectory: await denoDirectory(),
    out,
    isOneOfSeveral: targets.length > 1,
  };
  await Deno.mkdir(out, { recursive: true });
  const missing: Target[] = [];
  for (const target of targets) {
    try {
      await buildTarget(target, parts);
    } catch (error) {
      if (!(error instanceof MissingRuntimeError)) throw error;
      console.error(options.isAll ? `build: left out: ${error.message}` : `build: error: ${error.message}`);
      missing.push(target);
    }
  }
  if (missing.length < targets.length) await writeChecksums(out, state.version);
  if (missing.length === 0) return 0;
  return options.isAll && missing.length < targets.length ? EXIT_INCOMPLETE : 1;
}

function thisMachine(): Target {
  const target = hostTarget(Deno.build);
  if (target !== undefined) return target;
  throw new UsageError(
    `The compiler has no target for this machine (${Deno.build.target}): name one with --target`,
  );
}

/** The bundler takes types on trust. */
async function checkTypes(): Promise<void> {
  const { success, stderr } = await runDeno(["check", "--quiet", "--frozen", "main.ts"], { directory: ROOT });
  if (!success) throw new BuildError(`The type check failed: ${stderr.trim()}`);
}

async function programOf(stage: Stage, bundles: boolean): Promise<Program> {
  if (!bundles) return unbundled(stage);
  try {
    return await bundle(stage);
  } catch (error) {
    if (!(error instanceof MissingBundlerError)) throw error;
    console.error(
      `build: warning: ${error.message}. Compiling the modules without a bundle: the program works the same, ` +
        "but is about 2 MiB bigger, starts a little later and consists of other bytes",
    );
    return unbundled(stage);
  }
}

async function buildTarget(target: Target, parts: Parts): Promise<void> {
  const { state, program, contents, denoDirectory, out, isOneOfSeveral } = parts;
  const name = `natpmp-${state.version}-${target.name}`;
  const file = `${out}/${name}${target.programSuffix}`;
  const denoVersion = Deno.version.deno;
  const environment = Deno.env.toObject();
  const runtime = await chosenRuntime(target, {
    environment,
    denoVersion,
    isOneOfSeveral,
    readFile: Deno.readFile,
  });
  const cached = cachedRuntime(target, { denoVersion, denoDirectory });
  if (runtime === undefined && !await exists(cached)) {
    console.log(`Fetching the runtime for ${target.name} to ${cached}`);
  }
  await compile(program, { target, runtime, denoDirectory, output: file });
  if (target === hostTarget(Deno.build)) {
    await verifyProgram(file, state);
    await replaceByCopy(file, `${out}/natpmp${target.programSuffix}`);
  }
  const bytes = await Deno.readFile(file);
  const archive = `${out}/${name}${target.archiveSuffix}`;
  const entries = [{ path: `natpmp${target.programSuffix}`, bytes, isExecutable: true }, ...contents]
    .map((entry) => ({ ...entry, path: `${name}/${entry.path}` }));
  await packArchive(archive, entries, { timeSeconds: state.timeSeconds });
  const packed = (await Deno.stat(archive)).size;
  console.log(`${file}: ${mebibytes(bytes.length)}, packed ${mebibytes(packed)} (${target.archiveSuffix})`);
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}

/** A program that runs cannot be written to, but its name can be taken. */
async function replaceByCopy(from: string, to: string): Promise<void> {
  await Deno.copyFile(from, `${to}.part`);
  await Deno.rename(`${to}.part`, to);
}

function mebibytes(size: number): string {
  return `${(size / 2 ** 20).toFixed(1)} MiB`;
}

try {
  Deno.exit(await build(Deno.args));
} catch (error) {
  if (!(error instanceof BuildError || error instanceof SyntaxError)) throw error;
  console.error(`build: error: ${error.message}`);
  Deno.exit(error instanceof UsageError ? 2 : 1);
}
