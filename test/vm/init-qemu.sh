#!/bin/busybox sh
# shellcheck shell=dash
# PID 1 of a QEMU guest, in the initrd: puts the root together from what QEMU shares over 9p, and
# moves there. Only busybox and the modules are here; all else is the machine's own.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
for module in virtio_pci virtio_console 9pnet_virtio 9p overlay; do
  $b modprobe $module || echo "lab: modprobe $module failed"
done
p9=trans=virtio,version=9p2000.L,msize=512000
$b mount -t 9p -o $p9,cache=loose,ro root /lower || echo 'lab: no root'
# The overlay is for the mount points and the modules, which the machine's / may lack.
$b mount -t tmpfs tmpfs /upper
$b mkdir /upper/data /upper/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work overlay /new
for folder in proc sys dev; do $b mount --move /$folder /new/$folder; done
$b mkdir -p /new/dev/pts /new/dev/shm /new/run /new/tmp /new/usr/lib/modules
$b cp -r /lib/modules/* /new/usr/lib/modules/
$b mount -t devpts devpts /new/dev/pts
for folder in run tmp dev/shm; do $b mount -t tmpfs -o mode=1777 tmpfs /new/$folder; done
$b mkdir -p /new/run/control
$b mount -t 9p -o $p9,cache=none control /new/run/control || echo 'lab: no control folder'
share=$($b cat /new/run/control/share)
$b mkdir -p "/new$share"
$b mount -t 9p -o $p9,cache=mmap share "/new$share" || echo 'lab: no shared folder'
# Named in full: busybox would look for a lone name in an fstab.
$b mount -o remount,ro overlay /new
$b ip link set lo up
output=
for port in /new/sys/class/virtio-ports/*; do
  [ "$($b cat "$port/name")" != output ] || output=/dev/${port##*/}
done
while read -r module; do
  # Without a status, the end of the console is shown.
  $b modprobe "$module" || { echo "lab: modprobe $module failed" && $b poweroff -f; }
done </new/run/control/modules
$b cp $b /new/run/busybox
exec $b switch_root /new /run/busybox sh /run/control/run-command.sh "$output"
