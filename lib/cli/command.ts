import type { CommandLine } from "./args.ts";
import type { Output } from "./output.ts";
import type { World } from "./world.ts";

/** The line, world and output that a command runs with. */
export interface CommandContext {
  readonly line: CommandLine;
  readonly world: World;
  readonly output: Output;
}

/** Runs one command to its exit code. Throws what the caller should hear as the failure of the whole command. */
export type Command = (context: CommandContext) => Promise<number>;
