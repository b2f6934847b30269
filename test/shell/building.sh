# What the scripts share that build into a cache: one at a time, in a folder of their own, which is gone when they
# end. Sourced by them after machine.sh, when there is something to build.

# shellcheck shell=bash
# shellcheck disable=SC2154 # `say` is of machine.sh

# begin_building CACHE: waits for another build there; sets `work` to a fresh folder in it.
begin_building() {
  mkdir -p "$1"
  exec 9>"$1/lock"
  if ! flock --nonblock 9; then
    say "waiting for another build in $1"
    flock 9
  fi
  # Whoever made these held the lock and is gone: they are left from a run that was cut short.
  rm -rf "$1"/building.*
  work=$(mktemp -d "$1/building.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'say "$BASH_COMMAND failed, line $LINENO of build.sh"' ERR
  trap 'exit 130' INT
  trap 'exit 143' TERM
  export DEBIAN_FRONTEND=noninteractive
}

# A package manager at work is waited for. Root downloads, as _apt cannot write in a root's folder.
# The lock's descriptor is kept from what a package's own scripts may leave running.
apt() { apt-get -qq -o DPkg::Lock::Timeout=300 -o APT::Sandbox::User=root "$@" >"$work/log" 2>&1 9>&-; }
