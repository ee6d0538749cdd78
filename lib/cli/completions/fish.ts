import type { OptionSpec, ValueKind } from "../option_table.ts";
import type { CompletionTable, OfferedWord } from "./completion_table.ts";
import { ADDRESSES_QUERY, INTERFACES_QUERY } from "./host_queries.ts";

/** What completes a value of each kind. */
const VALUES: Readonly<Record<ValueKind, string>> = {
  file: "-r -F",
  interface: "-x -a '(__natpmp_interfaces)'",
  address: "-x -a '(__natpmp_addresses)'",
  command: "-x -a '(__fish_complete_command)'",
  fault: "-x -a '(__natpmp_faults)'",
};

/**
 * The completions for fish, with what each option does.
 *
 * @param table Commands, options, operands and faults.
 * @returns A script to be put into a directory of `fish_complete_path` as `natpmp.fish`, or to be sourced.
 */
export function fishCompletions(table: CompletionTable): string {
  const { commands, options, specCommands, protocols, operands, faults, letters } = table;
  const names = (wanted: (spec: OptionSpec) => boolean) =>
    options.filter(([, spec]) => wanted(spec)).map(([name]) => name).join(" ");
  return `# fish completion for natpmp; made by "natpmp completions fish".

# The long name of the option that a letter is short for.
function __natpmp_long
    switch $argv[1]
${
    options.flatMap(([name, { short }]) =>
      short === undefined ? [] : `        case ${short}\n            echo ${name}`
    ).join("\n")
  }
    end
end

# Reads the words before the cursor into the caller's command, operands (how many follow it), seen (the options that
# are there) and option (the one whose value comes next).
function __natpmp_read --no-scope-shadowing
    set -l ended
    set -l __natpmp_words (commandline -opc)
    set -e __natpmp_words[1]
    for word in $__natpmp_words
        if test -n "$option"
            set -a seen $option
            set option
            continue
        end
        switch "$ended$word"
            case --
                set ended yes
            case '--*=*'
                set -a seen (string replace -r '^--([^=]*)=.*' '$1' -- $word)
            case '--*'
                set -l name (string sub -s 3 -- $word)
                if contains -- $name ${names(({ value }) => value !== undefined)}
                    set option $name
                else
                    set -a seen $name
                end
            case '-*'
                for letter in (string split '' -- (string sub -s 2 -- $word))
                    set -l name (__natpmp_long $letter)
                    if not string match -q -- "*$letter*" ${letters.values}
                        set -a seen $name
                    else if string match -q -- "*$letter" $word
                        set option $name
                    else
                        set -a seen $name
                        break
                    end
                end
            case '*'
                if test -n "$command"
                    set operands (math $operands + 1)
                else
                    set command $word
                end
        end
    end
end

# Whether an option can come next: the command, if there is one, is one of those behind the option's name, and the
# option is not there, or may be there again.
function __natpmp_offers
    set -l command
    set -l operands 0
    set -l seen
    set -l option
    __natpmp_read
    if contains -- $argv[1] $seen
        contains -- $argv[1] ${names(({ repeats }) => repeats === true)}
        or return 1
    end
    test -z "$command"
    or contains -- $command $argv[2..]
end

# Whether the command is one of these.
function __natpmp_has_command
    set -l command
    set -l operands 0
    set -l seen
    set -l option
    __natpmp_read
    contains -- "$command" $argv
end

# Whether the first operand of one of these commands comes next; the command itself is that of none.
function __natpmp_wants_operand
    set -l command
    set -l operands 0
    set -l seen
    set -l option
    __natpmp_read
    contains -- "$command" $argv
    and test $operands -eq 0
end

function __natpmp_specs
    set -l ports (string match -r '.*[0-9]/' -- (commandline -ct))
    and printf '%s\\n' $ports${`{${protocols.join(",")}}`}
end

function __natpmp_interfaces
    command sh -c '${inSingleQuotes(INTERFACES_QUERY)}'
end

function __natpmp_addresses
    command sh -c '${inSingleQuotes(ADDRESSES_QUERY)}'
end

function __natpmp_faults
    printf '%s\\t%s\\n' ${
    faults.map(({ word, description }) => `\\\n        ${word} ${quote(description ?? "")}`).join(" ")
  }
end

complete -c natpmp -f
${operandLines("''", commands)}
${operands.map(([name, words]) => operandLines(name, words)).join("\n")}
complete -c natpmp -n '__natpmp_has_command ${specCommands.join(" ")}' -a '(__natpmp_specs)'
${options.map(optionLine).join("\n")}
`;
}

/** A command's one operand. */
function operandLines(command: string, words: readonly OfferedWord[]): string {
  return words.map(({ word, description }) =>
    `complete -c natpmp -n "__natpmp_wants_operand ${command}" -a ${word}${
      description === undefined ? "" : ` -d ${quote(description)}`
    }`
  ).join("\n");
}

/** One option, offered where the command has it. */
function optionLine(
  [name, { short, value, completes, commands, help }]: readonly [string, OptionSpec],
): string {
  const letter = short === undefined ? "" : ` -s ${short}`;
  const values = value === undefined ? "" : ` ${completes === undefined ? "-x" : VALUES[completes]}`;
  return `complete -c natpmp -n '__natpmp_offers ${name} ${
    commands.join(" ")
  }'${letter} -l ${name}${values} -d ${quote(help)}`;
}

function quote(text: string): string {
  return `'${inSingleQuotes(text)}'`;
}

function inSingleQuotes(text: string): string {
  return text.replace(/[\\']/g, "\\$&");
}
