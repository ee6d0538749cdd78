/** Options of {@linkcode runDeno}. */
export interface RunDenoOptions {
  /** The directory to run in. */
  readonly directory: string;
  /** Variables added to those that are inherited. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The result of a run of Deno. */
export interface DenoResult {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** The variables that would get into the program, or choose its runtime, without having been asked for. */
const NOT_INHERITED = /^(DENORT_BIN|DENO_V8_FLAGS$|DENO_CONDITIONS$|OTEL_|NODE_OPTIONS$)/;

/**
 * The environment for a compiler whose output depends on the source alone.
 *
 * @param inherited This process's environment.
 * @returns The part of it that a compiler gets.
 */
export function compilerEnvironment(inherited: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(inherited).filter(([name]) => !NOT_INHERITED.test(name));
  return { ...Object.fromEntries(kept), NO_COLOR: "1" };
}

/**
 * Runs this Deno to its end, a failure being a result.
 *
 * @param args Its arguments.
 * @param options Where, and with what environment.
 * @returns Its result.
 */
export async function runDeno(args: readonly string[], options: RunDenoOptions): Promise<DenoResult> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: options.directory,
    clearEnv: true,
    env: { ...compilerEnvironment(Deno.env.toObject()), ...options.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  return { success, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/**
 * The errors that a failed Deno reports, on one line.
 *
 * @param stderr Its output.
 * @returns Its message and the causes, without the stack.
 */
export function failureText(stderr: string): string {
  const [message = ""] = stderr.replace(/^(Download|Initialize|⚠️).*\n/gm, "").split(
    /\n\s*(?:Stack backtrace:|at )/,
  );
  return message.replace(/^error: /, "").trim().split("\n").map((line) => line.trim())
    .filter((line) => line !== "" && line !== "Caused by:").join("; ");
}

/**
 * Where this Deno keeps what it fetched.
 *
 * @returns The absolute path of the directory.
 */
export async function denoDirectory(): Promise<string> {
  const { stdout } = await runDeno(["info", "--json", "--no-config"], { directory: "." });
  return JSON.parse(stdout).denoDir;
}
