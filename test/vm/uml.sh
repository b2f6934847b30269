#!/bin/bash
# usage: uml.sh [-m MiB] [-t seconds] [-s folder] COMMAND…
# Runs one command in User-Mode Linux, a kernel that is an ordinary process. It has AF_VSOCK with
# the loopback transport (CID 1), one CPU, the machine's / read-only, an empty /tmp and /run, and
# the shared folder (-s, default: the current one) writable at its own path, where it starts.
#   -m  the guest's memory, default 1024   -t  the time limit, default 600
# One argument is bash text; several are a program and its arguments. The names in VM_ENV are those
# of environment variables to pass on. The status is the command's; 125: none came back.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$here/common.sh"

read_options m:t:s: "$@"
require_machine
"$here/build.sh" uml || exit
kernel=$(kernel_folder uml)

begin
cp "$here/init-uml.sh" "$control/init"
cp "$here/run-command.sh" "$control/"
command_text "$share" "${arguments[@]}" >"$control/command"
printf '%s\n' "$share" >"$control/share"
printf '%s\n' "$kernel" >"$control/kernel"
echo uml >"$control/name"

export LD_PRELOAD=$kernel/xstate.so
# `ssl` are the serial lines; the first has the kernel's console. uml_dir would be ~/.uml.
run_guest "$control/console" "$kernel/linux" "mem=${memory}M" rootfstype=hostfs rootflags=/ ro \
  init="$control/init" uml_dir="$control" umid=uml \
  con=null con0=null,fd:1 ssl=null ssl0=null,fd:2 console=ttyS0 quiet
