// Every finding, from systems that are made up: also those that no machine at hand has, which are Hyper-V's and VMware's
// guests, the namespaces of Linux 7.0, a security module that forbids, other operating systems; Windows' programs are
// stand-ins.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { HypervAddress, serviceIdOfPort } from 'hvsock';
import { diagnose } from '#src/doctor/diagnose.js';
import type { Finding, FindingId } from '#src/doctor/finding.js';
import { findingRows } from '#src/doctor/finding-rows.js';
import { jsonLines, programs, type StandIn, StandInRegistry, services, units } from '../support/windows-programs.js';
import type { Made } from './system-view.ts';
import { madeSystem } from './system-view.ts';

const virtio = (id: string, more: Record<string, string> = {}) => ({
  '/sys/bus/virtio/devices/virtio0/device': '0x0001\n',
  '/sys/bus/virtio/devices/virtio1/device': `${id}\n`,
  ...more,
});
const served = { '/sys/bus/virtio/devices/virtio1/driver/bind': '' };
const vmbus = { '/sys/bus/vmbus/devices/0/class_id': '' };
const vmware = { '/sys/class/dmi/id/sys_vendor': 'VMware, Inc.\n' };
const vhost = { '/sys/class/misc/vhost-vsock/dev': '10:241\n' };
const filter = { '/proc/self/status': 'Name:\tnode\nSeccomp:\t2\nSeccomp_filters:\t1\n' };
const noFamily = { '/proc/net/protocols': 'protocol  size\nTCP  2000\n' };
const modules = { '/lib/modules/6.1.0/modules.dep': 'kernel/net/vmw_vsock/vsock.ko.xz:\n' };
const mode = (text: string) => ({ '/proc/sys/net/vsock/ns_mode': `${text}\n` });
const neverOpened = () => assert.fail('a socket was opened, which loads the family');

const echoService = new HypervAddress({ vmId: randomUUID(), serviceId: serviceIdOfPort(1024) });
const host = { id: units('HOST'), name: units('HOST'), state: 2 };
const machine = (state: number) => ({
  id: units(`90DB8B89-0D35-4F79-8CE9-49EA0AC8B7C${state}`),
  name: units(`machine ${state}`),
  state,
});
const hyperv = (...objects: object[]) => ({
  'powershell.exe': () => [0, jsonLines(...objects, { end: true })] as const,
});

/** A Windows with stand-ins for its programs. */
function onWindows(
  { services: ids = [], ...rights }: { services?: string[]; isElevated?: boolean; isAllowed?: boolean } = {},
  standIns: Record<string, StandIn> = {},
): Made {
  const registry = Object.assign(new StandInRegistry(), rights);
  for (const id of ids) registry.keys.set(`${services}\\${id}`, new Map([['ElementName', '"echo"']]));
  const run = programs({ 'reg.exe': registry.reg, ...hyperv(host), ...standIns });
  return { platform: 'win32', windows: { run } };
}

/** An echo that does not come for these. */
const failingFor =
  (...failing: string[]): NonNullable<Made['echo']> =>
  async (io, machine) => {
    if (failing.includes(machine === undefined ? io : 'machine')) throw new Error('no echo within 500 ms');
    return 1.234;
  };

