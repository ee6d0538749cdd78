import project from "../../deno.json" with { type: "json" };

/** The state of the source: the same state gives the same bytes. */
export interface SourceState {
  readonly version: string;
  /** With `-dirty` behind it where tracked files differ from it; absent outside of a git checkout. */
  readonly commit?: string;
  /** The time that everything in the build carries, in seconds since 1970. */
  readonly timeSeconds: number;
}

/** The earliest time of a zip archive, for a source of unknown age. */
const EARLIEST_SECONDS = Date.UTC(1980, 0, 1) / 1000;

/** Runs git: its output, or `undefined` where it fails or is not there. */
export type Git = (...args: string[]) => Promise<string | undefined>;

/**
 * The git of a directory.
 *
 * @param directory The directory.
 * @returns Runs git there.
 */
export function gitOf(directory: string): Git {
  return async (...args) => {
    try {
      const { success, stdout } = await new Deno.Command("git", { args, cwd: directory, stdin: "null" })
        .output();
      return success ? new TextDecoder().decode(stdout).trim() : undefined;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  };
}

/**
 * Reads the state to build.
 *
 * @param git The git of the source's directory.
 * @param sourceDateEpoch The value of `SOURCE_DATE_EPOCH`, which goes before the commit's time.
 * @returns The state.
 * @throws {SyntaxError} If `SOURCE_DATE_EPOCH` is not a whole number.
 */
export async function sourceState(git: Git, sourceDateEpoch?: string): Promise<SourceState> {
  if (sourceDateEpoch && !/^[0-9]+$/.test(sourceDateEpoch)) {
    throw new SyntaxError(`SOURCE_DATE_EPOCH is "${sourceDateEpoch}", not a number of seconds since 1970`);
  }
  const head = await git("rev-parse", "HEAD");
  const commit = head &&
    (await git("status", "--porcelain", "--untracked-files=no") ? `${head}-dirty` : head);
  const seconds = Number(sourceDateEpoch || await git("log", "-1", "--format=%ct") || 0);
  return {
    version: project.version,
    ...(commit ? { commit } : {}),
    timeSeconds: Math.max(seconds, EARLIEST_SECONDS),
  };
}
