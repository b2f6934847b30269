import assert from 'node:assert/strict';
import { endianness } from 'node:os';
import { test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import {
  VMADDR_CID_ANY,
  VMADDR_CID_HOST,
  VMADDR_CID_HYPERVISOR,
  VMADDR_CID_LOCAL,
  VMADDR_FLAG_TO_HOST,
  VMADDR_PORT_ANY,
  VsockAddress,
} from '#src/address/vsock.js';
import { uint32, vsock } from './arbitraries.js';
import { assertNoArgument } from './errors.js';

const linux = { platform: 'linux' } as const;
const darwin = { platform: 'darwin' } as const;
const fromHex = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

test('the constants are those of linux/vm_sockets.h', () => {
  assert.deepEqual(
    [VMADDR_CID_ANY, VMADDR_CID_HYPERVISOR, VMADDR_CID_LOCAL, VMADDR_CID_HOST, VMADDR_PORT_ANY, VMADDR_FLAG_TO_HOST],
    [4294967295, 0, 1, 2, 4294967295, 1],
  );
});

test('the text has a number for the CID, and nothing for any', () => {
  assert.equal(`${new VsockAddress({ cid: 3, port: 1024 })}`, 'vsock://3:1024');
  assert.equal(`${new VsockAddress({ cid: 2, port: 0 })}`, 'vsock://2:0');
  assert.equal(`${new VsockAddress({ port: 1024 })}`, 'vsock://:1024');
  assert.equal(`${new VsockAddress({ cid: 0xffff_ffff, port: 0xffff_ffff })}`, 'vsock://:4294967295');
});

test('the value is immutable, plain in JSON, and shows its text', () => {
  const address = new VsockAddress({ cid: 3, port: 1024 });
  assert.throws(() => Object.assign(address, { cid: 4 }), TypeError);
  assert.ok(Object.isFrozen(address));
  assert.equal(JSON.stringify(address), '{"family":"vsock","cid":3,"port":1024}');
  assert.equal(inspect(address), 'VsockAddress vsock://3:1024');
  assert.equal(inspect({ address }), '{ address: VsockAddress vsock://3:1024 }');
});

test('equal addresses have the same CID and port', () => {
  const address = new VsockAddress({ cid: 3, port: 1024 });
  assert.ok(address.equals(new VsockAddress({ cid: 3, port: 1024 })));
  assert.ok(!address.equals(new VsockAddress({ cid: 4, port: 1024 })));
  assert.ok(!address.equals(new VsockAddress({ cid: 3, port: 1025 })));
  assert.ok(!address.equals({ family: 'vsock', cid: 3, port: 1024 }));
  assert.ok(!address.equals(undefined));
  assert.deepEqual(new VsockAddress({ cid: -0, port: -0 }), new VsockAddress({ cid: 0, port: 0 }));
});

test('a field that is no unsigned 32-bit integer is refused by name', () => {
  for (const wrong of [-1, 2 ** 32, 1.5, Number.NaN, Infinity, '3', null, true, 3n, {}, [], Symbol('3')]) {
    const expected = 'must be an integer from 0 to 4294967295, not ';
    assertNoArgument(() => new VsockAddress({ cid: wrong as number, port: 1 }), new RegExp(`^cid ${expected}`));
    assertNoArgument(() => new VsockAddress({ cid: 3, port: wrong as number }), new RegExp(`^port ${expected}`));
  }
  assertNoArgument(
    () => new VsockAddress({ cid: 3 } as never),
    'port must be an integer from 0 to 4294967295, not undefined',
  );
});

test('sockaddr_vm on Linux', { skip: endianness() === 'BE' && 'the vectors are little-endian' }, () => {
  const address = new VsockAddress({ cid: 3, port: 0x12345678 });
  const vector = '2800 0000 78563412 03000000 00 000000';
  const toHost = '2800 0000 78563412 03000000 01 000000';
  assert.deepEqual(Buffer.from(address.toSockaddr(linux)), fromHex(vector));
  assert.deepEqual(Buffer.from(address.toSockaddr({ ...linux, toHost: true })), fromHex(toHost));
  assert.deepEqual(VsockAddress.fromSockaddr(fromHex(vector), linux), address);
  assert.deepEqual(VsockAddress.fromSockaddr(fromHex(toHost), linux), address);
  assert.equal(VsockAddress.isToHost(fromHex(vector), linux), false);
  assert.equal(VsockAddress.isToHost(fromHex(toHost), linux), true);
  assert.equal(VsockAddress.isToHost(fromHex('2800 0000 78563412 03000000 02 000000'), linux), false);
  assert.equal(
    VsockAddress.fromSockaddr(fromHex('2800 0000 ffffffff ffffffff 00 000000'), linux).toString(),
    'vsock://:4294967295',
  );
});

test('sockaddr_vm on macOS', { skip: endianness() === 'BE' && 'the vectors are little-endian' }, () => {
  const address = new VsockAddress({ cid: 2, port: 1024 });
  const vector = '0c 28 0000 00040000 02000000';
  assert.deepEqual(Buffer.from(address.toSockaddr(darwin)), fromHex(vector));
  assert.deepEqual(VsockAddress.fromSockaddr(fromHex(vector), darwin), address);
  assert.equal(VsockAddress.isToHost(fromHex(vector), darwin), false);
  assertNoArgument(
    () => address.toSockaddr({ ...darwin, toHost: true }),
    'toHost must be false on darwin, which has no such flag, not true',
  );
});

test('the layout is of the platform at the time of the call', (t) => {
  const original = Object.getOwnPropertyDescriptor(process, 'platform') as PropertyDescriptor;
  t.after(() => Object.defineProperty(process, 'platform', original));
  const address = new VsockAddress({ cid: 2, port: 1024 });
  for (const [platform, length] of [
    ['darwin', 12],
    ['linux', 16],
    ['win32', 16],
  ] as const) {
    Object.defineProperty(process, 'platform', { ...original, value: platform });
    assert.equal(address.toSockaddr().length, length);
    assert.deepEqual(VsockAddress.fromSockaddr(address.toSockaddr()), address);
  }
});

test('value to bytes to value is the identity, and so is bytes to value to bytes', () => {
  fc.assert(
    fc.property(vsock, fc.constantFrom('linux', 'darwin', 'freebsd'), (address, platform) => {
      assert.deepEqual(VsockAddress.fromSockaddr(address.toSockaddr({ platform }), { platform }), address);
    }),
  );
  fc.assert(
    fc.property(uint32, uint32, fc.boolean(), (port, cid, toHost) => {
      const words = new Uint32Array([0, port, cid, 0]);
      const bytes = Buffer.from(words.buffer);
      new Uint16Array(words.buffer)[0] = 40;
      bytes[12] = toHost ? 1 : 0;
      const isToHost = VsockAddress.isToHost(bytes, linux);
      const again = VsockAddress.fromSockaddr(bytes, linux).toSockaddr({ ...linux, toHost: isToHost });
      assert.deepEqual(Buffer.from(again), bytes);
    }),
  );
});

test('bytes may lie inside a larger buffer, and more may follow', () => {
  const address = new VsockAddress({ cid: 3, port: 1024 });
  const storage = new Uint8Array(128).fill(0xee);
  storage.set(address.toSockaddr(linux), 5);
  assert.deepEqual(VsockAddress.fromSockaddr(storage.subarray(5), linux), address);
});

test('too few bytes, or those of another family, are refused', () => {
  const bytes = new VsockAddress({ cid: 3, port: 1024 }).toSockaddr(linux);
  assertNoArgument(
    () => VsockAddress.fromSockaddr(bytes.subarray(0, 15), linux),
    /^sockaddr must be at least 16 bytes/,
  );
  assertNoArgument(() => VsockAddress.fromSockaddr(new Uint8Array(11), darwin), /^sockaddr must be at least 12 bytes/);
  assertNoArgument(() => VsockAddress.fromSockaddr('x' as never, linux), /^sockaddr must be at least 16 bytes/);
  assertNoArgument(
    () => VsockAddress.fromSockaddr(new Uint8Array(16), linux),
    'sockaddr family must be AF_VSOCK (40), not 0',
  );
  assertNoArgument(() => VsockAddress.isToHost(new Uint8Array(16), darwin), /^sockaddr family must be AF_VSOCK/);
});