/** What shows a finding. */
const systems: Readonly<Record<FindingId, Made>> = {
  'system.known': {},
  'system.unknown': { platform: 'sunos' },
  'system.emulated': { environment: { HVSOCK_EMULATOR: '/tmp/hv' } },
  'addon.loaded': {},
  'addon.missing': { probes: new Error('no addon. Tried:\n  /a: not there\n  /b: no ELF\nTo build it, …') },
  'family.ready': { files: { '/proc/net/protocols': 'protocol  size\nAF_VSOCK  1240\n' } },
  'family.filtered': { files: { ...filter, ...noFamily }, probes: { open: () => 'EPERM' } },
  'family.restricted': { files: filter, probes: { open: () => 'EAFNOSUPPORT' } },
  'family.denied': { probes: { open: () => 'EACCES' } },
  'family.missing': { files: noFamily, probes: { open: neverOpened } },
  'family.unloaded': { files: { ...noFamily, ...modules }, probes: { open: neverOpened } },
  'family.failed': { probes: { open: () => 'EMFILE' } },
  'drivers.none': { probes: { bind: () => 'EADDRNOTAVAIL' } },
  'guest.virtio': { files: virtio('0x0013', served) },
  'guest.virtio-idle': { files: virtio('0x0013') },
  'guest.hyperv': { files: { ...vmbus, '/sys/bus/vmbus/drivers/hv_sock/bind': '' } },
  'guest.hyperv-idle': { files: vmbus },
  'guest.vmware': { files: { ...vmware, '/sys/module/vmw_vsock_vmci_transport/version': '' } },
  'guest.vmware-idle': { files: vmware },
  'guest.no-device': { files: { '/proc/cpuinfo': 'processor : 0\nflags\t\t: fpu rdrand hypervisor lahf_lm\n' } },
  'guest.none': { files: { '/proc/cpuinfo': 'processor : 0\nflags\t\t: fpu rdrand lahf_lm\n' } },
  'host.ready': { files: vhost },
  'host.forbidden': { files: vhost, access: () => 'EACCES' },
  'host.no-device': { files: vhost, access: () => 'ENOENT' },
  'host.not-loaded': {},
  'host.none': { files: virtio('0x0013', served) },
  'loopback.ready': {},
  'loopback.missing': { probes: { bind: () => 'EADDRNOTAVAIL' } },
  'cid.known': {},
  'cid.any': { probes: { cid: () => 0xffff_ffff } },
  'cid.forbidden': { probes: { cid: () => 'EACCES' } },
  'cid.no-device': { probes: { cid: () => 'EPERM' } },
  'namespace.none': {},
  'namespace.global': { files: mode('global') },
  'namespace.local': { files: mode('local') },
  'hyperv.ready': onWindows(),
  'hyperv.missing': { ...onWindows(), probes: { open: () => 'EAFNOSUPPORT' } },
  'hyperv.idle': { ...onWindows(), probes: { bind: () => 'ENETDOWN' } },
  'rights.elevated': onWindows(),
  'rights.missing': onWindows({ isElevated: false }),
  'rights.untold': onWindows({}, { 'reg.exe': () => Promise.reject(new Error('not in this Windows')) }),
  'services.registered': onWindows({ services: ['00000400-facb-11e6-bd58-64006a7986d3'] }),
  'services.none': onWindows(),
  'services.untold': onWindows({ isAllowed: false }),
  'machines.running': onWindows({}, hyperv(host, machine(3), machine(2))),
  'machines.off': onWindows({}, hyperv(host, machine(3))),
  'machines.none': onWindows({}, hyperv(host)),
  'machines.no-hyperv': onWindows({}, hyperv({ error: 'InvalidNamespace', id: '', message: '' })),
  'machines.forbidden': onWindows({}, hyperv()),
  'machines.untold': onWindows({}, { 'powershell.exe': () => [0, ''] }),
  'io.direct': onWindows(),
  'io.direct-failed': { ...onWindows(), echo: failingFor('direct') },
  'io.threads': onWindows(),
  'io.threads-failed': { ...onWindows(), echo: failingFor('threads') },
  'io.none': { ...onWindows(), echo: failingFor('direct', 'threads') },
  'io.machine': onWindows(),
  'io.machine-failed': { ...onWindows(), echo: failingFor('machine') },
  'io.unsupported': {},
  'socket.windows': onWindows(),
  'socket.listening': { typeOf: () => 'socket' },
  'socket.missing': {},
  'socket.other': { typeOf: () => 'other' },
  'socket.forbidden': { typeOf: () => 'EACCES' },
  'socket.stale': { typeOf: () => 'socket', probes: { connectUnix: () => 'ECONNREFUSED' } },
  'socket.untold': { typeOf: () => 'socket', probes: new Error('no addon') },
};

