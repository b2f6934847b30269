#!/bin/bash
# usage: pair.sh [-m MiB] [-t seconds] [-s folder] [-c cpus] [-a kvm|tcg] [-x] 'HOST COMMAND' 'GUEST COMMAND'
# Runs a host with vhost_vsock in QEMU and, inside it, a guest with CID 3; both have the machine's
# / read-only, an empty /tmp and /run, and the shared folder (-s, default: the current one). Each
# command is bash text and starts there, the host's while the guest is still booting: wait for
# /run/guest/started, or retry. Lines of output are marked `host: ` and `guest: `.
#   -m  the host's memory, default 2048 (the guest has 512)   -t  the time limit, default 600
#   -c  the host's CPUs, default 2        -a  the host's accelerator, default tcg
#   -x  the guest is expected to die without a status: `kill -9 $(cat /run/guest/pid)` on the host
# The guest is powered off when its command ends. When one command fails, the other has 10 seconds
# more. The status is that of the command that failed first; 125: none came back.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$here/common.sh"

memory=2048
read_options m:t:s:c:a:x "$@"
[ ${#arguments[@]} = 2 ] || usage_error
require_machine
"$here/build.sh" qemu || exit
kernel=$(kernel_folder qemu)

begin
# The host finds all that it starts its guest with in its control folder, wherever the checkout
# and the cache are.
mkdir "$control/vm" "$control/shell"
cp "$here/common.sh" "$here/pair-host.sh" "$control/vm/"
cp "$here/../shell/machine.sh" "$control/shell/"
cp "$here/run-command.sh" "$kernel/vmlinuz" "$kernel/initrd" "$control/"
command_text "$share" "${arguments[0]}" >"$control/host-command"
command_text "$share" "${arguments[1]}" >"$control/guest-command"
command_text "$share" bash /run/control/vm/pair-host.sh "$share" "$doomed" >"$control/command"
printf '%s\n' "$share" >"$control/share"
echo host >"$control/name"
printf '%s\n' vhost_vsock vsock_loopback vsock_diag >"$control/modules"
qemu_guest "${accel:-tcg}" "$kernel/vmlinux" "$control" "$control/console"
run_guest "$control/console" "${qemu[@]}"
status=$?
if [ $status != 0 ] && [ -s "$control/guest-console" ]; then
  { echo "$script: the end of the guest's console:" && tail -n 30 "$control/guest-console" | tr -d '\r'; } >&2
fi
exit $status
