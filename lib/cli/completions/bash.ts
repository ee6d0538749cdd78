import type { OptionSpec, ValueKind } from "../option_table.ts";
import { BASH_FUNCTIONS } from "./bash_functions.ts";
import type { CompletionTable } from "./completion_table.ts";
import { ADDRESSES_QUERY, INTERFACES_QUERY } from "./host_queries.ts";

/**
 * The completions for bash 4.4 or later, which need nothing else, not even the package bash-completion.
 *
 * @param table Commands, options, operands and faults.
 * @returns A script to be sourced.
 */
export function bashCompletions(table: CompletionTable): string {
  return `# bash completion for natpmp; made by "natpmp completions bash".\n${
    tableFunctions(table)
  }${BASH_FUNCTIONS}`;
}

/** The functions that know the table. They answer in REPLY. */
function tableFunctions(
  { commands, options, specCommands, protocols, operands, faults }: CompletionTable,
): string {
  const names = (wanted: (spec: OptionSpec) => boolean) =>
    options.filter(([, spec]) => wanted(spec)).map(([name]) => name);
  const ofKind = (kind: ValueKind) => names(({ completes }) => completes === kind).join(" | ");
  const branch = (pattern: string, words: readonly string[]) =>
    `    ${pattern}) REPLY='${words.join(" ")}' ;;`;
  return `
# The long name of the option that a letter is short for.
_natpmp_long() {
  case $1 in
${options.flatMap(([name, { short }]) => short === undefined ? [] : branch(short, [name])).join("\n")}
    *) return 1 ;;
  esac
}

_natpmp_letters() {
  REPLY='${options.flatMap(([, { short }]) => short ?? []).join(" ")}'
}

# Whether a value follows an option.
_natpmp_takes_value() {
  case $1 in
    ${names(({ value }) => value !== undefined).join(" | ")}) ;;
    *) return 1 ;;
  esac
}

# Remembers that an option is there, unless it may be there again.
_natpmp_see() {
  case $1 in
    ${names(({ repeats }) => repeats === true).join(" | ")}) ;;
    *) seen+="$1 " ;;
  esac
}

# The options of a command, or all of them before there is one.
_natpmp_options() {
  case $1 in
${branch("''", names(() => true))}
${
    commands.map(({ word }) => branch(word, names((spec) => spec.commands.some((name) => name === word))))
      .join("\n")
  }
    *) REPLY= ;;
  esac
}

# The words that can be a command's one operand.
_natpmp_operands() {
  case $1 in
${branch("''", commands.map(({ word }) => word))}
${operands.map(([name, words]) => branch(name, words.map(({ word }) => word))).join("\n")}
    *) REPLY= ;;
  esac
}

# Whether a command takes mapping specs.
_natpmp_takes_specs() {
  case $1 in
    ${specCommands.join(" | ")}) ;;
    *) return 1 ;;
  esac
}

# Offers what can follow a mapping spec's slash.
_natpmp_offer_specs() {
  [[ $cur != *[0-9]/* ]] || _natpmp_offer "\${cur%/*}/" "\${cur##*/}" ${protocols.join(" ")}
}

# Offers values of an option, or of the redirection ">".
_natpmp_offer_values() {
  case $1 in
    ${ofKind("file")} | '>') _natpmp_offer_files "$2" "$3" ;;
    ${ofKind("interface")}) _natpmp_offer_lines "$2" "$3" < <(command sh -c '${INTERFACES_QUERY}') ;;
    ${ofKind("address")}) _natpmp_offer_lines "$2" "$3" < <(command sh -c '${ADDRESSES_QUERY}') ;;
    ${ofKind("command")}) _natpmp_offer_commands "$2" "$3" ;;
    ${ofKind("fault")}) _natpmp_offer "$2" "$3" ${faults.map(({ word }) => word).join(" ")} ;;
  esac
}
`;
}
