import type { ArchiveEntry, ArchiveOptions } from "./archive.ts";
import { BuildError } from "./build_error.ts";
import { failureText, runDeno, type RunDenoOptions } from "./deno_process.ts";

/** Files of the project, by their names in the archive. */
const FILES: Readonly<Record<string, string>> = {
  "LICENSE": "LICENSE",
  "README.md": "README.md",
  "CHANGELOG.md": "CHANGELOG.md",
  "config.schema.json": "lib/cli/config/config.schema.json",
};

/** Texts that the project prints, by their names in the archive: what Deno runs for them. */
const PRINTED: Readonly<Record<string, readonly string[]>> = {
  "completions/natpmp.bash": ["-A", "main.ts", "completions", "bash"],
  "completions/_natpmp": ["-A", "main.ts", "completions", "zsh"],
  "completions/natpmp.fish": ["-A", "main.ts", "completions", "fish"],
  "man/natpmp.1": ["-A", "scripts/man_page.ts", "natpmp"],
  "man/natpmp-watch.1": ["-A", "scripts/man_page.ts", "natpmp-watch"],
  "man/natpmp-config.5": ["-A", "scripts/man_page.ts", "natpmp-config"],
};

/**
 * The files that an archive holds besides the program.
 *
 * @param root The project's directory.
 * @param options The time that the texts carry.
 * @returns The files.
 * @throws {BuildError} If one of them cannot be had; it is named.
 */
export async function archiveContents(root: string, options: ArchiveOptions): Promise<ArchiveEntry[]> {
  const env = { SOURCE_DATE_EPOCH: String(options.timeSeconds) };
  const contents: ArchiveEntry[] = [];
  for (const [path, file] of Object.entries(FILES)) {
    const bytes = await Deno.readFile(`${root}/${file}`).catch((error) => {
      throw new BuildError(`Cannot pack ${path}: ${error.message}`);
    });
    contents.push({ path, bytes, isExecutable: false });
  }
  for (const [path, args] of Object.entries(PRINTED)) {
    const bytes = new TextEncoder().encode(await printed(path, args, { directory: root, env }));
    contents.push({ path, bytes, isExecutable: false });
  }
  return contents;
}

async function printed(path: string, args: readonly string[], options: RunDenoOptions): Promise<string> {
  const { success, stdout, stderr } = await runDeno(["run", "--quiet", "--frozen", ...args], options);
  if (success && stdout !== "") return stdout;
  throw new BuildError(`Cannot make ${path}: ${failureText(stderr) || "nothing was printed"}`);
}
