/**
 * Runs a program to its end, bounded in time, and the `natpmp` command under test.
 *
 * The environment variable `NATPMP` names the command to test: a binary by its absolute path, or several words separated
 * by spaces that run it, as in `qemu-aarch64-static /src/dist/natpmp-arm64`; words that hold spaces themselves are written
 * as a JSON array, as in `["/my programs/natpmp"]`. Without it the tests run this source tree.
 *
 * @module
 */

import { patiently } from "./slowness.ts";
import { stateDirectory } from "./state_directory.ts";

/** Options of {@linkcode runCommand}. */
export interface RunCommandOptions {
  /** The network namespace to run in; this process's own by default. */
  readonly namespace?: string;
  /** Variables added to the inherited environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** What the program reads; nothing by default. */
  readonly stdin?: string;
  /** When the program is killed and the call fails; longer where the command under test is slow. */
  readonly timeoutMs?: number;
}

/** What a program left behind. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** From just before its start to its end. */
  readonly elapsedMs: number;
}

const DEFAULT_TIMEOUT_MS = 20_000;

/**
 * The command line that runs `command` in a namespace. `ip` replaces itself by the program, so that the process
 * started is the program itself and ending it leaves nothing behind.
 */
export function inNamespace(
  namespace: string | undefined,
  command: readonly string[],
): [program: string, ...args: string[]] {
  const words = namespace === undefined ? command : ["ip", "netns", "exec", namespace, ...command];
  const [program, ...args] = words;
  if (program === undefined) throw new TypeError("Cannot run an empty command");
  return [program, ...args];
}

/**
 * Runs a program to its end. A failing exit code is a result, not an error.
 *
 * @throws {Error} If the program has not ended within `timeoutMs`; it is killed then.
 */
export async function runCommand(
  command: readonly string[],
  options: RunCommandOptions = {},
): Promise<CommandResult> {
  const { namespace, env = {}, stdin } = options;
  const timeoutMs = patiently(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const [program, ...args] = inNamespace(namespace, command);
  const startMs = performance.now();
  const child = new Deno.Command(program, {
    args,
    env: { ...env },
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, timeoutMs);
  try {
    const ended = child.output();
    if (stdin !== undefined) await feed(child.stdin, stdin);
    const { code, stdout, stderr } = await ended;
    const elapsedMs = performance.now() - startMs;
    const text = new TextDecoder();
    const result = { code, stdout: text.decode(stdout), stderr: text.decode(stderr), elapsedMs };
    if (timedOut) {
      throw new Error(
        `${command.join(" ")} had not ended after ${timeoutMs} ms: ${result.stdout}${result.stderr}`,
      );
    }
    return result;
  } finally {
    clearTimeout(timer);
  }
}

/** A program that ends without reading its input is told apart by its exit code, not by a broken pipe here. */
async function feed(stdin: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/**
 * Splits a command as the environment variable `NATPMP` has it.
 *
 * @throws {SyntaxError} If it begins like a JSON array and is none of words.
 */
export function parseCommand(text: string): readonly string[] {
  if (!text.startsWith("[")) return text.split(" ").filter((word) => word !== "");
  const words: unknown = JSON.parse(text);
  if (Array.isArray(words) && words.length > 0 && words.every((word) => typeof word === "string")) {
    return words;
  }
  throw new SyntaxError(`Cannot read the command ${text}: an array of words is wanted`);
}

/** The command under test, without its arguments. */
export function natpmpCommand(): readonly string[] {
  const command = parseCommand(Deno.env.get("NATPMP") ?? "");
  if (command.length > 0) return command;
  return [Deno.execPath(), "run", "-q", "--frozen", "-A", new URL("../../main.ts", import.meta.url).href];
}

const COMMANDS_THAT_ASK = ["address", "map", "unmap", "watch", "status"];
const VIA_OPTIONS = ["--via", "--igd"];

/** The protocol of the tests that name none; the environment variable `NATPMP_E2E_VIA` changes it. */
export const TESTED_VIA = Deno.env.get("NATPMP_E2E_VIA") ?? "nat-pmp";

/**
 * Arguments that speak the protocol under test unless they name one: the gateway of the tests speaks all of them, and over
 * PCP its lifetimes are 120 s at least, and a renewal has other times.
 */
export function overTestedVia(args: readonly string[]): readonly string[] {
  const [command = ""] = args;
  const isOpen = COMMANDS_THAT_ASK.includes(command) && !args.some((arg) => VIA_OPTIONS.includes(arg));
  return isOpen ? [command, "--via", TESTED_VIA, ...args.slice(1)] : args;
}

/** Options of {@linkcode runNatpmp}. */
export interface RunNatpmpOptions extends RunCommandOptions {
  /** A program that runs the command which follows its own arguments, such as `env PATH=/nowhere`. */
  readonly through?: readonly string[];
}

/** Runs the `natpmp` under test with these arguments. */
export function runNatpmp(args: readonly string[], options: RunNatpmpOptions = {}): Promise<CommandResult> {
  const { through = [], env = {}, ...rest } = options;
  return runCommand([...through, ...natpmpCommand(), ...overTestedVia(args)], {
    ...rest,
    env: { XDG_STATE_HOME: stateDirectory(), ...env },
  });
}

/** A command line as one word of a shell. */
export function shellText(command: readonly string[]): string {
  return command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
}
