import { type CommandName, COMMANDS, optionsOf, type OptionSpec } from "./option_table.ts";

/** Describes the program in a sentence. */
export const PROGRAM_DESCRIPTION = "natpmp opens ports on NAT-PMP gateways (RFC 6886).";

/** The text of `--help` for a command, or for the program, made from the option table. */
export function helpText(command?: CommandName): string {
  return command === undefined ? programHelp() : commandHelp(command);
}

function programHelp(): string {
  return paragraphs([
    PROGRAM_DESCRIPTION,
    `Usage: natpmp COMMAND [OPTION]…`,
    `Commands:\n${table(Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary]))}`,
    `Options of every command:\n${optionTable(optionsOf("help"))}`,
    "natpmp help COMMAND, or natpmp COMMAND --help, prints the options of a command.",
  ]);
}

function commandHelp(command: CommandName): string {
  const { operands, summary, details, examples } = COMMANDS[command];
  return paragraphs([
    `natpmp ${command}: ${summary}`,
    `Usage: natpmp ${command} ${operands && `${operands} `}[OPTION]…`,
    ...details,
    `Options:\n${optionTable(optionsOf(command))}`,
    `Examples:\n${examples.map((example) => `  ${example}`).join("\n")}`,
  ]);
}

function optionTable(options: readonly [string, OptionSpec][]): string {
  return table(options.map(([name, { short, value, help }]) => [
    `${short === undefined ? "   " : `-${short},`} --${name}${value === undefined ? "" : ` ${value}`}`,
    help,
  ]));
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`).join("\n");
}

function paragraphs(texts: readonly string[]): string {
  return `${texts.join("\n\n")}\n`;
}
