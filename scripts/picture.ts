/**
 * Writes the README's picture, `.github/natpmp.svg`: what the program prints on a terminal, beside the simulated
 * router. The same program gives the same bytes.
 *
 * Usage: deno task picture
 */

import { TERMINAL_SIZE } from "./picture/simulated_host.ts";
import { story } from "./picture/story.ts";
import { drawScenes } from "./picture/svg.ts";

/** Where the picture is. */
export const PICTURE = new URL("../.github/natpmp.svg", import.meta.url);

/**
 * Runs the program and draws what it prints.
 *
 * @returns The SVG.
 */
export async function picture(): Promise<string> {
  return drawScenes(await story(), { title: "natpmp in a terminal", columns: TERMINAL_SIZE.columns });
}

if (import.meta.main) await Deno.writeTextFile(PICTURE, await picture());
