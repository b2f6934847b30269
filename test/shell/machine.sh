# What all scripts share that make something of this machine, as root: messages, statuses, and what the
# machine must be. Sourced by scripts that have set `subject`, what messages begin with; `made_of`, what comes of Debian's
# packages; and `root_for`, what root is needed for.

# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what is set here is used by the scripts, and they set what is used here

PATH=$PATH:/usr/sbin:/sbin # root's PATH lacks them where it was got with `su`
script=$(basename "$0")

say() { printf '%s: %s\n' "$subject" "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

# The usage text is the second line of each script and the comment lines after it.
usage_error() {
  sed -n '2,/^[^#]/s/^# \?//p' "$0" >&2
  exit 2
}

unavailable() {
  say "$*"
  exit 69 # EX_UNAVAILABLE in sysexits.h
}

require_machine() {
  [ "$(uname -sm)" = 'Linux x86_64' ] ||
    unavailable "this is $(uname -sm); needed is Linux on x86-64: run it on such a machine"
  command -v apt-get >/dev/null ||
    unavailable "there is no apt-get; $made_of from Debian packages: run it on Debian 12 or in its container"
  [ "$(id -u)" = 0 ] || unavailable "not root; $root_for: run it with sudo"
}
