import type { SourceState } from "./source_state.ts";

/** The sources of the program. */
const SOURCES = ["main.ts", "lib", "deno.json", "deno.lock"];

/** The file whose text a build replaces. */
const BUILD_INFO = "lib/cli/build_info.ts";

/** A copy of the source that builds work in, so that neither the work tree's place nor its changes get in. */
export interface Stage extends AsyncDisposable {
  /** The copied source, which knows its commit. */
  readonly source: string;
  /** Where a bundle may go. */
  readonly bundle: string;
  readonly timeSeconds: number;
}

/**
 * Copies the source into a temporary directory.
 *
 * @param root The project's directory.
 * @param state The state that the copy is to name as its own.
 * @returns The copy, which goes when it is disposed of.
 */
export async function stageSource(root: string, state: SourceState): Promise<Stage> {
  const directory = await Deno.makeTempDir({ prefix: "natpmp-build-" });
  const source = `${directory}/source`;
  await Deno.mkdir(source);
  for (const name of SOURCES) await copy(`${root}/${name}`, `${source}/${name}`);
  await Deno.writeTextFile(`${source}/${BUILD_INFO}`, buildInfoText(state));
  return {
    source,
    bundle: `${directory}/bundle`,
    timeSeconds: state.timeSeconds,
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

/**
 * The text of `lib/cli/build_info.ts` in a build.
 *
 * @param state The state of the source.
 * @returns The module's text.
 */
export function buildInfoText({ commit }: Pick<SourceState, "commit">): string {
  return `export const BUILD_INFO = ${JSON.stringify(commit === undefined ? {} : { commit })};\n`;
}

async function copy(from: string, to: string): Promise<void> {
  if ((await Deno.stat(from)).isFile) return await Deno.copyFile(from, to);
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) await copy(`${from}/${name}`, `${to}/${name}`);
}

/**
 * Gives every file below a directory one time: the compiler writes the times of what it embeds into the program.
 *
 * @param directory The directory.
 * @param timeSeconds The time, in seconds since 1970.
 */
export async function setTimes(directory: string, timeSeconds: number): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory) await setTimes(path, timeSeconds);
    else await Deno.utime(path, timeSeconds, timeSeconds);
  }
}
