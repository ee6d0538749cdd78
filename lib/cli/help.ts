import { type CommandName, COMMANDS, helpOf, optionsOf, type OptionSpec, TOPICS } from "./option_table.ts";
import { type Cells, indent, table, wrap } from "./text_layout.ts";

/** Describes the program in a sentence. */
export const PROGRAM_DESCRIPTION =
  "natpmp opens ports on routers, whether they speak PCP (RFC 6887), NAT-PMP (RFC 6886) or UPnP.";

const INDENTATION = "  ";

/** A part of a help text: a paragraph, or a table or command lines below a title. */
type Part =
  | string
  | { readonly title: string }
    & ({ readonly rows: readonly Cells[] } | { readonly lines: readonly string[] });

/** The text of `--help`, made from the option table; without a command, the program's own. */
export function helpText(command: CommandName | undefined, width: number): string {
  return layOut(command === undefined ? programHelp() : commandHelp(command), width);
}

/** The text of `natpmp help`. */
export function overviewText(
  titles: readonly (readonly [topic: string, title: string])[],
  width: number,
): string {
  return layOut([
    PROGRAM_DESCRIPTION,
    "You need it if this machine is behind a home router or a VPN. A machine with a public address of its own " +
    "needs no mapping.",
    commandList(),
    { title: "Topics of the manual", rows: titles },
    "natpmp help TOPIC prints a page of the manual. natpmp COMMAND --help prints the options of a command. " +
    "To read a page screen by screen, give it to a pager: natpmp help cron | less",
  ], width);
}

function programHelp(): Part[] {
  return [
    PROGRAM_DESCRIPTION,
    "Usage: natpmp COMMAND [OPTION]…",
    commandList(),
    optionList("Options of every command", "help"),
    "natpmp COMMAND --help prints the options of a command. natpmp help lists the topics of the manual.",
  ];
}

function commandHelp(command: CommandName): Part[] {
  const { operands, summary, details, examples } = COMMANDS[command];
  const page = TOPICS.find((topic) => topic === command);
  return [
    `natpmp ${command}: ${summary}`,
    `Usage: natpmp ${command} ${operands && `${operands} `}[OPTION]…`,
    ...details,
    optionList("Options", command),
    { title: "Examples", lines: examples },
    ...(page === undefined ? [] : [`natpmp help ${page} explains more.`]),
  ];
}

function commandList(): Part {
  return { title: "Commands", rows: Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary]) };
}

function optionList(title: string, command: CommandName): Part {
  return {
    title,
    rows: optionsOf(command).map(([name, spec]) => [
      `${spec.short === undefined ? "    " : `-${spec.short}, `}${optionForm(name, spec)}`,
      helpOf(spec, command),
    ]),
  };
}

function optionForm(name: string, { value }: OptionSpec): string {
  return `--${name}${value === undefined ? "" : ` ${value}`}`;
}

function layOut(parts: readonly Part[], width: number): string {
  return parts.map((part) => {
    if (typeof part === "string") return wrap(part, width);
    const lines = "lines" in part ? part.lines : table(part.rows, width - INDENTATION.length);
    return [`${part.title}:`, ...indent(lines, INDENTATION)];
  }).map((lines) => `${lines.join("\n")}\n`).join("\n");
}
