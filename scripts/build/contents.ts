import type { ArchiveEntry } from "./archive_entry.ts";
import { BuildError } from "./build_error.ts";
import { failureText, runDeno } from "./deno_process.ts";

/** Files of the project, by their names in the archive. */
const FILES: Readonly<Record<string, string>> = {
  "LICENSE": "LICENSE",
  "README.md": "README.md",
  "CHANGELOG.md": "CHANGELOG.md",
  "config.schema.json": "lib/cli/config/config.schema.json",
};

/** Texts that the project prints, by their names in the archive: what Deno runs for them. */
const PRINTED: Readonly<Record<string, readonly string[]>> = {
  // "completions/natpmp.bash": ["-A", "main.ts", "completions", "bash"],
  // "completions/_natpmp": ["-A", "main.ts", "completions", "zsh"],
  // "completions/natpmp.fish": ["-A", "main.ts", "completions", "fish"],
  // "man/natpmp.1": ["-A", "scripts/man_page.ts"],
};

/**
 * What an archive holds besides the program.
 *
 * @param root The project's directory.
 * @returns The files.
 * @throws {BuildError} If one of them cannot be had; it is named.
 */
export async function archiveContents(root: string): Promise<ArchiveEntry[]> {
  return await Promise.all([
    ...Object.entries(FILES).map(async ([path, file]) => ({
      path,
      bytes: await Deno.readFile(`${root}/${file}`).catch((error) => {
        throw new BuildError(`Cannot pack ${path}: ${error.message}`);
      }),
      isExecutable: false,
    })),
    ...Object.entries(PRINTED).map(async ([path, args]) => ({
      path,
      bytes: new TextEncoder().encode(await printed(args, { root, path })),
      isExecutable: false,
    })),
  ]);
}

async function printed(
  args: readonly string[],
  { root, path }: Record<"root" | "path", string>,
): Promise<string> {
  const { success, stdout, stderr } = await runDeno(["run", "--quiet", "--frozen", ...args], {
    directory: root,
  });
  if (success && stdout !== "") return stdout;
  throw new BuildError(`Cannot make ${path}: ${failureText(stderr) || "nothing was printed"}`);
}
