/**
 * The completions as each shell reads them: they ask `natpmp __complete` what can stand at the cursor, by the answers
 * of `answers.ts`, and know nothing of the command line themselves. They run the `natpmp` of `PATH`, however it was
 * typed, and nothing of what was typed.
 *
 * @module
 */

import type { Shell } from "../option_table.ts";

/** For bash 4.4 or later, which needs nothing else, not even the package bash-completion. */
const BASH = `# bash completion for natpmp; made by "natpmp completions bash".

_natpmp() {
  local IFS=$' \\t\\n' word
  local -a answer
  COMPREPLY=()
  mapfile -t answer < <(command natpmp __complete bash "$2" "\${COMP_LINE:0:COMP_POINT}" </dev/null 2>/dev/null)
  case \${answer[0]-} in
    default) compopt -o bashdefault -o default 2>/dev/null ;;
    commands)
      while IFS= read -r word; do
        # What would have to be quoted is not worth it.
        [[ -z \${answer[1]} || $word == *[!a-zA-Z0-9_.+-]* ]] || COMPREPLY+=("$word")
      done < <(compgen -c -- "\${answer[1]}")
      ;;
    nospace) compopt -o nospace 2>/dev/null ;&
    words) COMPREPLY=("\${answer[@]:1}") ;;
  esac
}

complete -F _natpmp natpmp
`;

/** To be put into a directory of `fpath` as `_natpmp`, or to be sourced behind `compinit`. */
const ZSH = `#compdef natpmp
# zsh completion for natpmp; made by "natpmp completions zsh".

_natpmp() {
  local -a answer whole begun
  answer=("\${(@f)$(command natpmp __complete zsh "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" </dev/null 2>/dev/null)}")
  [[ -z $answer[2] ]] || compset -P "\${(b)answer[2]}" || return 1
  case $answer[1] in
    words)
      begun=(\${(M)answer[4,-1]:#[^:]#=(:*|)})
      whole=(\${answer[4,-1]:|begun})
      _describe -t "$answer[3]" "$answer[3]" whole -- begun -S ''
      ;;
    files) _files ;;
    commands) _cmdstring ;;
    hint) _message -e values "$answer[3]" ;;
    *) return 1 ;;
  esac
}

if [[ \${funcstack[1]} == _natpmp ]]; then
  _natpmp "$@"
else
  compdef _natpmp natpmp
fi
`;

/** To be put into a directory of `fish_complete_path` as `natpmp.fish`, or to be sourced. */
const FISH = `# fish completion for natpmp; made by "natpmp completions fish".

function __natpmp_complete
    set -l words (commandline -opc)
    set -l answer (command natpmp __complete fish $words[2..] (commandline -ct) </dev/null 2>/dev/null)
    switch "$answer[1]"
        case words
            printf '%s\\n' $answer[2..]
        case files
            complete -C "'' "(commandline -ct)
        case commands
            __fish_complete_command
    end
end

complete -c natpmp -f -a '(__natpmp_complete)'
`;

/** The completions of each shell. */
export const COMPLETION_SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
