import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);

/**
 * How natpmp is run from source: as `deno task natpmp` does.
 *
 * @returns The program and its first arguments, for any working directory.
 */
export async function sourceCommand(): Promise<readonly string[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const words: readonly string[] = tasks.natpmp.command.split(" ");
  return words.map((word) => {
    if (word === "deno") return Deno.execPath();
    return word === "main.ts" ? fileURLToPath(new URL(word, ROOT)) : word;
  });
}
