#!/bin/sh
# Installs, updates or removes natpmp from its releases. Never asks. See `sh install.sh --help`.
#
# It is made to be piped into a shell. So all of it is functions, and what calls them is the last line, in braces:
# a download that was cut off anywhere is a syntax error or does nothing.

set -eu

# Where the releases are: a fork sets this variable, or says --base-url.
NATPMP_REPOSITORY="${NATPMP_REPOSITORY:-natpmp/natpmp}"
GITHUB="https://github.com"

TARGETS="linux-x64, linux-arm64, macos-x64, macos-arm64 (windows-x64 and windows-arm64: install.ps1)"

# What is installed: the file in the archive, its mode, the file below the prefix. No other file is ever written,
# replaced or removed.
FILES="natpmp:755:bin/natpmp
man/natpmp.1:644:share/man/man1/natpmp.1
man/natpmp-watch.1:644:share/man/man1/natpmp-watch.1
man/natpmp-config.5:644:share/man/man5/natpmp-config.5
completions/natpmp.bash:644:share/bash-completion/completions/natpmp
completions/_natpmp:644:share/zsh/site-functions/_natpmp
completions/natpmp.fish:644:share/fish/vendor_completions.d/natpmp.fish
config.schema.json:644:share/natpmp/config.schema.json
LICENSE:644:share/doc/natpmp/LICENSE
README.md:644:share/doc/natpmp/README.md
CHANGELOG.md:644:share/doc/natpmp/CHANGELOG.md"

# What was installed, with checksums, so that --uninstall knows what is ours.
MANIFEST="share/natpmp/manifest"

usage() {
  printf '%s\n' \
    "Usage: install.sh [OPTION...]" \
    "" \
    "Installs natpmp from https://github.com/$NATPMP_REPOSITORY/releases, or updates it." \
    "" \
    "  --prefix DIR     install below DIR; by default /usr/local if it is writable, else ~/.local" \
    "  --version X      this release, such as 0.1.0; by default the latest, unless a newer one is installed" \
    "  --target T       instead of this machine's: linux-x64, linux-arm64, macos-x64 or macos-arm64" \
    "  --base-url URL   download from URL/vX/ instead of https://github.com/OWNER/REPOSITORY/releases/download;" \
    "                   URL/latest/SHA256SUMS names the latest release (GitHub's layout if URL ends in /download)" \
    "  --force          install even if the binary is known not to run here" \
    "  --uninstall      remove what this script installed, and nothing else" \
    "  --help           print this" \
    "" \
    "The environment variable NATPMP_REPOSITORY names another repository on GitHub (OWNER/REPOSITORY)." \
    "Exit codes: 0 done, 1 failed, 2 usage, 129, 130 or 143 stopped by a signal."
}

say() { printf '%s\n' "$*"; }
warn() { printf 'install.sh: %s\n' "$*" >&2; }
die() {
  warn "$*"
  exit 1
}
usage_error() {
  warn "$* (see --help)"
  exit 2
}

have() { command -v "$1" >/dev/null 2>&1; }

# The first line of what the last command complained, or the last one.
first_words() { sed -n '/./{p;q;}' "$work/words"; }
last_words() { grep . "$work/words" | sed -n '$p'; }

# Runs a command so that a signal does not have to wait for it: its output goes to $work/output and $work/words.
run() {
  "$@" >"$work/output" 2>"$work/words" </dev/null &
  child=$!
  status=0
  wait "$child" || status=$?
  child=""
  return "$status"
}

clean_up() {
  code=$?
  trap - EXIT
  trap '' HUP INT TERM
  if [ -n "$child" ]; then
    kill "$child" 2>/dev/null || :
    wait "$child" 2>/dev/null || :
  fi
  if [ -n "$work" ]; then
    if [ -f "$work/staged" ]; then
      while read -r _ directory; do rm -rf "$directory"; done <"$work/staged"
    fi
    # Only empty directories go: after a success there is none.
    if [ -f "$work/made" ]; then
      sort -r "$work/made" | while IFS= read -r directory; do rmdir "$directory" 2>/dev/null || :; done
    fi
    rm -rf "$work"
  fi
  exit "$code"
}

stopped() {
  warn "stopped by a signal, nothing changed"
  exit "$1"
}

