import { BuildError, MissingRuntimeError } from "./build_error.ts";
import type { Program } from "./bundle.ts";
import { failureText, runDeno } from "./deno_process.ts";
import { missingRuntimeMessage } from "./runtime.ts";
import type { Target } from "./targets.ts";

/** Options of {@linkcode compile}. */
export interface CompileOptions {
  readonly target: Target;
  /** The denort to compile with; the compiler's own by default. */
  readonly runtime?: string | undefined;
  /** Deno's cache, where it keeps runtimes. */
  readonly denoDirectory: string;
  /** The program's absolute path. */
  readonly output: string;
}

/**
 * Compiles a program into one executable file.
 *
 * @param program The program to compile.
 * @param options For what, and where to.
 * @throws {MissingRuntimeError} If the compiler has no runtime for the target and cannot fetch one.
 * @throws {BuildError} If it fails otherwise.
 */
export async function compile(program: Program, options: CompileOptions): Promise<void> {
  const { target, runtime, denoDirectory, output } = options;
  const { success, stderr } = await runDeno([
    "compile",
    // A program compiled quietly runs quietly: no warning of the runtime gets between the program's own lines.
    "--quiet",
    ...program.compilerOptions,
    // Every permission: Linux shows /proc/net/route to nothing less.
    "--allow-all",
    // In the temporary directory, where a cache would lie, another user could leave one.
    "--no-code-cache",
    "--target",
    target.triple,
    "--output",
    output,
    program.entry,
  ], { directory: program.directory, env: runtime === undefined ? {} : { DENORT_BIN: runtime } });
  if (success) return;
  const failure = failureText(stderr);
  if (/invalid value .*--target/.test(failure)) {
    throw new MissingRuntimeError(
      `Deno ${Deno.version.deno} does not compile for ${target.name}: build with a newer one, such as 2.9.6`,
    );
  }
  const fetching =
    /Setting up base binary\.; 1: (?:error sending request for url \(\S+\): )?(.*?)(?:; 2: |$)/;
  const reason = fetching.exec(failure)?.[1];
  if (reason === undefined) throw new BuildError(`Cannot compile for ${target.name}: ${failure}`);
  throw new MissingRuntimeError(missingRuntimeMessage(target, {
    denoVersion: Deno.version.deno,
    denoDirectory,
    reason,
  }));
}
