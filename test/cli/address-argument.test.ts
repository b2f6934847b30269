import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HvsockError, parseAddress } from 'hvsock';
import { type Role, readAddress, serviceIdOfAddress } from '#src/cli/address-argument.js';
import { UsageError } from '#src/cli/arguments.js';

const machine = '90db8b89-0d35-4f79-8ce9-49ea0ac8b7c1';
const service = '3049197c-9a4e-4fbf-9367-97f792f16994';

const meant: [text: string, role: Role, vmId: string | undefined, address: string][] = [
  ['vsock://3:1024', 'connect', undefined, 'vsock://3:1024'],
  ['vsock:3:1024', 'connect', undefined, 'vsock://3:1024'],
  ['3:1024', 'connect', undefined, 'vsock://3:1024'],
  ['0x3:0x400', 'connect', undefined, 'vsock://3:1024'],
  ['host:80', 'connect', undefined, 'vsock://2:80'],
  ['local:80', 'connect', undefined, 'vsock://1:80'],
  [':1024', 'listen', undefined, 'vsock://:1024'],
  [':any', 'listen', undefined, 'vsock://:4294967295'],
  ['any:80', 'listen', undefined, 'vsock://:80'],
  ['1024', 'listen', undefined, 'vsock://:1024'],
  [service, 'listen', undefined, `hvsock://wildcard/${service}`],
  [`{${service.toUpperCase()}}`, 'listen', undefined, `hvsock://wildcard/${service}`],
  [service, 'connect', machine, `hvsock://${machine}/${service}`],
  ['1024', 'connect', machine.toUpperCase(), `hvsock://${machine}/00000400-facb-11e6-bd58-64006a7986d3`],
  ['1024', 'connect', 'parent', 'hvsock://parent/00000400-facb-11e6-bd58-64006a7986d3'],
  [service, 'listen', 'children', `hvsock://children/${service}`],
  ['firecracker://:52/run/vm.sock', 'connect', undefined, 'firecracker://:52/run/vm.sock'],
];

for (const [text, role, vmId, address] of meant) {
  test(`to ${role}${vmId === undefined ? '' : ` with --vmid ${vmId}`}, ${text} is ${address}`, async () => {
    assert.equal(`${await readAddress(text, role, vmId)}`, address);
  });
}

const refused: [text: string, role: Role, vmId: string | undefined, problem: RegExp][] = [
  ['', 'connect', undefined, /it is empty/],
  ['1024', 'connect', undefined, /on which machine is port 1024\? write CID:1024/],
  [service, 'connect', undefined, /on which machine is service .*--vmid/],
  [':1024', 'connect', undefined, /vsock:\/\/:1024 names no machine/],
  ['hvsock://wildcard/80', 'connect', undefined, /names no machine/],
  ['3:99999999999', 'connect', undefined, /"vsock:\/\/3:99999999999" is no address: port out of range 0 to 4294967295/],
  ['vsok://3:1', 'connect', undefined, /did you mean vsock:\/\//],
  ['example.com:80', 'connect', undefined, /is no address/],
  ['3049197c-9a4e-4fbf-9367', 'listen', undefined, /a GUID has 32 hexadecimal digits.*this one has 20/],
  ['3:1024', 'connect', machine, /with --vmid, write a service GUID or a port/],
  [service, 'connect', '', /--vmid needs the GUID or the name of a machine/],
  ['99999999999', 'connect', machine, /port out of range/],
];

for (const [text, role, vmId, problem] of refused) {
  test(`to ${role}${vmId === undefined ? '' : ` with --vmid ${vmId}`}, ${JSON.stringify(text)} is refused`, async () => {
    await assert.rejects(
      readAddress(text, role, vmId),
      (error) => error instanceof UsageError && problem.test(error.message),
    );
  });
}

test('a machine given by name is looked up, and no GUID is', async () => {
  const asked: string[] = [];
  const lookUp = async (name: string) => {
    asked.push(name);
    return machine;
  };
  for (const name of ['my machine', "$x's", 'db-01', '90db8b89-0d35']) {
    assert.equal(`${await readAddress(service, 'listen', name, lookUp)}`, `hvsock://${machine}/${service}`);
  }
  await readAddress('1024', 'connect', machine, lookUp);
  await readAddress('1024', 'connect', 'parent', lookUp);
  assert.deepEqual(asked, ['my machine', "$x's", 'db-01', '90db8b89-0d35']);
});

test('a mistake in the command line comes before the lookup, and its failure is none', async () => {
  const lookUp = () => Promise.reject(new HvsockError('none', { code: 'ERR_HVSOCK_NO_VM', kind: 'no-vm' }));
  await assert.rejects(readAddress('3:1024', 'connect', 'web', lookUp), UsageError);
  await assert.rejects(readAddress('1024', 'connect', 'web', lookUp), { kind: 'no-vm' });
});

test('a machine given by name is Windows only', {
  skip: process.platform === 'win32' && 'this is Windows',
}, async () => {
  await assert.rejects(
    readAddress(service, 'connect', 'my machine'),
    (error) =>
      error instanceof HvsockError && error.kind === 'unsupported' && /"my machine".*Windows only/.test(error.message),
  );
});

test('the service that is registered for an address', () => {
  const id = (text: string) => serviceIdOfAddress(parseAddress(text));
  assert.equal(id('vsock://:1024'), '00000400-facb-11e6-bd58-64006a7986d3');
  assert.equal(id(`hvsock://wildcard/${service}`), service);
  for (const text of ['vsock://:any', 'unix:///tmp/x', 'firecracker://:52/tmp/x']) {
    assert.throws(() => id(text), { name: 'UsageError', message: /has no service GUID to register/ });
  }
});