start_work() {
  child="" work=""
  # Between the making of the directory and the knowledge of its name no signal may come.
  trap '' HUP INT TERM
  trap clean_up EXIT
  work=$(mktemp -d "${TMPDIR:-/tmp}/natpmp-install.XXXXXX" 2>/dev/null) ||
    die "cannot make a temporary directory in ${TMPDIR:-/tmp}"
  trap 'stopped 129' HUP
  trap 'stopped 130' INT
  trap 'stopped 143' TERM
}

is_version() {
  case $1 in
    [!0-9]* | *[!0-9A-Za-z.+-]*) return 1 ;;
    *) return 0 ;;
  esac
}

# Sets $order to what the dotted text $1 is beside $2, by the rules of semver.org: older, equal or newer.
compare() {
  order=equal
  set -- "$1." "$2."
  while [ "$order" = equal ] && [ -n "$1$2" ]; do
    one=${1%%.*} other=${2%%.*}
    set -- "${1#*.}" "${2#*.}"
    if [ "$one" = "$other" ]; then continue; fi
    # The shorter number is the smaller one; a number is smaller than a word, and nothing than either.
    case $one:$other in
      :*) order=older ;;
      *:) order=newer ;;
      *[!0-9]*:*[!0-9]*) order=text ;;
      *[!0-9]*:*) order=newer ;;
      *:*[!0-9]*) order=older ;;
      *) order=$((${#one} - ${#other})) ;;
    esac
    case $order in
      -*) order=older ;;
      0 | text)
        order=newer
        if [ "$(printf '%s\n%s\n' "$one" "$other" | sort | sed 1q)" = "$one" ]; then order=older; fi
        ;;
      [1-9]*) order=newer ;;
      *) ;;
    esac
  done
}

is_older() {
  older=${1%%+*} newer=${2%%+*}
  compare "${older%%-*}" "${newer%%-*}"
  if [ "$order" = equal ]; then
    case $older:$newer in
      *-*:*-*) compare "${older#*-}" "${newer#*-}" ;;
      # What comes before a release is older than it.
      *-*:*) order=older ;;
      *) ;;
    esac
  fi
  [ "$order" = older ]
}

# Sets $target to this machine's, or ends when it has no binary.
detect_target() {
  system=$(uname -s)
  machine=$(uname -m)
  case $system in
    Linux) os=linux ;;
    Darwin) os=macos ;;
    MINGW* | MSYS* | CYGWIN*) die "on Windows use install.ps1, in PowerShell" ;;
    *) die "no binary for $system; available: $TARGETS" ;;
  esac
  case $machine in
    x86_64 | amd64) cpu=x64 ;;
    aarch64 | arm64) cpu=arm64 ;;
    *) die "no binary for the processor $machine; available: $TARGETS" ;;
  esac
  # A shell that macOS translates says x86_64 on Apple's own processors.
  if [ "$os" = macos ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || :)" = 1 ]; then cpu=arm64; fi
  target=$os-$cpu
  if [ "$os" = linux ] && [ -z "$force" ]; then check_linux; fi
}

check_linux() {
  # Raspberry Pi OS and others run a 64-bit kernel under 32-bit programs, and uname names the kernel.
  [ "$(getconf LONG_BIT 2>/dev/null || echo 64)" != 32 ] ||
    die "no binary for this 32-bit system (the kernel's processor is $machine); available: $TARGETS"
  case $cpu in
    x64) loader=/lib64/ld-linux-x86-64.so.2 ;;
    *) loader=/lib/ld-linux-aarch64.so.1 ;;
  esac
  if [ -e "$loader" ]; then return; fi
  libc="this system has no glibc ($loader is missing)"
  for musl in /lib/ld-musl-*; do
    if [ -e "$musl" ]; then libc="this system has musl instead of glibc"; fi
  done
  die "$libc, which the binary needs: see \"Install\" in README.md for other ways, or use --force to install it anyway"
}

