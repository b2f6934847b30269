// Which drivers carry vsock connections: towards the host, towards guests, and on this machine itself.
import { VMADDR_CID_LOCAL, VMADDR_PORT_ANY, VsockAddress } from '../address/vsock.ts';
import { type Finding, finding } from './finding.ts';
import type { Probes, System } from './system.ts';

const AF_VSOCK = 40;
const SOCK_STREAM = 1;
/** Of a vsock device on the virtio bus: VIRTIO_ID_VSOCK in Linux include/uapi/linux/virtio_ids.h. */
const VIRTIO_ID_VSOCK = 0x13;
const VIRTIO_DEVICES = '/sys/bus/virtio/devices';
/** Serves guests of VMware, and hosts, which nothing else tells. */
const VMCI_DRIVER = '/sys/module/vmw_vsock_vmci_transport';
const VHOST_DEVICE = '/dev/vhost-vsock';

/** `probes` is undefined where no AF_VSOCK socket can be opened. */
export function examineDrivers(system: System, probes: Probes | undefined): Finding[] {
  const guest = examineGuest(system);
  const findings = [guest, examineHost(system, guest)];
  if (probes === undefined) return findings;
  findings.push(examineLoopback(probes));
  const hasDriver = findings.some(({ id }) => drivers.has(id)) || system.exists(VMCI_DRIVER);
  return hasDriver ? findings : [...findings, finding('drivers.none')];
}

/** Findings that are a driver. */
const drivers: ReadonlySet<Finding['id']> = new Set([
  'guest.virtio',
  'guest.hyperv',
  'guest.vmware',
  'host.ready',
  'host.forbidden',
  'host.no-device',
  'loopback.ready',
]);

function examineGuest(system: System): Finding {
  const devices = system.list(VIRTIO_DEVICES).map((name) => `${VIRTIO_DEVICES}/${name}`);
  const vsock = devices.filter((path) => Number(system.read(`${path}/device`)) === VIRTIO_ID_VSOCK);
  if (vsock.length > 0) {
    return finding(vsock.some((path) => system.exists(`${path}/driver`)) ? 'guest.virtio' : 'guest.virtio-idle');
  }
  if (system.list('/sys/bus/vmbus/devices').length > 0) {
    return finding(system.exists('/sys/bus/vmbus/drivers/hv_sock') ? 'guest.hyperv' : 'guest.hyperv-idle');
  }
  if (system.read('/sys/class/dmi/id/sys_vendor')?.startsWith('VMware')) {
    return finding(system.exists(VMCI_DRIVER) ? 'guest.vmware' : 'guest.vmware-idle');
  }
  const isVirtual = devices.length > 0 || /^flags\s*:.* hypervisor( |$)/m.test(system.read('/proc/cpuinfo') ?? '');
  return finding(isVirtual ? 'guest.no-device' : 'guest.none');
}

function examineHost(system: System, guest: Finding): Finding {
  // The device file may be there without the driver; to open it would load that.
  if (!system.exists('/sys/class/misc/vhost-vsock')) {
    const runsGuests = guest.id === 'guest.none' || system.exists('/dev/kvm');
    return finding(runsGuests ? 'host.not-loaded' : 'host.none');
  }
  const code = system.access(VHOST_DEVICE, 'rw');
  switch (code) {
    case 'ok':
      return finding('host.ready');
    case 'ENOENT':
      return finding('host.no-device');
    default:
      return finding('host.forbidden', { code, uid: system.uid });
  }
}

function examineLoopback(probes: Probes): Finding {
  const address = new VsockAddress({ cid: VMADDR_CID_LOCAL, port: VMADDR_PORT_ANY });
  const code = probes.bind(AF_VSOCK, SOCK_STREAM, 0, address.toSockaddr());
  return code === 'ok' ? finding('loopback.ready') : finding('loopback.missing', { code });
}
