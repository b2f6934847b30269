// What the doctor says as drivers, device files and rights come and go: in a kernel of its own, where they can.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { test } from 'node:test';
import type { Finding } from '#src/doctor/finding.js';
import { doctorCommand, examine, findingsOf, nobodysCommand } from './doctor-process.ts';

const modprobe = (...args: string[]) => execFileSync('modprobe', args, { stdio: 'inherit' });
const quote = (words: readonly string[]) => words.map((word) => `'${word}'`).join(' ');

/** What the doctor finds where these folders are empty, as in a container; /dev has what Node needs. */
function examineWithout(...folders: string[]): Map<string, Finding> {
  const hide = folders.map((folder) => `mount -t tmpfs none ${folder}`);
  const script = [...hide, '[ -e /dev/null ] || mknod -m 666 /dev/null c 1 3', quote([...doctorCommand, '--json'])];
  return findingsOf(['unshare', '--mount', 'sh', '-c', script.join('; ')]);
}

/** The ids, but for those of the machine and the addon. */
const idsOf = (findings: Map<string, Finding>) => [...findings.keys()].filter((id) => !/^(system|addon)\./.test(id));

test('loopback alone, the kernel as it has booted', () => {
  const findings = examine();
  assert.deepEqual(idsOf(findings), [
    'family.ready',
    'guest.no-device',
    'host.none',
    'loopback.ready',
    'cid.known',
    'namespace.none',
  ]);
  assert.match(findings.get('cid.known')!.why, /CID is 1$/);
});

test("a user without rights, on a device that is root's alone", () => {
  chmodSync('/dev/vsock', 0o600);
  assert.match(findingsOf(nobodysCommand).get('cid.forbidden')!.why, /\(EACCES\)/);
  chmodSync('/dev/vsock', 0o644);
  assert.ok(findingsOf(nobodysCommand).has('cid.known'));
});

test('a container without the device', () => {
  assert.match(examineWithout('/dev').get('cid.no-device')!.why, /\(ENOENT\)/);
});

test('a host, with and without rights, the device, loopback', () => {
  modprobe('vhost_vsock');
  assert.deepEqual(idsOf(examine()), [
    'family.ready',
    'guest.no-device',
    'host.ready',
    'loopback.ready',
    'cid.known',
    'namespace.none',
  ]);
  modprobe('-r', 'vsock_loopback');
  const findings = examine();
  assert.match(findings.get('cid.known')!.why, /CID is 2$/);
  assert.match(findings.get('loopback.missing')!.why, /EADDRNOTAVAIL/);
  assert.equal(findings.has('drivers.none'), false);
  chmodSync('/dev/vhost-vsock', 0o600);
  assert.match(findingsOf(nobodysCommand).get('host.forbidden')!.command!, /u:65534:rw/);
  assert.ok(examineWithout('/dev').has('host.no-device'));
});

test('no driver at all', () => {
  modprobe('-r', 'vhost_vsock');
  modprobe('vsock');
  const findings = examine();
  assert.equal(findings.get('drivers.none')!.level, 'failure');
  assert.ok(findings.has('cid.any'));
});

test('no family yet, which looking does not load', () => {
  modprobe('-r', 'vsock_diag');
  if (existsSync('/sys/module/vsock')) modprobe('-r', 'vsock');
  assert.deepEqual(idsOf(examine()), ['family.unloaded', 'guest.no-device', 'host.none']);
  assert.doesNotMatch(readFileSync('/proc/net/protocols', 'utf8'), /VSOCK/);
  assert.ok(examineWithout(`/lib/modules/${release()}`).has('family.missing'));
});

test('a machine that can run guests and has no driver for them', () => {
  // Which module makes it depends on the processor; the doctor asks for the file only.
  execFileSync('mknod', ['/dev/kvm', 'c', '10', '232']);
  assert.ok(examine().has('host.not-loaded'));
});

test('all of it again, as the kernel has booted', () => {
  modprobe('-a', 'vsock_loopback', 'vsock_diag');
  assert.ok(examine().has('loopback.ready'));
});