# Downloads $1 to the file $2. Through standard output, as a confined curl may not write where we ask it to.
fetch() {
  from=$1 to=$2
  if have curl; then
    set -- curl -fsSL --retry 2 --connect-timeout 30 --speed-limit 1 --speed-time 60
    # A redirection must not lead from https to http.
    case $from in https:*) set -- "$@" --proto =https --tlsv1.2 ;; *) ;; esac
  elif have wget; then
    if wget --version 2>/dev/null | grep -q 'GNU Wget'; then
      set -- wget -nv --tries=2 --timeout=60 -O -
      case $from in https:*) set -- "$@" --max-redirect=0 -S ;; *) ;; esac
    else
      set -- wget -q -O -
      # Debian's busybox has no such option, and crashes on it.
      if wget --help 2>&1 | grep -q -e '-T SEC'; then set -- "$@" -T 60; fi
      case $from in
        https:*)
          warn "this wget may not verify the server: install curl or GNU wget to be sure" \
            "(it may also follow a redirection to plain http)"
          ;;
        *) ;;
      esac
    fi
  else
    die "needs curl or wget"
  fi
  hops=0
  while ! run "$@" "$from"; do
    if find_redirection; then continue; fi
    words=$(last_words)
    case $words in
      *404*) die "cannot download $from: no such file there ($words)" ;;
      *) die "cannot download $from: ${words:-$1 failed with exit code $status}" ;;
    esac
  done
  mv -f "$work/output" "$to"
}

# Sets $from to where the last answer led, if it did and GNU wget was kept from going there: no option of it allows
# redirections to https alone.
find_redirection() {
  next=""
  case $from in
    https:*) next=$(sed -n 's/^ *[Ll]ocation: *\([^ ]*\).*/\1/p' "$work/words" | sed -n '$p') ;;
    *) ;;
  esac
  hops=$((hops + 1))
  [ "$hops" -le 10 ] || next=""
  case $next in
    "") return 1 ;;
    https://?*) from=$next ;;
    /*)
      host=${from#https://}
      from=https://${host%%/*}$next
      ;;
    *) die "cannot download $from: it redirects from https to $next" ;;
  esac
}

have_sha256() { have sha256sum || have shasum || have openssl; }

sha256_of() {
  if have sha256sum; then
    sha256sum <"$1" | cut -c 1-64
  elif have shasum; then
    shasum -a 256 <"$1" | cut -c 1-64
  else
    openssl dgst -sha256 <"$1" | sed 's/^.*= *//'
  fi
}

# Finds the archive and its checksum in $work/SHA256SUMS. Sets $version, $archive, $expected.
find_archive() {
  wanted=$version expected=""
  while read -r sum name || [ -n "$sum" ]; do
    name=${name#\*}
    case $name in
      natpmp-*-"$target".tar.gz) ;;
      *) continue ;;
    esac
    found=${name#natpmp-}
    found=${found%-"$target".tar.gz}
    if [ -n "$wanted" ] && [ "$found" != "$wanted" ]; then continue; fi
    if [ -n "$expected" ]; then die "$1 has more than one line for $target"; fi
    version=$found expected=$sum
  done <"$work/SHA256SUMS"
  [ -n "$expected" ] || die "$1 has no line for natpmp-${wanted:-VERSION}-$target.tar.gz"
  is_version "$version" || die "$1 names a version that cannot be one: $version"
  expected=$(printf '%s' "$expected" | tr 'A-F' 'a-f')
  case $expected in
    *[!0-9a-f]*) die "$1 has no SHA-256 for $target" ;;
    *) [ "${#expected}" -eq 64 ] || die "$1 has no SHA-256 for $target" ;;
  esac
  archive=natpmp-$version-$target.tar.gz
}

