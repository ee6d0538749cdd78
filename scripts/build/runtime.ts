import { Buffer } from "node:buffer";
import { resolve } from "node:path";
import { BuildError } from "./build_error.ts";
import type { Target } from "./targets.ts";

/** Options of {@linkcode chosenRuntime}. */
export interface ChosenRuntimeOptions {
  readonly environment: Readonly<Record<string, string>>;
  /** The version of the compiler, which serves only its own runtime. */
  readonly denoVersion: string;
  /** Whether other targets are built too, so that `DENORT_BIN` may be meant for one of them. */
  readonly isOneOfSeveral: boolean;
  readonly readFile: (path: string) => Promise<Uint8Array>;
}

/** Names the runtime of one target, whichever its header says. */
const ANY_TARGET = "DENORT_BIN";

/**
 * The environment variable that names the runtime of a target.
 *
 * @param target The target.
 * @returns Such as `DENORT_BIN_LINUX_X64`.
 */
export function runtimeVariable(target: Target): string {
  return `${ANY_TARGET}_${target.name.toUpperCase().replace("-", "_")}`;
}

/**
 * The runtime that the environment names for a target.
 *
 * @param target The target.
 * @param options The environment, and what the runtime has to fit.
 * @returns The absolute path of a denort; `undefined` where the compiler is to use its cache or fetch one.
 * @throws {BuildError} If the file is not to be read, or is of another target or another Deno.
 */
export async function chosenRuntime(
  target: Target,
  options: ChosenRuntimeOptions,
): Promise<string | undefined> {
  const { environment, denoVersion, isOneOfSeveral } = options;
  const own = environment[runtimeVariable(target)];
  const path = own || environment[ANY_TARGET];
  if (!path) return undefined;
  const variable = own ? runtimeVariable(target) : ANY_TARGET;
  const bytes = await options.readFile(path).catch((error) => {
    throw new BuildError(`Cannot read the runtime that ${variable} names: ${error.message}`);
  });
  const name = runtimeTarget(bytes);
  if (name !== target.name) {
    if (!own && isOneOfSeveral && name !== undefined) return undefined;
    throw new BuildError(
      `${variable} names ${path}, which is ${name === undefined ? "not a program" : `for ${name}`}, ` +
        `not a denort for ${target.name}`,
    );
  }
  if (Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(`Deno/${denoVersion}`) === -1) {
    throw new BuildError(
      `${variable} names ${path}, which is not of Deno ${denoVersion}: a runtime serves only its own version`,
    );
  }
  return resolve(path);
}

const ELF = "\x7fELF";
const MACH_O_64 = "\xcf\xfa\xed\xfe";
const PE = "PE\0\0";

/** By the machine's number in the header. */
const PROCESSORS: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  linux: { 62: "x64", 183: "arm64" },
  macos: { 0x0100_0007: "x64", 0x0100_000c: "arm64" },
  windows: { 0x8664: "x64", 0xaa64: "arm64" },
};

/**
 * Reads from its header what system and processor a program is for.
 *
 * @param bytes The program.
 * @returns The target's name; `undefined` if it is not a program, or for something else.
 */
export function runtimeTarget(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (offset: number) => String.fromCharCode(...bytes.subarray(offset, offset + 4));
  if (bytes.length < 64) return undefined;
  if (text(0) === ELF) return nameOf("linux", view.getUint16(18, true));
  if (text(0) === MACH_O_64) return nameOf("macos", view.getUint32(4, true));
  if (text(0).startsWith("MZ")) {
    const header = view.getUint32(0x3c, true);
    if (header + 6 <= bytes.length && text(header) === PE) {
      return nameOf("windows", view.getUint16(header + 4, true));
    }
  }
  return undefined;
}

function nameOf(system: string, machine: number): string | undefined {
  const processor = PROCESSORS[system]?.[machine];
  return processor && `${system}-${processor}`;
}

/** Options of {@linkcode missingRuntimeMessage}. */
export interface MissingRuntimeOptions {
  readonly denoVersion: string;
  /** Deno's cache, as `deno info` has it. */
  readonly denoDirectory: string;
  /** The reason why it could not be fetched. */
  readonly reason: string;
}

/** Where a runtime lies at its publisher's, and in Deno's cache. */
function releasedFile({ triple }: Target, denoVersion: string): string {
  return `release/v${denoVersion}/denort-${triple}.zip`;
}

/**
 * Where Deno keeps the runtime of a target.
 *
 * @param target The target.
 * @param options The version, and Deno's cache.
 * @returns The absolute path of a zip archive that holds a denort.
 */
export function cachedRuntime(
  target: Target,
  options: Pick<MissingRuntimeOptions, "denoVersion" | "denoDirectory">,
): string {
  return resolve(options.denoDirectory, "dl", releasedFile(target, options.denoVersion));
}

/**
 * The advice where a runtime is not to be had.
 *
 * @param target The target.
 * @param options The known circumstances.
 * @returns One message: which file to put where.
 */
export function missingRuntimeMessage(target: Target, options: MissingRuntimeOptions): string {
  const { denoVersion, reason } = options;
  const file = releasedFile(target, denoVersion);
  return `Deno ${denoVersion} has no runtime for ${target.name} at hand and cannot fetch ` +
    `https://dl.deno.land/${file} (${reason}). For an offline build put that file at ` +
    `${cachedRuntime(target, options)}, or unpack it and name the denort in it by ${runtimeVariable(target)}`;
}
