import { BuildError } from "./build_error.ts";
import { failureText, runDeno } from "./deno_process.ts";
import { setTimes, type Stage } from "./stage.ts";

/** The program as the compiler gets it. */
export interface Program {
  /** Where the compiler runs. */
  readonly directory: string;
  /** The module that starts it, in that directory. */
  readonly entry: string;
  /** The compiler's options for it. */
  readonly compilerOptions: readonly string[];
}

/** Deno's bundler is a program of its own, which could not be fetched. */
export class MissingBundlerError extends BuildError {}

/**
 * The source as it is, for the compiler.
 *
 * @param stage The copied source.
 * @returns The program.
 */
export function unbundled(stage: Stage): Program {
  return { directory: stage.source, entry: "main.ts", compilerOptions: ["--frozen"] };
}

/**
 * Bundles the source: unused parts of a package stay out, and modules that load together are one file. Those that load
 * on demand stay in files of their own.
 *
 * @param stage The copied source.
 * @returns The program.
 * @throws {MissingBundlerError} If the bundler is not at hand and cannot be fetched.
 * @throws {BuildError} If the source cannot be bundled.
 */
export async function bundle(stage: Stage): Promise<Program> {
  const { success, stderr } = await runDeno([
    "bundle",
    "--quiet",
    "--frozen",
    // Beside the source, so that the place of Deno's cache gets into neither comments nor names of files.
    "--node-modules-dir=auto",
    // Errors are known by the names of their classes.
    "--keep-names",
    "--code-splitting",
    "--outdir",
    stage.bundle,
    "main.ts",
  ], { directory: stage.source });
  if (!success) {
    const reason = failureText(stderr);
    if (/@?esbuild/.test(reason)) throw new MissingBundlerError(`Cannot fetch Deno's bundler: ${reason}`);
    throw new BuildError(`Cannot bundle: ${reason}`);
  }
  await setTimes(stage.bundle, stage.timeSeconds);
  return {
    directory: stage.bundle,
    entry: "main.js",
    compilerOptions: ["--no-config", "--no-lock", "--unstable-net"],
  };
}
