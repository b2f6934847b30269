#!/bin/bash
# usage: build.sh [8] [10]
# Makes these releases of Wine ready (both by default), from Debian's packages, once, in the cache
# folder: Wine 8 is that of Debian 12, and is installed; Wine 10 is that of Debian 13, and is only
# unpacked. Knows nothing of what runs in them.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$here/common.sh"

releases=("$@")
[ $# -gt 0 ] || releases=(8 10)
for release in "${releases[@]}"; do
  case $release in 8 | 10) ;; *) usage_error ;; esac
done

# ready RELEASE: a finished folder is never touched again, so finding it needs no lock. Wine 8 itself
# is one of the machine's programs.
ready() {
  choose "$1"
  [ -d "$(folder_of prefix "$1")" ] && [ -x "$wine" ] && command -v ip >/dev/null
}
all_ready() {
  for release in "${releases[@]}"; do ready "$release" || return 1; done
}
if all_ready; then exit 0; fi
require_machine

# shellcheck source-path=SCRIPTDIR source=../shell/building.sh
. "$here/../shell/building.sh"
begin_building "$cache"

# require PROGRAM PACKAGE: installs the package if the program is missing. A stale list names
# packages that are gone; so, once, renew and retry.
require() {
  if command -v "$1" >/dev/null; then return; fi
  say "installing $2"
  if apt install -y --no-install-recommends "$2"; then return; fi
  if apt update && apt install -y --no-install-recommends "$2"; then return; fi
  tail -n 20 "$work/log" >&2
  fail "$2 could not be installed"
}

# fetch_newer FOLDER PACKAGE: downloads a package of Debian 13 with all that it needs, libc included,
# from where this machine's packages come from; apt's own lists and state stay as they are.
fetch_newer() {
  local state=$1/apt mirror options
  # shellcheck disable=SC2016 # apt's own variable
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 '/debian/$')
  [ -n "$mirror" ] || fail 'apt names no mirror of Debian'
  mkdir -p "$state"/{lists,cache/archives}/partial
  : >"$state/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$state/sources.list"
  options=(-o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State::lists="$state/lists" -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache"
    -o Debug::NoLocking=1)
  if apt "${options[@]}" update && apt "${options[@]}" install -y --no-install-recommends --download-only "$2"; then
    return
  fi
  tail -n 20 "$work/log" >&2
  fail "$2 of Debian 13 could not be fetched"
}

# Programs name their dynamic linker by its full path, so they are made for the folder's last name.
build_wine_10() {
  local out=$work/wine target libraries deb program
  target=$(folder_of wine 10)
  libraries=usr/lib/x86_64-linux-gnu
  require patchelf patchelf
  say "fetching Wine 10 of Debian 13"
  mkdir "$out"
  fetch_newer "$out" wine64
  for deb in "$out"/apt/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$out" --exclude=./usr/share/{doc,man,locale}
  done
  rm -r "$out/apt"
  # Wine tells its own libraries from others by a mark, which Debian's package sets in zlib's when it
  # is installed.
  {
    head -c 64 "$out/usr/x86_64-w64-mingw32/lib/zlib1.dll"
    printf 'Wine builtin DLL' && head -c 16 /dev/zero
    tail -c +97 "$out/usr/x86_64-w64-mingw32/lib/zlib1.dll"
  } >"$out/$libraries/wine/x86_64-windows/zlib1.dll"
  for program in wine64 wineserver64; do
    patchelf --set-interpreter "$target/$libraries/ld-linux-x86-64.so.2" --force-rpath \
      --set-rpath "$target/$libraries" "$out/usr/lib/wine/$program"
  done
  # Debian has a script of this name, which would start the machine's own.
  ln -sf wineserver64 "$out/usr/lib/wine/wineserver"
  # Renamed when whole, so that nobody finds half of it.
  mv -T "$out" "$target"
}

build_prefix() {
  local release=$1
  choose "$release"
  say "making Windows for Wine $release"
  export WINEPREFIX=$work/prefix XDG_RUNTIME_DIR=$work
  # Node does not start on the Windows 7 that Wine is at first; whoever crashes is to end, not to ask.
  {
    "$wine" wineboot -i
    "$wineserver" -w
    "$wine" reg add 'HKCU\Software\Wine' /v Version /d win10 /f
    "$wine" reg add 'HKCU\Software\Wine\WineDbg' /v ShowCrashDialog /t REG_DWORD /d 0 /f
    "$wineserver" -w
  } >"$work/log" 2>&1 </dev/null 9>&- || { tail -n 20 "$work/log" >&2 && fail "Wine $release does not start"; }
  mv -T "$work/prefix" "$(folder_of prefix "$release")"
}

require ip iproute2
for release in "${releases[@]}"; do
  case $release in
    8) require /usr/lib/wine/wine64 wine64 ;;
    10) [ -d "$(folder_of wine 10)" ] || build_wine_10 ;;
  esac
  [ -d "$(folder_of prefix "$release")" ] || build_prefix "$release"
done
