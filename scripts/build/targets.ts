import { targetName } from "../../lib/cli/version.ts";
import { UsageError } from "./build_error.ts";

/** A system and processor that the program is built for. */
export interface Target {
  /** As in the names of the files: `linux-x64`. */
  readonly name: string;
  /** The compiler's name for it. */
  readonly triple: string;
  /** How the name of a program ends there. */
  readonly programSuffix: "" | ".exe";
  /** How the archive's name ends: what that system unpacks without more programs. */
  readonly archiveSuffix: ".tar.gz" | ".zip";
}

const UNIX = { programSuffix: "", archiveSuffix: ".tar.gz" } as const;
const WINDOWS = { programSuffix: ".exe", archiveSuffix: ".zip" } as const;

/** Every target that Deno's compiler has a runtime for, and that 2.7 and 2.9 both know. */
export const TARGETS: readonly Target[] = [
  { name: "linux-x64", triple: "x86_64-unknown-linux-gnu", ...UNIX },
  { name: "linux-arm64", triple: "aarch64-unknown-linux-gnu", ...UNIX },
  { name: "macos-x64", triple: "x86_64-apple-darwin", ...UNIX },
  { name: "macos-arm64", triple: "aarch64-apple-darwin", ...UNIX },
  { name: "windows-x64", triple: "x86_64-pc-windows-msvc", ...WINDOWS },
  { name: "windows-arm64", triple: "aarch64-pc-windows-msvc", ...WINDOWS },
];

/**
 * Finds a target by what a user calls it.
 *
 * @param word Its name, or the compiler's: `linux-x64` or `x86_64-unknown-linux-gnu`.
 * @returns The target.
 * @throws {UsageError} If there is none of that name.
 */
export function targetOf(word: string): Target {
  const target = TARGETS.find(({ name, triple }) => word === name || word === triple);
  if (target !== undefined) return target;
  throw new UsageError(
    `Unknown target "${word}": the targets are ${TARGETS.map(({ name }) => name).join(", ")}`,
  );
}

/**
 * The target that is this machine.
 *
 * @param build As in `Deno.build`.
 * @returns The target; `undefined` on a system that the compiler has no runtime for.
 */
export function hostTarget(build: Readonly<Record<"os" | "arch", string>>): Target | undefined {
  return TARGETS.find(({ name }) => name === targetName(build));
}
