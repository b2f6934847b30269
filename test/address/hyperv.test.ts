import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import {
  HV_GUID_BROADCAST,
  HV_GUID_CHILDREN,
  HV_GUID_LOOPBACK,
  HV_GUID_PARENT,
  HV_GUID_SILOHOST,
  HV_GUID_VSOCK_TEMPLATE,
  HV_GUID_WILDCARD,
  HV_GUID_ZERO,
  HypervAddress,
} from '#src/address/hyperv.js';
import { hyperv } from './arbitraries.js';
import { assertNoArgument } from './errors.js';

const serviceId = '00000400-facb-11e6-bd58-64006a7986d3';

test('the well-known ids are those of HvSocket.h', () => {
  assert.deepEqual(
    [HV_GUID_WILDCARD, HV_GUID_ZERO, HV_GUID_BROADCAST, HV_GUID_CHILDREN, HV_GUID_LOOPBACK, HV_GUID_PARENT],
    [
      '00000000-0000-0000-0000-000000000000',
      '00000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
      '90db8b89-0d35-4f79-8ce9-49ea0ac8b7cd',
      'e0e16197-dd56-4a10-9195-5ee7a155a838',
      'a42e7cda-d03f-480c-9cc2-a4de20abb878',
    ],
  );
  assert.equal(HV_GUID_SILOHOST, '36bd0c5c-7276-4223-88ba-7d03b654c568');
  assert.equal(HV_GUID_VSOCK_TEMPLATE, '00000000-facb-11e6-bd58-64006a7986d3');
});

test('a machine is named where it has a name, a service never', () => {
  const names = {
    wildcard: HV_GUID_WILDCARD,
    children: HV_GUID_CHILDREN,
    loopback: HV_GUID_LOOPBACK,
    parent: HV_GUID_PARENT,
    silohost: HV_GUID_SILOHOST,
    broadcast: HV_GUID_BROADCAST,
  };
  for (const [name, vmId] of Object.entries(names)) {
    const address = new HypervAddress({ vmId, serviceId });
    assert.equal(`${address}`, `hvsock://${name}/${serviceId}`);
    assert.deepEqual(new HypervAddress({ vmId: name.toUpperCase(), serviceId: 1024 }), address);
  }
  assert.equal(
    `${new HypervAddress({ vmId: serviceId, serviceId: HV_GUID_PARENT })}`,
    `hvsock://${serviceId}/${HV_GUID_PARENT}`,
  );
});

test('ids are canonical whatever they were given as', () => {
  const address = new HypervAddress({
    vmId: `{${serviceId.toUpperCase()}}`,
    serviceId: serviceId.toUpperCase(),
  });
  assert.equal(address.vmId, serviceId);
  assert.equal(address.serviceId, serviceId);
});

test('the value is immutable, plain in JSON, and shows its text', () => {
  const address = new HypervAddress({ vmId: 'parent', serviceId: 1024 });
  assert.throws(() => Object.assign(address, { vmId: HV_GUID_ZERO }), TypeError);
  assert.equal(JSON.stringify(address), `{"family":"hyperv","vmId":"${HV_GUID_PARENT}","serviceId":"${serviceId}"}`);
  assert.equal(inspect(address), `HypervAddress hvsock://parent/${serviceId}`);
});

test('equal addresses have the same machine and service', () => {
  const address = new HypervAddress({ vmId: 'parent', serviceId: 1024 });
  assert.ok(address.equals(new HypervAddress({ vmId: HV_GUID_PARENT, serviceId })));
  assert.ok(!address.equals(new HypervAddress({ vmId: 'loopback', serviceId })));
  assert.ok(!address.equals(new HypervAddress({ vmId: 'parent', serviceId: 1025 })));
  assert.ok(!address.equals(address.toString()));
});

test('a field that is no GUID is refused by name', () => {
  for (const wrong of ['', 'my-vm', 'loopbac\u212a', 'constructor', 3, null, undefined, {}]) {
    assertNoArgument(
      () => new HypervAddress({ vmId: wrong as string, serviceId }),
      /^vmId must be a GUID or one of wildcard, children, loopback, parent, silohost, broadcast, not /,
    );
  }
  for (const wrong of ['', '1024', 'ssh', 'parent', -1, 0x8000_0000, 1.5, Number.NaN, null, undefined, {}]) {
    assertNoArgument(
      () => new HypervAddress({ vmId: 'parent', serviceId: wrong as string }),
      /^serviceId must be a GUID or a port, an integer from 0 to 2147483647, not /,
    );
  }
});

test('SOCKADDR_HV is 36 bytes, its GUIDs mixed-endian', () => {
  const address = new HypervAddress({ vmId: HV_GUID_PARENT, serviceId: 0x12345678 });
  const vector = Buffer.from(
    '22000000' + 'da7c2ea43fd00c489cc2a4de20abb878' + '78563412cbfae611bd5864006a7986d3',
    'hex',
  );
  assert.equal(vector.length, 36);
  assert.deepEqual(Buffer.from(address.toSockaddr()), vector);
  assert.deepEqual(HypervAddress.fromSockaddr(vector), address);
  assert.deepEqual(HypervAddress.fromSockaddr(Buffer.concat([Buffer.alloc(3), vector, vector]).subarray(3)), address);
});

test('value to bytes to value is the identity, and so is bytes to value to bytes', () => {
  fc.assert(
    fc.property(hyperv, (address) => assert.deepEqual(HypervAddress.fromSockaddr(address.toSockaddr()), address)),
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (guids) => {
      const bytes = Buffer.concat([Buffer.from([34, 0, 0, 0]), guids]);
      assert.deepEqual(Buffer.from(HypervAddress.fromSockaddr(bytes).toSockaddr()), bytes);
    }),
  );
});

test('too few bytes, or those of another family, are refused', () => {
  assertNoArgument(() => HypervAddress.fromSockaddr(new Uint8Array(35)), /^sockaddr must be at least 36 bytes/);
  assertNoArgument(() => HypervAddress.fromSockaddr(undefined as never), /^sockaddr must be at least 36 bytes/);
  assertNoArgument(
    () => HypervAddress.fromSockaddr(new Uint8Array(36).fill(40, 0, 1)),
    'sockaddr family must be AF_HYPERV (34), not 40',
  );
});
