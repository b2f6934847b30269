#!/bin/sh
# PID 1 of the User-Mode Linux guest, started from the control folder on the machine's root.
# Makes the guest's own places to write, mounts the folders, loads vsock from outside of /.
control=$(dirname "$0")
kernel=$(cat "$control/kernel")
share=$(cat "$control/share")
mount -t proc proc /proc
mount -t sysfs sys /sys
# The guest kernel's own devices: /dev/vsock has a number that each kernel gives out anew.
# This kernel may have mounted them already.
mountpoint -q /dev || mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
for folder in /run /tmp /dev/shm; do mount -t tmpfs -o mode=1777 tmpfs $folder; done
mkdir -p /run/control /run/kernel "$share"
mount -t hostfs -o "$control" none /run/control
mount -t hostfs -o "$kernel" none /run/kernel
mount -t hostfs -o "$share" none "$share"
for module in vsock vmw_vsock_virtio_transport_common vsock_loopback vsock_diag; do
  /run/kernel/busybox insmod "/run/kernel/$module.ko" || echo "lab: insmod $module failed" >/dev/console
done
# A tty would turn each \n into \r\n.
stty -F /dev/tty0 raw
/run/kernel/busybox ip link set lo up
exec /run/kernel/busybox sh /run/control/run-command.sh /dev/tty0
