import type { Files } from "../../files/files.ts";

/** This many runs in a row without their work are not a coincidence. */
const REPORTED_RUNS = 3;

/** Nobody needs a lock for this long: its holder hangs, and then nothing is renewed any more. */
export const HANGS_AFTER_MS = 60_000;

/** A digit, a line's end, and what must not follow. */
const MAX_BYTES = 3;

/** Options of {@linkcode MissedRuns}. */
export interface MissedRunsOptions {
  readonly files: Pick<Files, "readText" | "replace" | "remove">;
  /** The file of the count; absent where it has no place. */
  readonly path: string | undefined;
}

/**
 * The runs in a row that somebody with a lock kept from their work. They are counted in a file of their own: the lock of
 * the state may be the one that is held.
 */
export class MissedRuns {
  readonly #options: MissedRunsOptions;
  #count: number | undefined;

  constructor(options: MissedRunsOptions) {
    this.#options = options;
  }

  /** How many there are, with this one; more than any where they cannot be counted. */
  async count(): Promise<number> {
    return this.#count ??= await this.#add();
  }

  /** Whether to report the lock that kept this run from its work. */
  async isReported({ heldForMs = 0 }: { readonly heldForMs?: number | undefined }): Promise<boolean> {
    const count = await this.count();
    return heldForMs >= HANGS_AFTER_MS || count >= REPORTED_RUNS;
  }

  /** The run is over: unless it was missed itself, those before it were not in a row. */
  async end(): Promise<void> {
    const { files, path } = this.#options;
    if (this.#count === undefined && path !== undefined) await files.remove(path).catch(() => {});
  }

  async #add(): Promise<number> {
    const { files, path } = this.#options;
    if (path === undefined) return Infinity;
    try {
      const [digit = "0"] = /^[0-9](?=\n$)/.exec(await files.readText(path, MAX_BYTES) ?? "") ?? [];
      // The count has one digit.
      const count = Math.min(Number(digit) + 1, 9);
      await files.replace(path, `${count}\n`, { isAlone: false });
      return count;
    } catch {
      return Infinity;
    }
  }
}
