/**
 * Where processes that a test starts keep their state, so that none of it ends up in the user's own.
 *
 * @module
 */

let directory: string | undefined;

/** A directory for `XDG_STATE_HOME` that lives as long as this test file's run. */
export function stateDirectory(): string {
  if (directory === undefined) {
    const made = Deno.makeTempDirSync({ prefix: "natpmp-state-" });
    addEventListener("unload", () => Deno.removeSync(made, { recursive: true }));
    directory = made;
  }
  return directory;
}
