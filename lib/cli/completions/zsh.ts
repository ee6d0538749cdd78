import type { OptionSpec, ValueKind } from "../option_table.ts";
import type { CompletionTable, OfferedWord } from "./completion_table.ts";
import { ADDRESSES_QUERY, INTERFACES_QUERY } from "./host_queries.ts";

/** What completes a value of each kind. */
const ACTIONS: Readonly<Record<ValueKind, string>> = {
  file: "_files",
  interface: "_natpmp_interfaces",
  address: "_natpmp_addresses",
  command: "_cmdstring",
  fault: "_natpmp_faults",
};

/**
 * The completions for zsh, with what each option does.
 *
 * @param table Commands, options, operands and faults.
 * @returns A script to be put into a directory of `fpath` as `_natpmp`, or to be sourced behind `compinit`.
 */
export function zshCompletions(table: CompletionTable): string {
  const { commands, options, specCommands, protocols, operands, faults, letters } = table;
  const valueOptions = options.flatMap(([name, { value }]) => value === undefined ? [] : `--${name}`);
  return `#compdef natpmp
# zsh completion for natpmp; made by "natpmp completions zsh".

_natpmp_commands() {
  local -a commands=(
${described(commands)}
  )
  _describe -t commands command commands
}

_natpmp_faults() {
  local -a whole=(
${described(faults.filter(({ word }) => !word.endsWith("=")))}
  )
  local -a begun=(
${described(faults.filter(({ word }) => word.endsWith("=")))}
  )
  _describe -t faults fault whole -- begun -S ''
}

_natpmp_interfaces() {
  local expl
  _wanted interfaces expl interface compadd - \${(f)"$(command sh -c '${INTERFACES_QUERY}')"}
}

_natpmp_addresses() {
  local expl
  _wanted addresses expl 'address of this host' compadd - \${(f)"$(command sh -c '${ADDRESSES_QUERY}')"}
}

_natpmp_specs() {
  local expl
  if compset -P '*[0-9]/'; then
    _wanted protocols expl protocol compadd - ${protocols.join(" ")}
  elif [[ $PREFIX != -* ]]; then
    _message -e mappings 'PORT[/PROTO] or EXTERNAL:INTERNAL[/PROTO], with ranges FIRST-LAST'
  fi
}

# Whether the command is one of these, or is not there yet.
_natpmp_is() {
  [[ -z $command ]] || (( \${@[(Ie)$command]} ))
}

_natpmp() {
  local command
  local -a specs=('1:command:_natpmp_commands')
  integer i
  for (( i = 2; i < CURRENT; i++ )); do
    case \${(Q)words[i]} in
      (--) (( i + 1 < CURRENT )) && command=\${(Q)words[i + 1]}; break ;;
      (${valueOptions.join("|")}|-[${letters.flags}]#[${letters.values}]) (( i++ )) ;;
      (-[^0-9]*) ;;
      (*) command=\${(Q)words[i]}; break ;;
    esac
  done
${options.map(optionLine).join("\n")}
  case $command in
    (${specCommands.join("|")}) specs+=('*:mapping:_natpmp_specs') ;;
${operands.map(operandLine).join("\n")}
  esac
  _arguments -s -S $specs
}

if [[ \${funcstack[1]} == _natpmp ]]; then
  _natpmp "$@"
else
  compdef _natpmp natpmp
fi
`;
}

/** One option, offered where the command has it. */
function optionLine([name, spec]: readonly [string, OptionSpec]): string {
  const { short, value, completes, repeats = false, commands, help } = spec;
  const equals = value === undefined ? "" : "=";
  const plus = value === undefined ? "" : "+";
  const message = value === undefined
    ? ""
    : `:${escape(value, /[\\:]/g)}:${completes === undefined ? " " : ACTIONS[completes]}`;
  const meaning = `[${escape(help, /[\\[\]:]/g)}]${message}`;
  const star = repeats ? "*" : "";
  const words = short === undefined
    ? quote(`${star}--${name}${equals}${meaning}`)
    : `${quote(repeats ? "*" : `(-${short} --${name})`)}{-${short}${plus},--${name}${equals}}${
      quote(meaning)
    }`;
  return `  _natpmp_is ${commands.join(" ")} && specs+=(${words})`;
}

/** A command's one operand, the second of the command line. */
function operandLine([name, words]: readonly [string, readonly OfferedWord[]]): string {
  const isCommand = words.some(({ word }) => word === name);
  const what = isCommand
    ? "command:_natpmp_commands"
    : `${name}:(${words.map(({ word }) => word).join(" ")})`;
  return `    (${name}) specs+=(${quote(`2:${what}`)}) ;;`;
}

function described(words: readonly OfferedWord[]): string {
  return words.map(({ word, description }) => `    ${quote(`${word}:${description}`)}`).join("\n");
}

function escape(text: string, special: RegExp): string {
  return text.replace(special, "\\$&");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
