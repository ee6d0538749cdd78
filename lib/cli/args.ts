import { parseArgs } from "@std/cli/parse-args";
import {
  type CommandName,
  COMMANDS,
  type OptionName,
  OPTIONS,
  optionsOf,
  type OptionSpec,
} from "./option_table.ts";
import { UsageError } from "./usage_error.ts";

/** A command line, taken apart and known to fit the option table. */
export interface CommandLine {
  /** Absent when none was given. */
  readonly command?: CommandName;
  /** The arguments after the command that are not options. */
  readonly operands: readonly string[];
  /** Whether a flag was given. */
  has(flag: OptionName): boolean;
  /** The value of an option, the last one if it was given more than once. */
  value(option: OptionName): string | undefined;
  /** Every value of an option, in order. */
  values(option: OptionName): readonly string[];
  /** Whether an option or flag is on the command line itself, not only in a configuration file. */
  isTyped(option: OptionName): boolean;
}

/**
 * Takes a command line, without the program's name, apart. Options may stand anywhere before `--`; everything after that
 * is an operand.
 *
 * @throws {UsageError} If an option is unknown, misses its value, has one that it does not take, or belongs to
 * another command; or if the command is unknown.
 */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { options, operands } = splitArguments(args);
  const names = Object.keys(OPTIONS);
  const isFlag = (name: string) => OPTIONS[name as OptionName] && !("value" in OPTIONS[name as OptionName]);
  const parsed = parseArgs(options, {
    boolean: names.filter(isFlag),
    string: names.filter((name) => !isFlag(name)),
    collect: names.filter((name) => !isFlag(name)),
  });
  const values = (option: OptionName) => (parsed[option] ?? []) as string[];
  const line = {
    operands: operands.slice(1),
    has: (flag: OptionName) => parsed[flag] === true,
    value: (option: OptionName) => values(option).at(-1),
    values,
    isTyped: (option: OptionName) => isFlag(option) ? parsed[option] === true : values(option).length > 0,
  };
  const word = operands[0];
  if (word === undefined) return line;
  if (!isCommand(word)) {
    const known = Object.keys(COMMANDS);
    throw new UsageError(`Unknown command "${word}": the commands are ${known.join(", ")}`, { word, known });
  }
  for (const [name, spec] of optionsOf()) {
    if (line.isTyped(name) && !spec.commands.includes(word)) {
      throw new UsageError(
        `"natpmp ${word}" has no option --${name}: it belongs to ${spec.commands.join(", ")}`,
      );
    }
    if (values(name).length > 1 && !spec.repeats) {
      throw new UsageError(`Option --${name} is given more than once`);
    }
  }
  return { ...line, command: word };
}

function isCommand(word: string): word is CommandName {
  return Object.hasOwn(COMMANDS, word);
}

interface SplitArguments {
  /** Long options only, each as `--flag` or `--option=value`. */
  readonly options: string[];
  readonly operands: string[];
}

/**
 * Sorts arguments into options in their long form and operands, by the option table. `parseArgs` by itself would guess
 * where a cluster of letters or a negative number ends, and forgive options it does not know.
 */
function splitArguments(args: readonly string[]): SplitArguments {
  const options: string[] = [];
  const operands: string[] = [];
  const rest = [...args];
  const take = (name: OptionName, spec: OptionSpec, shown: string, attached: string | undefined) => {
    if (spec.value === undefined) {
      if (attached !== undefined) {
        throw new UsageError(`Option ${shown} takes no value, but "${attached}" was given`);
      }
      return options.push(`--${name}`);
    }
    const next = rest[0];
    if (attached === undefined && next !== undefined && isOption(next)) {
      throw new UsageError(
        `Option ${shown} needs a value (${spec.value}), but the option ${next} follows: ` +
          `if that is the value, write --${name}=${next}`,
      );
    }
    const value = attached ?? rest.shift();
    if (value === undefined || value === "") {
      throw new UsageError(`Option ${shown} needs a value: ${spec.value}`);
    }
    options.push(`--${name}=${value}`);
  };
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") {
      operands.push(...rest.splice(0));
    } else if (arg.startsWith("--")) {
      const [name = "", ...value] = arg.slice(2).split("=");
      const spec = Object.hasOwn(OPTIONS, name) ? OPTIONS[name as OptionName] : undefined;
      if (spec === undefined) {
        const command = [...operands, ...rest].find(isCommand);
        const known = optionsOf(command).map(([name]) => `--${name}`);
        throw new UsageError(`Unknown option --${name}: natpmp COMMAND --help lists the options`, {
          word: `--${name}`,
          known,
        });
      }
      take(name as OptionName, spec, `--${name}`, value.length === 0 ? undefined : value.join("="));
    } else if (isOption(arg)) {
      takeCluster(arg, take);
    } else {
      operands.push(arg);
    }
  }
  return { options, operands };
}

/** Whether an argument is read as options, or as `--`, wherever no value is wanted: a negative number is not. */
function isOption(arg: string): boolean {
  return arg.startsWith("--") || /^-[^0-9]/.test(arg);
}

/** `-uq`, `-l60`, `-ul60`, `-g=10.0.0.1`: flags, up to the first option that takes the rest as its value. */
function takeCluster(
  arg: string,
  take: (name: OptionName, spec: OptionSpec, shown: string, attached: string | undefined) => void,
): void {
  const letters = [...arg.slice(1)];
  for (let letter = letters.shift(); letter !== undefined; letter = letters.shift()) {
    const [name, spec] = optionsOf().find(([, spec]) => spec.short === letter) ?? [];
    if (name === undefined || spec === undefined) {
      throw new UsageError(
        `Unknown option -${letter}${
          arg.length > 2 ? ` in ${arg}` : ""
        }: natpmp COMMAND --help lists the options`,
      );
    }
    const hasRest = letters.length > 0 && (spec.value !== undefined || letters[0] === "=");
    const attached = hasRest ? letters.splice(0).join("").replace(/^=/, "") : undefined;
    take(name, spec, `-${letter}`, attached);
  }
}
