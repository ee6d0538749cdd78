import type { CommandLine } from "./args.ts";
import type { Output } from "./output.ts";
import type { World } from "./world.ts";

/** What a command is given. */
export interface CommandContext {
  readonly line: CommandLine;
  readonly world: World;
  readonly output: Output;
}

/** Runs one command to its exit code. Throws what the caller should hear as the failure of the whole command. */
export type Command = (context: CommandContext) => Promise<number>;
