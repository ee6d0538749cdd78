import type { CommandLine } from "../args.ts";
import type { OptionName } from "../option_table.ts";
import type { Config } from "./config.ts";

/**
 * A command line with what a configuration file adds to it: what is not typed is as the file has it.
 *
 * @returns Both together; its operands are the command line's, and `isTyped()` knows what is not from the file.
 */
export function configuredLine(line: CommandLine, config: Config): CommandLine {
  const value = (option: OptionName) => line.value(option) ?? config.values[option];
  return {
    ...line,
    has: (flag) => line.has(flag) || config.flags.has(flag),
    value,
    values: (option) => line.isTyped(option) ? line.values(option) : [value(option) ?? []].flat(),
  };
}
