#!/bin/busybox sh
# shellcheck shell=dash
# usage: busybox sh run-command.sh OUTPUT-DEVICE
# The last step of PID 1 in every guest, User-Mode Linux or QEMU: runs the command, leaves its
# status in the control folder, powers off. Knows nothing of how the folders came to be mounted.
# Under busybox, whose shell has all these commands in it: the inner guest of a pair needs many
# seconds to read them from the machine's / through the outer one.
control=/run/control
cat $control/name >/proc/sys/kernel/hostname
ln -sf /proc/self/fd /dev/fd
ln -sf /proc/self/fd/0 /dev/stdin
ln -sf /proc/self/fd/1 /dev/stdout
ln -sf /proc/self/fd/2 /dev/stderr
# Enough for 10,000 connections with both ends in one guest; small memory means a small default.
echo 200000 >/proc/sys/fs/file-max
# shellcheck disable=SC3045 # busybox has it
ulimit -n 65536
export TERM=dumb

# Through a pipe, for the device is a terminal in one kernel and can be opened only once in the other.
mkfifo /run/output
cat /run/output >"$1" &
reader=$!
: >$control/started
setsid bash $control/command </dev/null >/run/output 2>&1
echo $? >/run/status
# What the command left running may hold the pipe open; what it wrote has long been read by then.
(sleep 5 && kill $reader) &
wait $reader
cp /run/status $control/status
sync
echo o >/proc/sysrq-trigger
sleep 60
