import { BuildError } from "./build_error.ts";
import type { SourceState } from "./source_state.ts";

/**
 * Asks a program of this machine's target what it is.
 *
 * @param program Its path.
 * @param state The state that it was made from.
 * @throws {BuildError} If it does not start, or is something else.
 */
export async function verifyProgram(program: string, { version, commit }: SourceState): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: ["--version", "--json"],
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  if (!success) throw new BuildError(`${program} does not start: ${text.decode(stderr).trim()}`);
  const reported = JSON.parse(text.decode(stdout));
  if (reported.version !== version || reported.commit !== commit || reported.deno !== Deno.version.deno) {
    throw new BuildError(`${program} is not what was built: ${text.decode(stdout).trim()}`);
  }
}
