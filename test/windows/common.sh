# What the scripts share: the cache, the messages, and which Wine runs in which prefix. Sourced.

# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is used by the scripts

cache=${HVSOCK_WINE:-${XDG_CACHE_HOME:-$HOME/.cache}/hvsock-wine}
subject=wine
made_of='Wine comes'
root_for='packages are installed'
# shellcheck source-path=SCRIPTDIR source=../shell/machine.sh
. "$(dirname "${BASH_SOURCE[0]}")/../shell/machine.sh"

# folder_of wine|prefix 8|10: where build.sh leaves it. Its name holds a digest of what it is made
# with, so that it is made anew after a change, and two checkouts can share the cache.
folder_of() {
  local digest
  digest=$(cat "$(dirname "${BASH_SOURCE[0]}")"/{build,common}.sh | sha256sum | cut -c 1-12)
  printf '%s/%s-%s-%s\n' "$cache" "$1" "$2" "$digest"
}

# choose 8|10: sets `wine` and `wineserver` to the programs of that release.
choose() {
  local programs=/usr/lib/wine
  if [ "$1" = 10 ]; then programs=$(folder_of wine 10)/usr/lib/wine; fi
  wine=$programs/wine64 wineserver=$programs/wineserver64
  # Wine starts its own parts by these. No window, no .NET, no browser, and nothing said of what is
  # not implemented.
  export WINELOADER=$wine WINESERVER=$wineserver WINEARCH=win64 WINEDLLOVERRIDES='mscoree=;mshtml='
  export WINEDEBUG=${WINEDEBUG:--all}
  unset DISPLAY WAYLAND_DISPLAY
}
