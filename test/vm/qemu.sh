#!/bin/bash
# usage: qemu.sh [-m MiB] [-t seconds] [-s folder] [-c cpus] [-a kvm|tcg] COMMAND…
# Runs one command in a QEMU guest with Debian's kernel. It has AF_VSOCK with the loopback
# transport (CID 1), the machine's / read-only, an empty /tmp and /run, and the shared folder
# (-s, default: the current one) writable at its own path, where it starts.
#   -m  the guest's memory, default 1024   -t  the time limit, default 600   -c  default 2
#   -a  the accelerator, default: kvm where it is real
# One argument is bash text; several are a program and its arguments. The names in VM_ENV are those
# of environment variables to pass on. The status is the command's; 125: none came back.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$here/common.sh"

read_options m:t:s:c:a: "$@"
require_machine
"$here/build.sh" qemu || exit

begin
cp "$here/run-command.sh" "$control/"
command_text "$share" "${arguments[@]}" >"$control/command"
printf '%s\n' "$share" >"$control/share"
echo qemu >"$control/name"
printf '%s\n' vsock_loopback vsock_diag >"$control/modules"
qemu_guest "${accel:-$(accelerator)}" "$(kernel_folder qemu)/vmlinux" "$control" "$control/console"
run_guest "$control/console" "${qemu[@]}"
