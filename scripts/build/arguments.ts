import { parseArgs } from "@std/cli/parse-args";
import { UsageError } from "./build_error.ts";
import { type Target, targetOf, TARGETS } from "./targets.ts";

/** The arguments of `deno task build`, parsed. */
export interface BuildArguments {
  /** Without repetition; empty stands for this machine's. */
  readonly targets: readonly Target[];
  /** Whether every target is wanted, of those that a runtime is to be had for. */
  readonly isAll: boolean;
  /** Where the files go. */
  readonly out: string;
  /** Whether the modules are bundled before they are compiled. */
  readonly bundles: boolean;
  readonly help: boolean;
}

/** The text of `--help`. */
export const HELP = `Compiles natpmp into standalone programs, and packs them.

Usage: deno task build [--target TARGET]… [--all] [--out DIRECTORY]

  --target TARGET   this target instead of this machine's; may be repeated:
                    ${TARGETS.map(({ name }) => name).join(", ")}
  --all             every target; a target without a runtime is left out, and the exit code is 3
  --out DIRECTORY   the directory for the files (default: dist)
  --no-bundle       compile the modules as they are, without Deno's bundler

The build downloads a runtime of this Deno on first use. Offline, set DENORT_BIN to the denort of the one target, or
DENORT_BIN_LINUX_X64, DENORT_BIN_WINDOWS_ARM64 and so on to the denort of each target.

Exit codes: 0 done, 1 failed, 2 usage, 3 --all without some of the targets.
`;

const KNOWN = ["target", "all", "out", "no-bundle", "help"];

/**
 * Reads the command line of the build.
 *
 * @param args The arguments.
 * @returns The parsed arguments.
 * @throws {UsageError} If they cannot be meant.
 */
export function parseBuildArguments(args: readonly string[]): BuildArguments {
  const { _: operands, ...options } = parseArgs([...args], {
    boolean: ["all", "no-bundle", "help"],
    string: ["target", "out"],
    collect: ["target"],
  });
  const unknown = Object.keys(options).find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`Unknown option ${unknown.length > 1 ? "--" : "-"}${unknown}`);
  }
  if (operands.length > 0) {
    throw new UsageError(`Unknown argument "${operands[0]}": a target is --target NAME`);
  }
  const words = options.target as string[];
  const { out = "dist" } = options as { out?: string };
  if (words.includes("")) throw new UsageError("Option --target needs a value, such as --target linux-x64");
  if (out === "") throw new UsageError("Option --out needs a value: a directory");
  const isAll = options.all === true;
  if (isAll && words.length > 0) throw new UsageError("--all and --target exclude each other");
  return {
    targets: isAll ? TARGETS : [...new Set(words.map(targetOf))],
    isAll,
    out,
    bundles: options["no-bundle"] !== true,
    help: options.help === true,
  };
}
