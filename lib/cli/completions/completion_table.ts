import { type CommandName, COMMANDS, optionsOf, type OptionSpec } from "../option_table.ts";

/** A word that a shell offers. One that ends with `=` is to be continued. */
export interface OfferedWord {
  readonly word: string;
  readonly description?: string;
}

/** What completions are made from, the same for each shell. */
export interface CompletionTable {
  readonly commands: readonly OfferedWord[];
  /** The options by their long names. */
  readonly options: readonly (readonly [name: string, spec: OptionSpec])[];
  /** The commands whose operands are mapping specs. */
  readonly specCommands: readonly string[];
  /** What ends a mapping spec behind its slash. */
  readonly protocols: readonly string[];
  /** The commands whose one operand is one of some words. */
  readonly operands: readonly (readonly [command: string, words: readonly OfferedWord[]])[];
  /** What `--fault` takes. */
  readonly faults: readonly OfferedWord[];
  /** The letters of the options that take a value, and of those that do not. */
  readonly letters: { readonly values: string; readonly flags: string };
}

/** A fault of the simulated gateway. */
export interface Fault {
  readonly name: string;
  /** What stands for its value, or its values with `|` between them; absent when it takes none. */
  readonly value?: string;
  readonly summary: string;
}

/**
 * Arranges the option table for the makers of completions.
 *
 * @param faults What the simulated gateway can do wrong.
 * @returns The table.
 */
export function completionTable(faults: readonly Fault[]): CompletionTable {
  const options = optionsOf();
  const commands = Object.entries(COMMANDS).map(([word, { summary }]) => ({ word, description: summary }));
  const names = Object.keys(COMMANDS) as CommandName[];
  const letters = options.flatMap(([, { short, value }]) =>
    short === undefined ? [] : [{ short, takesValue: value !== undefined }]
  );
  const lettersThat = (takesValue: boolean) =>
    letters.filter((letter) => letter.takesValue === takesValue).map(({ short }) => short).join("");
  return {
    commands,
    options,
    specCommands: names.filter((name) => COMMANDS[name].completes === "spec"),
    protocols: ["tcp", "udp", "both"],
    operands: names.flatMap((name) => {
      const { completes } = COMMANDS[name];
      if (completes === undefined || completes === "spec") return [];
      return [[name, completes === "command" ? commands : completes.map((word) => ({ word }))] as const];
    }),
    faults: [...faults.flatMap(offeredForms), { word: "help", description: "Lists the names." }],
    letters: { values: lettersThat(true), flags: lettersThat(false) },
  };
}

/** The name alone, the name with each of its values, or the name up to the value that only the user knows. */
function offeredForms({ name, value, summary }: Fault): OfferedWord[] {
  if (value === undefined) return [{ word: name, description: summary }];
  const values = value.includes("|") ? value.split("|") : [""];
  return values.map((text) => ({ word: `${name}=${text}`, description: summary }));
}
