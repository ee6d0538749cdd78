/** The reason why a build ends: the caller's mistake, or something that it lacks. The message names the cure. */
export class BuildError extends Error {
  override readonly name = "BuildError";
}

/** The command line cannot be meant. */
export class UsageError extends BuildError {}

/** The compiler has no runtime of the target, and no way to fetch it. */
export class MissingRuntimeError extends BuildError {}
