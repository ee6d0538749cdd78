import project from "../../deno.json" with { type: "json" };
import { BUILD_INFO } from "./build_info.ts";

/** The output of `natpmp --version --json`. */
export interface VersionReport {
  readonly version: string;
  /** Absent where it is not known, as when the program runs from source. */
  readonly commit?: string;
  /** System and processor, as the names of the released files have them: `linux-x64`. */
  readonly target: string;
  /** The version of the Deno inside, or of the one that runs the source. */
  readonly deno: string;
}

/** Where Deno and the names of our files differ. */
const NAMES: Readonly<Record<string, string>> = { darwin: "macos", x86_64: "x64", aarch64: "arm64" };

/** The name of a system and processor, as in `Deno.build`, in the names of the released files: `linux-x64`. */
export function targetName({ os, arch }: Readonly<Record<"os" | "arch", string>>): string {
  return `${NAMES[os] ?? os}-${NAMES[arch] ?? arch}`;
}

/**
 * Describes this program.
 *
 * @returns The report, with its fields in the order in which they are printed.
 */
export function versionReport(): VersionReport {
  return {
    version: project.version,
    ...BUILD_INFO,
    target: targetName(Deno.build),
    deno: Deno.version.deno,
  };
}