for (const [id, made] of Object.entries(systems)) {
  test(id, async () => {
    const findings = await diagnose({
      sockets: ['/run/vm.sock'],
      io: { machine: echoService },
      system: madeSystem(made),
    });
    const found = findings.find((finding) => finding.id === id);
    assert.ok(found !== undefined, findings.map((finding) => finding.id).join(' '));
    for (const text of [found.why, found.command ?? '']) assert.doesNotMatch(text, /\{|undefined/);
  });
}

const windowsAreas = ['hyperv', 'rights', 'services', 'machines'];
const idsOf = (findings: readonly Finding[], area: string) =>
  findings.map(({ id }) => id).filter((id) => id.startsWith(`${area}.`));

test('each area but the sockets has one finding, and each socket one', async () => {
  for (const made of Object.values(systems)) {
    const findings = await diagnose({ sockets: ['/a', '/b'], system: madeSystem(made) });
    for (const area of ['addon', 'family', 'guest', 'host', 'loopback', 'cid', 'namespace', ...windowsAreas]) {
      assert.ok(idsOf(findings, area).length <= 1, area);
    }
    assert.equal(idsOf(findings, 'socket').length, 2);
  }
});

test('nothing is echoed without AF_HYPERV', async () => {
  const echo = () => assert.fail('an echo was tried');
  for (const made of [{}, systems['hyperv.missing'], { ...onWindows(), probes: new Error('no addon') }]) {
    const findings = await diagnose({ io: {}, system: madeSystem({ ...made, echo }) });
    assert.deepEqual(idsOf(findings, 'io'), ['io.unsupported']);
  }
});

test('the host of VMware machines has a driver', async () => {
  const files = { '/sys/module/vmw_vsock_vmci_transport/version': '' };
  const system = madeSystem({ files, probes: { bind: () => 'EADDRNOTAVAIL' } });
  assert.deepEqual(idsOf(await diagnose({ system }), 'drivers'), []);
});

test('what takes a socket to tell is not claimed where none can be opened', async () => {
  for (const id of ['family.filtered', 'family.missing', 'family.unloaded', 'addon.missing'] as const) {
    const findings = await diagnose({ system: madeSystem(systems[id]) });
    for (const area of ['drivers', 'loopback', 'cid', 'namespace']) assert.deepEqual(idsOf(findings, area), [], id);
    assert.equal(idsOf(findings, 'guest').length, 1, id);
  }
});

test('a filter that lets AF_VSOCK pass is none, and a kernel that is no Linux has none', async () => {
  const types: number[] = [];
  const open = (_family: number, type: number) => {
    types.push(type);
    return type === 1 ? 'ok' : 'EINVAL';
  };
  assert.deepEqual(idsOf(await diagnose({ system: madeSystem({ files: filter, probes: { open } }) }), 'family'), [
    'family.ready',
  ]);
  assert.equal(types.length, 2);
  const gvisor = { files: { '/proc/self/status': 'Seccomp:\t0\n' }, probes: { open: () => 'EAFNOSUPPORT' } };
  assert.deepEqual(idsOf(await diagnose({ system: madeSystem(gvisor) }), 'family'), ['family.missing']);
});

test('a host is wanted where nothing is beneath, or where there is KVM', async () => {
  const guest = { ...virtio('0x0013', served) };
  for (const [files, expected] of [
    [{}, 'host.not-loaded'],
    [guest, 'host.none'],
    [{ ...guest, '/dev/kvm': '' }, 'host.not-loaded'],
  ] as const) {
    assert.deepEqual(idsOf(await diagnose({ system: madeSystem({ files }) }), 'host'), [expected]);
  }
});

test('every row can be told to people: a sentence, and a command where something is to be mended', () => {
  for (const [id, row] of Object.entries(findingRows)) {
    assert.match(id, /^[a-z]+\.[a-z-]+$/);
    assert.match(row.why, /[^.]$/);
    assert.equal('command' in row, row.level !== 'ok', id);
  }
});
