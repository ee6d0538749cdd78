/** The functions of bash's completions that do not know the option table: those of `bash.ts` do. */
export const BASH_FUNCTIONS = `
# The words of the command line up to the cursor, in words, as natpmp will see them. Readline has taken them apart at
# COMP_WORDBREAKS, which has : and =, but there is no blank between what belongs together.
_natpmp_split() {
  local rest=\${COMP_LINE:0:COMP_POINT} trimmed word i
  words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    trimmed=\${rest#"\${rest%%[![:space:]]*}"}
    word=\${COMP_WORDS[i]}
    ((i == COMP_CWORD)) && word=$trimmed
    if ((i > 0)) && [[ $trimmed == "$rest" ]]; then
      words[\${#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
    rest=\${trimmed#"$word"}
  done
}

# Takes -uq, -l60 or -l=60 apart: flags up to an option that takes a value, and what stands behind that.
_natpmp_cluster() {
  local letters=\${1#-} REPLY
  option='' attached=''
  while [[ -n $letters ]]; do
    _natpmp_long "\${letters:0:1}" || return 1
    letters=\${letters:1}
    _natpmp_see "$REPLY"
    if _natpmp_takes_value "$REPLY"; then
      option=$REPLY attached=$letters
      return
    fi
  done
}

# Whether the word at the cursor has a value behind an option's letter, in option and attached.
_natpmp_has_attached() {
  local seen=''
  [[ $cur == -[!-]* ]] && _natpmp_cluster "$cur" && [[ -n $attached ]] && attached=\${attached#=}
}

# Offers, behind a prefix, those of some words that begin as the value does.
_natpmp_offer() {
  local prefix=$1 value=$2 word
  shift 2
  for word; do
    [[ $word != "$value"* ]] || COMPREPLY+=("$prefix$word")
  done
}

# The same for lines of input, quoted where the shell would read them as something else.
_natpmp_offer_lines() {
  local line
  while IFS= read -r line; do
    [[ -n $quote ]] || printf -v line %q "$line"
    _natpmp_offer "$1" "$2" "$line"
  done
}

# Offers files. Readline does it best, and can where the value is a word of its own to it.
_natpmp_offer_files() {
  local path mark
  if [[ -z $1 || ( $1 == *= && $breaks == *=* ) ]]; then
    compopt -o bashdefault -o default 2>/dev/null
    return
  fi
  while IFS= read -r path; do
    if [[ -d $path ]]; then mark=/; else mark=\${quote:-' '}; fi
    [[ -n $quote ]] || printf -v path %q "$path"
    COMPREPLY+=("$1$path$mark")
  done < <(compgen -f -- "$2")
  compopt -o nospace 2>/dev/null
}

# Offers commands of the shell, once there is a letter of one.
_natpmp_offer_commands() {
  case $2 in
    '') ;;
    */*) _natpmp_offer_files "$1" "$2" ;;
    *) _natpmp_offer_lines "$1" "$2" < <(compgen -c -- "$2") ;;
  esac
}

# Offers the options of the command that are not there yet.
_natpmp_offer_options() {
  local name names letter
  _natpmp_options "$command"
  names=" $REPLY "
  for name in $names; do
    [[ $seen == *" $name "* ]] || _natpmp_offer '' "$cur" "--$name"
  done
  _natpmp_letters
  for letter in $REPLY; do
    _natpmp_long "$letter"
    [[ $names != *" $REPLY "* || $seen == *" $REPLY "* ]] || _natpmp_offer '' "$cur" "-$letter"
  done
}

# Offers what can stand where no option does: the command, or its operand, or options where there is none.
_natpmp_offer_operands() {
  if _natpmp_takes_specs "$command"; then
    _natpmp_offer_specs
    return
  fi
  REPLY=
  ((operands > 0)) || _natpmp_operands "$command"
  if [[ -n $REPLY ]]; then
    # shellcheck disable=SC2086 # These are several words.
    _natpmp_offer '' "$cur" $REPLY
  elif [[ -z $cur && -z $ended ]]; then
    _natpmp_offer_options
  fi
}

# Reads one word before the cursor: sets command, operands, seen, ended, and option where its value comes next.
_natpmp_read() {
  local name=\${1#--}
  if [[ -n $option ]]; then
    option=''
    return
  fi
  case $ended$1 in
    *[\\<\\>]) option='>' ;;
    *[\\<\\>]*) ;;
    --) ended=yes ;;
    --*=*) _natpmp_see "\${name%%=*}" ;;
    --*)
      _natpmp_see "$name"
      ! _natpmp_takes_value "$name" || option=$name
      ;;
    -[!0-9]*)
      _natpmp_cluster "$1"
      [[ -z $attached ]] || option=''
      ;;
    *) if [[ -n $command ]]; then operands=$((operands + 1)); else command=$1; fi ;;
  esac
}

_natpmp() {
  local IFS=$' \\t\\n' REPLY='' cur quote='' breaks='' command='' operands=0 seen=' ' ended='' option='' attached=''
  local -a words=()
  local before i
  COMPREPLY=()
  _natpmp_split
  for ((i = 1; i < \${#words[@]} - 1; i++)); do
    _natpmp_read "\${words[i]}"
  done
  cur=\${words[i]}
  [[ $COMP_WORDBREAKS != *=* ]] || breaks+='='
  [[ $COMP_WORDBREAKS != *:* ]] || breaks+=':'
  if [[ $cur == [\\"\\']* ]]; then
    quote=\${cur:0:1} cur=\${cur:1} breaks=''
  fi

  if [[ -z $quote && $cur == *[\\<\\>]* ]]; then
    _natpmp_offer_values '>' '' "$cur"
  elif [[ -n $option ]]; then
    _natpmp_offer_values "$option" '' "$cur"
  elif [[ -n $ended || $cur != -* ]]; then
    _natpmp_offer_operands
  elif [[ $cur == --*=* ]]; then
    option=\${cur%%=*}
    _natpmp_offer_values "\${option#--}" "$option=" "\${cur#*=}"
  elif _natpmp_has_attached; then
    _natpmp_offer_values "$option" "\${cur%"$attached"}" "$attached"
  else
    _natpmp_offer_options
  fi

  # Readline keeps what stands before the last break.
  if [[ -n $breaks ]]; then
    before=\${cur%"\${cur##*["$breaks"]}"}
    COMPREPLY=("\${COMPREPLY[@]#"$before"}")
  fi
  [[ \${#COMPREPLY[@]} -ne 1 || \${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null
}

complete -F _natpmp natpmp
`;
