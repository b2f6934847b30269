#!/bin/bash
# usage: pair-host.sh SHARE DOOMED
# The host of a pair, inside of the outer guest: boots the inner guest, runs both commands, and
# exits with the one status. Started by pair.sh, never by hand.
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
share=$1 doomed=$2 memory=512 cpus=1

# The guest runs under KVM, on the SVM that TCG emulates: several times faster than TCG in TCG.
accel=tcg
for module in kvm_amd kvm_intel; do
  if modprobe $module 2>/dev/null; then
    accel=kvm
    break
  fi
done

# label NAME: starts marking the lines that come through /run/NAME.output.
labels=()
label() {
  mkfifo "/run/$1.output"
  sed -u "s/^/$1: /" <"/run/$1.output" &
  labels+=($!)
}

guest=/run/guest
mkdir $guest
cp /run/control/run-command.sh $guest/
mv /run/control/guest-command $guest/command
printf '%s\n' "$share" >$guest/share
echo guest >$guest/name
printf '%s\n' vmw_vsock_virtio_transport vsock_loopback vsock_diag >$guest/modules
console=/run/control/guest-console # outlives this machine
: >$console
label guest
qemu_guest $accel /run/control/vmlinuz $guest $console
"${qemu[@]}" -device vhost-vsock-pci,guest-cid=3 -pidfile $guest/pid \
  </dev/null >/run/guest.output 2>>$console &
machine=$!

label host
setsid bash /run/control/host-command </dev/null >/run/host.output 2>&1 &
host=$!

# note WHO STATUS: the first failure is the pair's. The other then has 10 seconds more: what it
# waits for may never come, but its last words may explain.
status=0 timer=''
note() {
  if [ "$2" = 0 ] || [ "$status" != 0 ]; then return; fi
  status=$2
  echo "pair: the $1's status is $2"
  sleep 10 &
  timer=$!
}
while [ -n "$host$machine" ]; do
  # shellcheck disable=SC2086 # those that have ended are empty
  wait -n -p ended $host $machine $timer
  code=$?
  case $ended in
    "$host")
      kill -KILL -- "-$host" # what it left running
      host=''
      note host $code
      ;;
    "$machine")
      machine=''
      if [ -s $guest/status ]; then code=$(cat $guest/status); elif [ "$doomed" = yes ]; then code=0; else code=125; fi
      note guest "$code"
      ;;
    *) break ;;
  esac
done 2>/dev/null
[ -z "$host" ] || kill -KILL -- "-$host"
[ -z "$machine" ] || kill -KILL "$machine"
(sleep 5 && kill "${labels[@]}") 2>/dev/null &
wait "${labels[@]}" 2>/dev/null
exit "$status"
