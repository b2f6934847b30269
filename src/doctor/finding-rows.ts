// Everything that `hvsock doctor` can say, in one table. docs/troubleshooting.md shows the same one to users.
// Knows nothing of how a finding is come to.

/** ok: as it should be. warning: something does not work that not everybody needs. failure: mend it first. */
export type Level = 'ok' | 'warning' | 'failure';

export interface FindingRow {
  readonly level: Level;
  /** One sentence, without the full stop. `{name}` stands for what is found. */
  readonly why: string;
  /** One command that mends it; words in capitals are the reader's to fill in. */
  readonly command?: string;
}

// Sources: Linux net/socket.c, net/vmw_vsock/*.c, drivers/vhost/vsock.c and Documentation/admin-guide/sysctl/net.rst;
// man unix(7), man 2 seccomp, man systemd.exec(5).
export const findingRows = {
  'system.known': { level: 'ok', why: '{platform} {release} on {arch}, Node.js {version}' },
  'system.unknown': {
    level: 'failure',
    why: 'hypervisor sockets are known on Linux, Windows and macOS, not on {platform}; emulated ones work',
    command: 'export HVSOCK_EMULATOR=DIRECTORY',
  },
  'system.emulated': {
    level: 'warning',
    why: 'HVSOCK_EMULATOR is set, so vsock and hvsock addresses go to the emulated hypervisor in {directory}',
    command: 'unset HVSOCK_EMULATOR',
  },
  'addon.loaded': { level: 'ok', why: 'the native addon loads' },
  'addon.missing': {
    level: 'failure',
    why: 'no native addon for {target} loads, which vsock and hvsock addresses need: {problem}',
    command: 'npm rebuild hvsock',
  },

  'family.ready': { level: 'ok', why: 'the kernel opens AF_VSOCK sockets' },
  'family.filtered': {
    level: 'failure',
    why: "a seccomp filter answers {code} to AF_VSOCK, as Docker's and containerd's default profiles do",
    command: 'docker run --security-opt seccomp=unconfined IMAGE',
  },
  'family.restricted': {
    level: 'failure',
    why: "a seccomp filter answers EAFNOSUPPORT to AF_VSOCK, as a systemd unit's RestrictAddressFamilies= does",
    command: 'systemctl edit UNIT # [Service] RestrictAddressFamilies=AF_VSOCK',
  },
  'family.denied': {
    level: 'failure',
    why: 'socket() says {code} and there is no seccomp filter, so a security module such as SELinux forbids it',
    command: "journalctl -k -g 'avc|apparmor'",
  },
  'family.missing': {
    level: 'failure',
    why: 'this kernel has no AF_VSOCK, and no module with it is here; in a container, load it on the host',
    command: 'modprobe vsock',
  },
  'family.unloaded': {
    level: 'warning',
    why: 'no vsock module is loaded; the first socket will load vsock and vsock_loopback, but no other driver',
    command: 'modprobe -a vhost_vsock vsock_loopback',
  },
  'family.failed': {
    level: 'failure',
    why: 'a socket of the family AF_VSOCK cannot be opened: {code}',
    command: 'ulimit -n 65536',
  },

  'drivers.none': {
    level: 'failure',
    why: 'no vsock driver is loaded, so that no machine can be reached, not even this one',
    command: 'modprobe -a vhost_vsock vsock_loopback',
  },
  'guest.virtio': { level: 'ok', why: 'this machine has a virtio vsock device and its driver' },
  'guest.virtio-idle': {
    level: 'failure',
    why: 'this machine has a virtio vsock device, and no driver serves it',
    command: 'modprobe vmw_vsock_virtio_transport',
  },
  'guest.hyperv': { level: 'ok', why: 'this is a guest of Hyper-V, or WSL 2, with its vsock driver' },
  'guest.hyperv-idle': {
    level: 'failure',
    why: 'this is a guest of Hyper-V, or WSL 2, and its vsock driver is not loaded',
    command: 'modprobe hv_sock',
  },
  'guest.vmware': { level: 'ok', why: 'this is a guest of VMware with its vsock driver' },
  'guest.vmware-idle': {
    level: 'failure',
    why: 'this is a guest of VMware, and its vsock driver is not loaded',
    command: 'modprobe vmw_vsock_vmci_transport',
  },
  'guest.no-device': {
    level: 'warning',
    why: 'this is a virtual machine without a vsock device, so that it cannot reach its host; its monitor must add one',
    command: 'qemu-system-x86_64 -device vhost-vsock-pci,guest-cid=3',
  },
  'guest.none': { level: 'ok', why: 'this is no virtual machine, so there is no host to reach' },
  'host.ready': { level: 'ok', why: 'vhost_vsock is loaded, and /dev/vhost-vsock can be opened by a monitor' },
  'host.forbidden': {
    level: 'warning',
    why: 'vhost_vsock is loaded, and a monitor of this user may not open /dev/vhost-vsock ({code})',
    command: 'setfacl -m u:{uid}:rw /dev/vhost-vsock',
  },
  'host.no-device': {
    level: 'warning',
    why: 'vhost_vsock is loaded and /dev/vhost-vsock is not here, so that monitors cannot be started here',
    command: 'docker run --device /dev/vhost-vsock IMAGE',
  },
  'host.not-loaded': {
    level: 'warning',
    why: 'vhost_vsock is not loaded, so that machines of QEMU have no vsock and cannot be reached by CID',
    command: 'modprobe vhost_vsock',
  },
  'host.none': { level: 'ok', why: 'this machine has no driver for guests of its own, and no /dev/kvm to run them' },
  'loopback.ready': { level: 'ok', why: 'CID 1, this machine itself, can be bound' },
  'loopback.missing': {
    level: 'warning',
    why: 'CID 1, this machine itself, cannot be bound ({code}): vsock_loopback is not loaded',
    command: 'modprobe vsock_loopback',
  },

  'cid.known': { level: 'ok', why: "/dev/vsock can be read: this machine's CID is {cid}" },
  'cid.any': { level: 'ok', why: '/dev/vsock can be read: no driver gives this machine a CID, so listen on any' },
  'cid.forbidden': {
    level: 'warning',
    why: '/dev/vsock may not be read ({code}), so that localCid() cannot tell the CID; all else works',
    command: 'chmod a+r /dev/vsock',
  },
  'cid.no-device': {
    level: 'warning',
    why: '/dev/vsock is not given to this container ({code}), so that localCid() cannot tell the CID; all else works',
    command: 'docker run --device /dev/vsock IMAGE',
  },
  'namespace.none': { level: 'ok', why: 'before Linux 7.0 all network namespaces share CIDs and ports' },
  'namespace.global': { level: 'ok', why: 'this network namespace shares CIDs and ports with all global ones' },
  'namespace.local': {
    level: 'warning',
    why: 'this network namespace has CIDs and ports of its own, and reaches neither the host nor guests of others',
    command: 'nsenter --target 1 --net COMMAND',
  },

  'hyperv.ready': { level: 'ok', why: 'Windows opens AF_HYPERV sockets and binds them to loopback' },
  'hyperv.missing': {
    level: 'failure',
    why: 'Windows opens no AF_HYPERV sockets ({code}); they come with Hyper-V',
    command: 'Enable-WindowsOptionalFeature -Online -FeatureName Microsoft-Hyper-V -All',
  },
  'hyperv.idle': {
    level: 'failure',
    why: 'an AF_HYPERV socket cannot be bound to loopback ({code}); Windows must restart after Hyper-V was turned on',
    command: 'Restart-Computer',
  },
  'rights.elevated': { level: 'ok', why: "this process has an administrator's rights" },
  'rights.missing': {
    level: 'warning',
    why: "this process has no administrator's rights, so that it cannot register services",
    command: 'Start-Process powershell -Verb RunAs',
  },
  'rights.untold': {
    level: 'warning',
    why: 'Windows does not tell what rights this process has: {problem}',
    command: 'whoami /groups',
  },
  'services.registered': { level: 'ok', why: 'services that machines can connect to on this host: {services}' },
  'services.none': {
    level: 'warning',
    why: 'no service is registered, so that no machine can connect to a program on this host',
    command: 'hvsock services register PORT',
  },
  'services.untold': {
    level: 'warning',
    why: 'Windows does not tell which services are registered: {problem}',
    command: 'hvsock services list',
  },
  'machines.running': { level: 'ok', why: 'machines of this host: {machines}' },
  'machines.off': {
    level: 'warning',
    why: 'no machine of this host runs: {machines}',
    command: 'Start-VM -Name NAME',
  },
  'machines.none': {
    level: 'warning',
    why: 'this host has no machines',
    command: 'New-VM -Name NAME -Generation 2 -MemoryStartupBytes 2GB',
  },
  'machines.no-hyperv': {
    level: 'warning',
    why: 'this Windows has no Hyper-V and runs no WSL 2, so that it has no machines; a guest needs none',
    command: 'Enable-WindowsOptionalFeature -Online -FeatureName Microsoft-Hyper-V -All',
  },
  'machines.forbidden': {
    level: 'warning',
    why: 'this user may not see all machines of this host: {problem}',
    command: 'Add-LocalGroupMember -SID S-1-5-32-578 -Member $env:USERNAME',
  },
  'machines.untold': {
    level: 'warning',
    why: 'Windows does not tell which machines there are: {problem}',
    command: 'hvsock vms',
  },

  'io.direct': {
    level: 'ok',
    why: 'libuv carries the bytes of AF_HYPERV sockets: an echo over loopback took {time} ms',
  },
  'io.direct-failed': {
    level: 'warning',
    why: 'libuv does not carry the bytes of AF_HYPERV sockets over loopback, so that threads must: {problem}',
    command: 'npm bugs hvsock',
  },
  'io.threads': {
    level: 'ok',
    why: 'threads carry the bytes of AF_HYPERV sockets: an echo over loopback took {time} ms',
  },
  'io.threads-failed': {
    level: 'warning',
    why: 'threads do not carry the bytes of AF_HYPERV sockets over loopback: {problem}',
    command: 'npm bugs hvsock',
  },
  'io.none': {
    level: 'failure',
    why: 'nothing carries the bytes of AF_HYPERV sockets, so that no connection works',
    command: 'npm bugs hvsock',
  },
  'io.machine': { level: 'ok', why: '{address} echoes: {io} took {time} ms' },
  'io.machine-failed': {
    level: 'failure',
    why: '{address} does not echo by {io}: {problem}',
    command: 'hvcat -l --echo {service}',
  },
  'io.unsupported': {
    level: 'failure',
    why: 'there is no AF_HYPERV here, whose bytes could be echoed',
    command: 'hvsock doctor',
  },

  'socket.windows': {
    level: 'failure',
    why: '{path}: Node.js has no unix sockets on Windows; a monitor in WSL is reached from there',
    command: 'wsl hvsock doctor {path}',
  },
  'socket.listening': { level: 'ok', why: '{path}: somebody listens, and this user may connect' },
  'socket.missing': {
    level: 'failure',
    why: '{path}: nothing is there; start the machine, or correct the path, which in a jail is below its root',
    command: 'firecracker --no-api --config-file CONFIG',
  },
  'socket.other': {
    level: 'failure',
    why: '{path} is no stream socket, and no directory with one of the name connect',
    command: 'ss --listening --unix',
  },
  'socket.forbidden': {
    level: 'failure',
    why: '{path}: this user may not connect ({code})',
    command: 'setfacl -m u:{uid}:rw {path}',
  },
  'socket.stale': {
    level: 'failure',
    why: '{path}: nobody listens; it is left from a monitor that is gone, and in the way of the next one',
    command: 'rm {path}',
  },
  'socket.untold': {
    level: 'warning',
    why: '{path}: a socket that this user may connect to; whether somebody listens takes the addon to tell',
    command: 'npm rebuild hvsock',
  },
} as const;
