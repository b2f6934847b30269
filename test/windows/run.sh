#!/bin/bash
# usage: run.sh [-w release] [-t seconds] PROGRAM ARGUMENT…
# Runs one Windows program under Wine, in a Windows of its own that is gone afterwards. The working
# folder and the environment are the caller's, standard input is empty, / is the drive Z:.
#   -w  the release of Wine, 8 (the default) or 10   -t  the time limit, default 600
# The output comes when the program has ended. The status is the program's; 125: none came back.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$here/common.sh"

release=8 limit=600
while getopts ':w:t:' letter; do
  case $letter in
    w) release=$OPTARG ;;
    t) limit=$OPTARG ;;
    *) usage_error ;;
  esac
done
shift $((OPTIND - 1))
if [ $# = 0 ] || ! [[ $release,$limit =~ ^(8|10),[0-9]+$ ]]; then usage_error; fi
"$here/build.sh" "$release" || exit
choose "$release"

# In the cache, since links do not reach across file systems.
mkdir -p "$cache/runs"
own=$(mktemp -d "$cache/runs/XXXXXX")
# shellcheck disable=SC2317 # called by the trap
cleanup() {
  trap '' INT TERM HUP
  # All that is left of this Windows, and of no other.
  "$wineserver" -k
  "$wineserver" -w
  rm -rf "$own"
}
export WINEPREFIX=$own/prefix XDG_RUNTIME_DIR=$own
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# Links to 700 MB, of which only the registry is ever changed in place.
cp -al "$(folder_of prefix "$release")" "$WINEPREFIX"
cp --remove-destination "$(folder_of prefix "$release")"/*.reg "$WINEPREFIX/"

# Wine drops what of a send is under way when the other side half closes, and reports it as sent, with node:net as well.
# In a network of its own, whose sockets take 4 MB at once, little is under way.
# shellcheck disable=SC2016 # for the other shell
network='ip link set lo up && echo 4096 4194304 4194304 >/proc/sys/net/ipv4/tcp_wmem && exec "$0" "$@"'

# By way of a file: a pipe of Linux's is nothing that node.exe knows, and it ends with "open EBADF".
timeout --signal KILL "$limit" unshare --net sh -c "$network" "$wine" "$@" </dev/null >"$own/output" 2>&1 &
program=$!
# Wine's server crashes at times, under load; what it served then waits for ever.
has_crashed() { grep -qs '^wineserver crashed' "$own/output"; }
until has_crashed; do sleep 1; done && kill "$program" &
watcher=$!
wait "$program" 2>/dev/null # bash tells of whom it sees killed
status=$?
kill "$watcher" 2>/dev/null
cat "$own/output"
if has_crashed; then
  say 'no status came back: the server of Wine has crashed'
  exit 125
fi
if [ "$status" = 137 ]; then
  say "no status came back within $limit s (-t)"
  exit 125
fi
exit "$status"
