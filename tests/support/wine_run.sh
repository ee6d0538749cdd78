#!/usr/bin/env bash
# Runs a Windows program under Wine, in the network namespace of the caller. Usage, as root:
#   tests/support/wine_run.sh BOX PROGRAM.exe ARGUMENT...
# BOX is what .ci/wine_box made. What the program finds on its disk C: is there, and what it changes is in
# $XDG_STATE_HOME/wine/changes, for the next one too; one at a time may use it. The directory which XDG_STATE_HOME is in
# has the same name inside, so that /tmp/x/port is one file here and there. SIGINT arrives as Ctrl-C. SIGTERM, and the end
# of this process however it comes, ends the program and all that it started.
set -euo pipefail
box=$1 program=$(realpath "$2")
shift 2

if [ -n "${XDG_STATE_HOME:-}" ]; then
  home=$XDG_STATE_HOME
else
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  home=$scratch/home
fi
mkdir -p "$home"/wine/{changes,work,prefix}

# Runs in mount and process namespaces of its own, so that nothing is left when its first process, the program, ends.
# Without a name for this host Wine would ask the network for it, and wait.
# shellcheck disable=SC2016
inside='
  box=$0 program=$1 home=$2
  shift 2
  mount -t proc proc "$box/proc"
  mount -t tmpfs tmpfs "$box/tmp"
  mkdir -p "$box${home%/*}"
  mount --bind "${home%/*}" "$box${home%/*}"
  changes=$home/wine/changes prefix=$box$home/wine/prefix
  if ! mount -t overlay overlay -o "lowerdir=$box/root/wine,upperdir=$changes,workdir=$home/wine/work" "$prefix" \
    2>/dev/null; then
    # Where files are on an overlay already, as in many containers, there can be no second one.
    [ -e "$changes/drive_c/windows" ] || cp -a "$box/root/wine/." "$changes"
    mount --bind "$changes" "$prefix"
  fi
  mount -t tmpfs tmpfs "$box/mnt"
  touch "$box/mnt/natpmp.exe"
  mount --bind "$program" "$box/mnt/natpmp.exe"
  printf "127.0.0.1 localhost %s\n" "$(uname -n)" >"$box/mnt/hosts"
  mount --bind "$box/mnt/hosts" "$box/etc/hosts"
  exec chroot "$box" env -u XDG_STATE_HOME HOME=/root WINEPREFIX="$home/wine/prefix" WINEDEBUG=-all \
    WINEDLLOVERRIDES="winemenubuilder.exe,winewayland.drv,winex11.drv=d" \
    /usr/lib/wine/wine64 /mnt/natpmp.exe "$@"'
# Wine's own word on standard error, when one of its services has crashed, is not the program's.
exec {errors}> >(grep --line-buffered -v '^wine: ' >&2 || true)
filter=$!
setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child \
  bash -euc "$inside" "$box" "$program" "$home" "$@" <&0 2>&"$errors" {errors}>&- &
unshared=$!
exec {errors}>&-
trap 'pkill -INT -P "$unshared" || true' INT
trap 'kill -KILL "$unshared" || true' TERM

# A signal that is caught here ends the wait, not the program.
while :; do
  status=0
  wait "$unshared" || status=$?
  kill -0 "$unshared" 2>/dev/null || break
done
wait "$filter" || true
exit "$status"
