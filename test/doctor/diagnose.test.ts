// Every finding, from systems that are made up: also those that no machine at hand has, which are Hyper-V's and VMware's
// guests, the namespaces of Linux 7.0, a security module that forbids, other operating systems.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diagnose } from '#src/doctor/diagnose.js';
import type { Finding, FindingId } from '#src/doctor/finding.js';
import { findingRows } from '#src/doctor/finding-rows.js';
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
  'socket.listening': { typeOf: () => 'socket' },
  'socket.missing': {},
  'socket.other': { typeOf: () => 'other' },
  'socket.forbidden': { typeOf: () => 'EACCES' },
  'socket.stale': { typeOf: () => 'socket', probes: { connectUnix: () => 'ECONNREFUSED' } },
  'socket.untold': { typeOf: () => 'socket', probes: new Error('no addon') },
};

for (const [id, made] of Object.entries(systems)) {
  test(id, async () => {
    const findings = await diagnose({ sockets: ['/run/vm.sock'], system: madeSystem(made) });
    const found = findings.find((finding) => finding.id === id);
    assert.ok(found !== undefined, findings.map((finding) => finding.id).join(' '));
    for (const text of [found.why, found.command ?? '']) assert.doesNotMatch(text, /\{|undefined/);
  });
}

const idsOf = (findings: readonly Finding[], area: string) =>
  findings.map(({ id }) => id).filter((id) => id.startsWith(`${area}.`));

test('each area but the sockets has one finding, and each socket one', async () => {
  for (const made of Object.values(systems)) {
    const findings = await diagnose({ sockets: ['/a', '/b'], system: madeSystem(made) });
    for (const area of ['addon', 'family', 'guest', 'host', 'loopback', 'cid', 'namespace']) {
      assert.ok(idsOf(findings, area).length <= 1, area);
    }
    assert.equal(idsOf(findings, 'socket').length, 2);
  }
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
