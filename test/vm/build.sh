#!/bin/bash
# usage: build.sh [uml] [qemu]
# Makes the lab's kernels (both by default) from Debian's packages, once, in the cache folder.
# Knows nothing of how they are booted: the scripts that boot them call this first.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$here/common.sh"

targets=("$@")
[ $# -gt 0 ] || targets=(uml qemu)
for target in "${targets[@]}"; do
  case $target in uml | qemu) ;; *) usage_error ;; esac
done

# ready TARGET: a finished folder is never touched again, so finding it needs no lock. QEMU itself is
# one of the machine's programs.
ready() {
  [ -d "$(kernel_folder "$1")" ] && { [ "$1" = uml ] || command -v qemu-system-x86_64 >/dev/null; }
}
all_ready() {
  for target in "${targets[@]}"; do ready "$target" || return 1; done
}
if all_ready; then exit 0; fi
require_machine

# shellcheck source-path=SCRIPTDIR source=../shell/building.sh
. "$here/../shell/building.sh"
begin_building "$lab"
mkdir -p "$lab/debs"

# with_fresh_lists COMMAND…: a stale list names packages that are gone; so, once, renew and retry.
refreshed=no
with_fresh_lists() {
  if "$@"; then return; fi
  if [ $refreshed = no ]; then
    refreshed=yes
    say "refreshing apt's lists"
    if apt update && "$@"; then return; fi
  fi
  tail -n 20 "$work/log" >&2
  fail "this failed: $*"
}

step=0
steps=0

# require PROGRAM PACKAGE: installs the package if the program is missing.
require() {
  step=$((step + 1))
  if command -v "$1" >/dev/null; then return; fi
  say "installing $2 ($step of $steps)"
  with_fresh_lists apt install -y --no-install-recommends "$2"
}

# fetch PACKAGE: sets $deb to its file. It is downloaded, never installed.
download() { (cd "$work/download" && apt download "$1"); }
fetch() {
  step=$((step + 1))
  deb=$(find "$lab/debs" -name "$1_*.deb" -print -quit)
  if [ -n "$deb" ]; then return; fi
  say "fetching $1 ($step of $steps)"
  mkdir -p "$work/download"
  with_fresh_lists download "$1"
  # Moved when whole, so that a download cut short is never taken for a package.
  mv "$work"/download/*.deb "$lab/debs/"
  deb=$(find "$lab/debs" -name "$1_*.deb" -print -quit)
}

# unpack PACKAGE FOLDER PATTERN…: the package's files that match.
unpack() {
  fetch "$1"
  mkdir -p "$2"
  dpkg --fsys-tarfile "$deb" | tar -x -C "$2" --wildcards "${@:3}"
}

find_newest_kernel() {
  kernel=$(apt-cache depends linux-image-amd64 2>"$work/log" |
    sed -n 's/.*Depends: linux-image-\([0-9].*\)/\1/p' | head -n 1)
  [ -n "$kernel" ]
}

build_uml() {
  local out=$work/uml
  mkdir "$out"
  steps=2 step=0
  unpack busybox-static "$work/busybox" '*/bin/busybox'
  unpack user-mode-linux "$work/uml.d" './usr/bin/linux.uml' '*/kernel/net/vmw_vsock/*'
  mv "$work/busybox/bin/busybox" "$out/"
  mv "$work/uml.d/usr/bin/linux.uml" "$out/linux"
  cc -Wall -Wextra -Werror -O2 -shared -fPIC -o "$out/xstate.so" "$here/xstate.c"
  find "$work/uml.d" -name '*.ko' -exec mv -t "$out" {} +
}

# unpack_kernel FILE: the kernel proper. Unpacked by an emulated CPU, it takes 2 to 3 seconds of each
# boot; to read it whole, as the inner guest of a pair would, takes longer. The offsets are those of https://docs.kernel.org/arch/x86/boot.html, "The Real-Mode Kernel Header".
unpack_kernel() {
  local sectors offset length
  sectors=$(od -A n -t u1 -j $((0x1f1)) -N 1 "$1")
  offset=$(od -A n -t u4 -j $((0x248)) -N 4 "$1")
  length=$(od -A n -t u4 -j $((0x24c)) -N 4 "$1")
  # The last 4 bytes are the kernel's length when unpacked.
  head -c $(((sectors + 1) * 512 + offset + length - 4)) "$1" | tail -c $((length - 4)) | xz -dc
}

build_qemu() {
  local out=$work/qemu root=$work/initrd.d modules
  mkdir "$out"
  steps=4 step=0
  require qemu-system-x86_64 qemu-system-x86
  require depmod kmod
  unpack busybox-static "$root" '*/bin/busybox'
  with_fresh_lists find_newest_kernel
  modules=./lib/modules/$kernel
  # The initrd has every module the guests may want, for they see no other.
  unpack "linux-image-$kernel" "$work/kernel.d" "./boot/vmlinuz-$kernel" "$modules/modules.*" \
    "$modules/kernel/net/vmw_vsock/*" "$modules/kernel/drivers/vhost/*" "$modules/kernel/drivers/hv/hv_vmbus.ko" \
    "$modules/kernel/arch/x86/kvm/*" "$modules/kernel/virt/*" "$modules/kernel/drivers/crypto/ccp/*" \
    "$modules/kernel/drivers/virtio/*" "$modules/kernel/drivers/char/virtio_console.ko" \
    "$modules/kernel/net/9p/*" "$modules/kernel/fs/9p/*" "$modules/kernel/fs/netfs/*" \
    "$modules/kernel/fs/fscache/*" "$modules/kernel/fs/overlayfs/*"
  mv "$work/kernel.d/boot/vmlinuz-$kernel" "$out/vmlinuz"
  unpack_kernel "$out/vmlinuz" >"$out/vmlinux"
  mv "$work/kernel.d/lib" "$root/"
  depmod -b "$root" "$kernel"
  mkdir -p "$root"/{proc,sys,dev,lower,upper,new}
  install -m 755 "$here/init-qemu.sh" "$root/init"
  (cd "$root" && find . | "$root/bin/busybox" cpio -o -H newc 2>/dev/null | gzip -1) >"$out/initrd"
  printf '%s\n' "$kernel" >"$out/version"
}

for target in "${targets[@]}"; do
  if ready "$target"; then continue; fi
  "build_$target"
  folder=$(kernel_folder "$target")
  # Renamed when whole, so that nobody finds half of it.
  [ -d "$folder" ] || mv -T "$work/$target" "$folder"
done
