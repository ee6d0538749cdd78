/** The facts about itself that a build knows and its source does not. */
export interface BuildInfo {
  /** The commit that was built, with `-dirty` behind it where tracked files differed from it. */
  readonly commit?: string;
}

/** Nothing, run from source: `scripts/build.ts` compiles another text of this file. */
export const BUILD_INFO: BuildInfo = {};