# Ends if the latest release is older than what is installed: whoever serves an old one may know its faults.
check_newer() {
  [ -f "$prefix/$MANIFEST" ] || return 0
  installed=""
  while read -r kind _ name; do
    if [ "$kind" = archive ]; then
      installed=${name#natpmp-}
      installed=${installed%-"$target".tar.gz}
    fi
  done <"$prefix/$MANIFEST"
  if is_version "$installed" && is_older "$version" "$installed"; then
    die "the latest release is $version, and $installed is installed in $prefix: nothing changed" \
      "(--version $version installs the older one)"
  fi
}

# What the manifest notes of kind $1 (archive, file) under the name $2.
noted() {
  while read -r kind sum name; do
    if [ "$kind" = "$1" ] && [ "$name" = "$2" ]; then printf '%s\n' "$sum"; fi
  done <"$prefix/$MANIFEST"
}

is_intact() {
  [ -f "$prefix/$1" ] && [ ! -L "$prefix/$1" ] && [ "$(sha256_of "$prefix/$1")" = "$(noted file "$1")" ]
}

# Whether this very archive is installed, and nobody changed anything of it.
is_installed() {
  [ -f "$prefix/$MANIFEST" ] && [ "$(noted archive "$archive")" = "$expected" ] || return 1
  for entry in $FILES; do
    is_intact "${entry##*:}" || return 1
  done
  [ -x "$prefix/bin/natpmp" ]
}

# Ends unless files can be made in directory $1, or in the nearest one above that is there.
check_writable() {
  directory=$1
  while [ ! -d "$directory" ]; do
    [ ! -e "$directory" ] || die "$directory is not a directory"
    directory=${directory%/*}
    directory=${directory:-/}
  done
  [ -w "$directory" ] || die "cannot write to $directory: run this as another user, or choose another --prefix"
}

check_prefix() {
  for entry in $FILES "::$MANIFEST"; do
    file=$prefix/${entry##*:}
    check_writable "${file%/*}"
    [ ! -d "$file" ] || die "$file is a directory"
  done
}

make_directory() {
  missing=$1
  while [ ! -d "$missing" ]; do
    printf '%s\n' "$missing"
    missing=${missing%/*}
    missing=${missing:-/}
  done | sort >"$work/missing"
  while IFS= read -r directory; do
    printf '%s\n' "$directory" >>"$work/made"
    mkdir "$directory" 2>"$work/words" || die "cannot make $directory: $(first_words)"
  done <"$work/missing"
}

# Makes a directory beside the place of the file $1, where it waits until all of them are there. Nobody else can put
# anything into it, and nobody knows its name before it is there. Sets $staged to the file's name in it.
stage() {
  waiting=$(mktemp -d "$prefix/${1%/*}/.natpmp-install.XXXXXX" 2>"$work/words") ||
    die "cannot write $prefix/$1: $(first_words)"
  printf '%s %s\n' "$1" "$waiting" >>"$work/staged"
  staged=$waiting/${1##*/}
}

# Where the file $1 waits.
staged_name() {
  while read -r name directory; do
    if [ "$name" = "$1" ]; then printf '%s\n' "$directory/${1##*/}"; fi
  done <"$work/staged"
}

# Unpacks the tar file's members beside their places. Through standard output, so that the archive decides nothing:
# no name, no link, no owner and no mode.
stage_files() {
  top=natpmp-$version-$target
  tar -tf "$work/archive.tar" >"$work/members" 2>"$work/words" || die "cannot read $archive: $(first_words)"
  while IFS= read -r name; do
    case /$name/ in
      */../*) die "$archive has unexpected contents: $name" ;;
      /"$top"/*) ;;
      *) die "$archive has unexpected contents: $name" ;;
    esac
  done <"$work/members"
  for entry in $FILES; do
    member=$top/${entry%%:*} file=${entry##*:} mode=${entry#*:}
    mode=${mode%:*}
    [ "$(grep -cxF "$member" "$work/members")" = 1 ] ||
      die "$archive has unexpected contents: no file $member, or several"
    make_directory "$prefix/${file%/*}"
    stage "$file"
    { tar -xOf "$work/archive.tar" "$member" >"$staged"; } 2>"$work/words" ||
      die "cannot write $prefix/$file: $(first_words)"
    [ -s "$staged" ] || die "$archive has unexpected contents: $member is empty or not a file"
    chmod "$mode" "$staged"
    printf 'file %s %s\n' "$(sha256_of "$staged")" "$file" >>"$work/manifest"
  done
}

# The directories that we made, now or before, are noted to be removed again when they are empty.
stage_manifest() {
  printf 'archive %s %s\n' "$expected" "$archive" >>"$work/manifest"
  while IFS= read -r directory; do
    printf 'directory - %s\n' "${directory#"$prefix"/}" >>"$work/manifest"
  done <"$work/made"
  if [ -f "$prefix/$MANIFEST" ]; then
    while read -r kind sum name; do
      if [ "$kind" = directory ]; then printf '%s %s %s\n' "$kind" "$sum" "$name" >>"$work/manifest"; fi
    done <"$prefix/$MANIFEST"
  fi
  stage "$MANIFEST"
  { sort -u "$work/manifest" >"$staged"; } 2>"$work/words" ||
    die "cannot write $prefix/$MANIFEST: $(first_words)"
}

# A rename replaces a binary that is running, and a reader never sees half of one.
put_in_place() {
  trap '' HUP INT TERM
  for entry in $FILES "::$MANIFEST"; do
    file=${entry##*:}
    mv -f "$(staged_name "$file")" "$prefix/$file" 2>"$work/words" ||
      die "cannot replace $prefix/$file: $(first_words)"
  done
}

# A checksum only shows that archive and sums belong together. Where GitHub's own program is there and knows who asks,
# it also shows that the repository's workflow built the archive.
check_provenance() {
  have gh || return 0
  if ! gh attestation verify --help >/dev/null 2>&1 </dev/null; then
    say "note: this gh is too old to verify the builder of the archive"
  elif ! gh auth status --hostname github.com >/dev/null 2>&1 </dev/null; then
    say "note: gh is not logged in, so the builder of the archive was not verified"
  else
    run gh attestation verify "$work/archive.tar.gz" --repo "$NATPMP_REPOSITORY" \
      --signer-workflow "$NATPMP_REPOSITORY/.github/workflows/release.yml" ||
      die "gh cannot verify that $NATPMP_REPOSITORY built $archive: $(last_words); nothing changed"
    say "provenance verified: built by $NATPMP_REPOSITORY"
  fi
}

# Whether the URL $1 leads to this very machine.
is_loopback() {
  host=${1#*://}
  host=${host%%[/?#]*}
  host=${host##*@}
  case $host in
    localhost | localhost:* | "[::1]" | "[::1]":*) return 0 ;;
    127.*[!0-9.:]*) return 1 ;;
    127.*) return 0 ;;
    *) return 1 ;;
  esac
}

warn_of_http() {
  case $base_url in https:*) return ;; *) ;; esac
  if is_loopback "$base_url"; then return; fi
  warn "$base_url is not https: anybody on the network path can replace the program and its checksum"
}

install() {
  detected=""
  if [ -z "$target" ]; then
    detect_target
    detected=yes
  fi
  if [ -z "$prefix" ]; then choose_prefix; fi
  start_work
  check_prefix
  base_url=${base_url:-$GITHUB/$NATPMP_REPOSITORY/releases/download}
  warn_of_http
  case $version:$base_url in
    :*/download) sums=${base_url%/download}/latest/download/SHA256SUMS ;;
    :*) sums=$base_url/latest/SHA256SUMS ;;
    *) sums=$base_url/v$version/SHA256SUMS ;;
  esac
  fetch "$sums" "$work/SHA256SUMS"
  find_archive "$sums"
  if [ -z "$wanted" ]; then check_newer; fi
  if is_installed; then
    say "natpmp $version ($target) is already installed in $prefix, nothing to do"
    hint_path
    return
  fi
  say "natpmp $version ($target) from $base_url, to $prefix${why:-}"
  fetch "$base_url/v$version/$archive" "$work/archive.tar.gz"
  actual=$(sha256_of "$work/archive.tar.gz")
  [ "$actual" = "$expected" ] ||
    die "the checksum of $archive is wrong: it is $actual, SHA256SUMS has $expected; nothing changed"
  say "checksum verified: $archive"
  if [ "$base_url" = "$GITHUB/$NATPMP_REPOSITORY/releases/download" ]; then check_provenance; fi
  gzip -dc <"$work/archive.tar.gz" >"$work/archive.tar" 2>"$work/words" ||
    die "cannot unpack $archive: $(first_words)"
  rm -f "$work/archive.tar.gz"
  : >"$work/made"
  stage_files
  stage_manifest
  if [ -n "$detected" ] && [ -z "$force" ]; then
    run "$(staged_name bin/natpmp)" --version ||
      die "the binary does not run on this machine: $(first_words) (--force installs it anyway)"
  fi
  put_in_place
  for entry in $FILES; do say "installed $prefix/${entry##*:}"; done
  hint_path
}

hint_path() {
  case :$PATH: in
    *":$prefix/bin:"*)
      first=$(command -v natpmp || :)
      if [ "$first" != "$prefix/bin/natpmp" ]; then say "note: PATH finds ${first:-another natpmp} first"; fi
      ;;
    *) say "note: $prefix/bin is not on PATH; for sh, bash and zsh: export PATH=\"$prefix/bin:\$PATH\"" ;;
  esac
}

choose_prefix() {
  prefix=/usr/local
  if [ -w /usr/local/bin ] || { [ ! -e /usr/local/bin ] && [ -w /usr/local ]; }; then return; fi
  [ -n "${HOME:-}" ] || die "cannot write to /usr/local, and HOME is not set: use --prefix DIR"
  case $HOME in
    *[[:cntrl:]]*) die "HOME holds a line break or another control character: use --prefix DIR" ;;
    *) ;;
  esac
  prefix=${HOME%/}/.local why=" (/usr/local is not writable)"
}

uninstall() {
  if [ -z "$prefix" ]; then
    choose_prefix
    for other in /usr/local "${HOME:-}/.local"; do
      if [ ! -f "$prefix/$MANIFEST" ] && [ -f "$other/$MANIFEST" ]; then prefix=$other; fi
    done
  fi
  if [ ! -f "$prefix/$MANIFEST" ]; then
    [ ! -e "$prefix/bin/natpmp" ] ||
      die "$prefix/bin/natpmp was not installed by this script ($prefix/$MANIFEST is missing): nothing removed"
    say "natpmp is not installed in $prefix, nothing to do"
    return
  fi
  start_work
  for entry in $FILES "::$MANIFEST"; do
    file=$prefix/${entry##*:}
    if [ -e "$file" ]; then check_writable "${file%/*}"; fi
  done
  while read -r kind _ name; do
    if [ "$kind" = directory ]; then printf '%s\n' "$name"; fi
  done <"$prefix/$MANIFEST" >"$work/directories"
  trap '' HUP INT TERM
  left=""
  for entry in $FILES; do
    file=${entry##*:}
    if [ ! -e "$prefix/$file" ] && [ ! -L "$prefix/$file" ]; then continue; fi
    if is_intact "$file"; then
      rm -f "$prefix/$file"
      say "removed $prefix/$file"
    else
      warn "left $prefix/$file: it is not what this script installed"
      left=yes
    fi
  done
  rm -f "$prefix/$MANIFEST"
  sort -r "$work/directories" | while IFS= read -r directory; do
    # Only what is empty; below the prefix, or the prefix and what is above it.
    case $prefix/ in
      "$directory"/*) ;;
      *)
        case /$directory/ in */../*) continue ;; *) directory=$prefix/$directory ;; esac
        ;;
    esac
    if rmdir "$directory" 2>/dev/null; then say "removed $directory"; fi
  done
  say "state, configuration and services were left alone"
  [ -z "$left" ]
}

main() {
  LC_ALL=C
  export LC_ALL
  umask 022
  prefix="" version="" target="" base_url="" force="" action=install why=""
  while [ $# -gt 0 ]; do
    case $1 in
      --prefix=* | --version=* | --target=* | --base-url=*)
        option=${1%%=*} value=${1#*=}
        ;;
      --prefix | --version | --target | --base-url)
        option=$1 value=${2:-}
        case $value in -*) value="" ;; *) ;; esac
        if [ $# -gt 1 ]; then shift; fi
        ;;
      --force)
        force=yes
        shift
        continue
        ;;
      --uninstall)
        action=uninstall
        shift
        continue
        ;;
      -h | --help)
        usage
        exit 0
        ;;
      *) usage_error "unknown option $1" ;;
    esac
    shift
    [ -n "$value" ] || usage_error "$option needs a value"
    case $option in
      --prefix) prefix=$value ;;
      --version) version=${value#v} ;;
      --target) target=$value ;;
      *) base_url=${value%/} ;;
    esac
  done
  is_version "${version:-0}" || usage_error "--version $version is not a version such as 0.1.0"
  case $base_url in
    "" | http://?* | https://?*) ;;
    *) usage_error "--base-url $base_url does not begin with https:// or http://" ;;
  esac
  case $target in
    "" | linux-x64 | linux-arm64 | macos-x64 | macos-arm64) ;;
    *) usage_error "--target $target is not one of $TARGETS" ;;
  esac
  case $prefix in
    "") ;;
    /) usage_error "--prefix / belongs to the system: use /usr/local or another directory" ;;
    # No shell expands this in --prefix=~/x.
    \~/*) prefix=${HOME:?}${prefix#\~} ;;
    /*) ;;
    *) prefix=$(pwd)/$prefix ;;
  esac
  prefix=${prefix%/}
  case $prefix$base_url$NATPMP_REPOSITORY in
    # The manifest, and what is listed here and there, has one name a line.
    *[[:cntrl:]]*) usage_error "the prefix, URL or repository holds a line break or another control character" ;;
    *) ;;
  esac
  for program in tar gzip mktemp sed sort grep tr cut; do
    have "$program" || die "needs $program"
  done
  have_sha256 || die "needs sha256sum, shasum or openssl to verify the download"
  "$action"
}

{ main "$@"; }
