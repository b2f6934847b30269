import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { type AddressLike, hypervToVsock, toAddress, vsockToHyperv } from '#src/address/address.js';
import { HypervAddress } from '#src/address/hyperv.js';
import { VsockAddress } from '#src/address/vsock.js';
import { HvsockError } from '#src/errors.js';
import { address } from './arbitraries.js';
import { assertNoAddress, assertNoArgument } from './errors.js';

const template = (port: string): string => `${port}-facb-11e6-bd58-64006a7986d3`;

test('an address is given as text, fields or a value', () => {
  const cases: readonly (readonly [AddressLike, string])[] = [
    ['vsock://3:1024', 'vsock://3:1024'],
    [{ port: 1024 }, 'vsock://:1024'],
    [{ port: 0, cid: 0 }, 'vsock://0:0'],
    [{ port: 1024, cid: undefined }, 'vsock://:1024'],
    [{ vmId: 'parent', serviceId: 1024 }, `hvsock://parent/${template('00000400')}`],
    [{ path: '/run/vm.sock', port: 52 }, 'firecracker://:52/run/vm.sock'],
    [{ path: '/run/vm.sock' }, 'unix:///run/vm.sock'],
    [{ path: '/run/vm', port: 52, dialect: 'hyperkit' }, 'hyperkit://:52/run/vm'],
    [{ family: 'vsock', cid: 3, port: 1024 }, 'vsock://3:1024'],
  ];
  for (const [like, text] of cases) assert.equal(`${toAddress(like)}`, text);
});

test('a value is returned as it is, and its JSON makes an equal one', () => {
  fc.assert(
    fc.property(address, (address) => {
      assert.equal(toAddress(address), address);
      assert.deepEqual(toAddress(JSON.parse(JSON.stringify(address))), address);
    }),
  );
});

test('what has the shape of no family is refused', () => {
  const expected = 'address must be text, an address, { port, cid }, { vmId, serviceId } or { path, port }, not ';
  const cases = [
    [undefined, 'undefined'],
    [null, 'null'],
    [1024, '1024'],
    [Number.NaN, 'NaN'],
    [true, 'true'],
    [3n, '3n'],
    [Symbol('vsock'), 'Symbol(vsock)'],
    [{}, '{}'],
    [[], '[]'],
    [[3, 1024], '[ 3, 1024 ]'],
    [{ cid: 3 }, '{ cid: 3 }'],
    [{ port: undefined }, '{ port: undefined }'],
    [{ host: 'localhost' }, "{ host: 'localhost' }"],
    [Object.create(null), '[Object: null prototype] {}'],
    [() => 'vsock://3:1024', '[Function (anonymous)]'],
  ] as const;
  for (const [like, shown] of cases) assertNoArgument(() => toAddress(like as never), expected + shown);
});

test('a value that cannot be shown does not hide the error', () => {
  const hostile = {
    [inspect.custom]: () => assert.fail('shown by its own code'),
    toString: () => assert.fail('made a string'),
  };
  assertNoArgument(() => toAddress(hostile as never), /^address must be text, /);
  assertNoArgument(() => toAddress({ port: hostile } as never), /^port must be an integer /);
});

test('each field is checked, and named in the error', () => {
  const cases = [
    [{ port: '1024' }, 'port must be an integer from 0 to 4294967295, not "1024"'],
    [{ port: null }, 'port must be an integer from 0 to 4294967295, not null'],
    [{ port: {} }, 'port must be an integer from 0 to 4294967295, not {}'],
    [{ port: 1, cid: null }, 'cid must be an integer from 0 to 4294967295, not null'],
    [{ port: 1, cid: 'host' }, 'cid must be an integer from 0 to 4294967295, not "host"'],
    [{ port: 1, cdi: 3 }, 'cdi must be absent: a vsock address has cid, port, not 3'],
    [{ port: 1, host: 'x' }, 'host must be absent: a vsock address has cid, port, not "x"'],
    [{ path: '/a', cid: 3 }, 'cid must be absent: a hybrid address has dialect, path, port, not 3'],
    [{ vmId: 'parent', port: 3 }, 'port must be absent: a hyperv address has vmId, serviceId, not 3'],
    [{ vmId: 'parent' }, 'serviceId must be a GUID or a port, an integer from 0 to 2147483647, not undefined'],
    [{ path: 7 }, 'path must be a string, not 7'],
    [{ port: 1, family: 'hyperv' }, 'family must be "vsock", not "hyperv"'],
  ] as const;
  for (const [like, message] of cases) assertNoArgument(() => toAddress(like as never), message);
  assertNoArgument(
    () => toAddress({ serviceId: 3 } as never),
    /^vmId must be a GUID or one of wildcard, .*, not undefined$/,
  );
  assertNoAddress(() => toAddress('vsock://3'), 'vsock://3', 'the port is missing; write vsock://CID:PORT');
});

test('the limit on paths can be that of another platform', () => {
  const path = `/${'x'.repeat(106)}`;
  assert.equal(`${toAddress({ path }, { platform: 'linux' })}`, `unix://${path}`);
  for (const like of [{ path }, `unix://${path}`]) {
    assert.throws(() => toAddress(like, { platform: 'darwin' }), { code: 'ERR_HVSOCK_INVALID_ADDRESS' });
  }
});

test('any value gives an address or one of the two errors', () => {
  const field = fc.constantFrom('family', 'cid', 'port', 'vmId', 'serviceId', 'path', 'dialect', 'other');
  const value = fc.oneof(fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true }), fc.nat(), address);
  fc.assert(
    fc.property(fc.oneof(value, fc.dictionary(field, value)), (like) => {
      try {
        const address = toAddress(like as AddressLike);
        assert.ok(toAddress(address.toString()).equals(address));
      } catch (error) {
        assert.ok(error instanceof HvsockError, `${error}`);
        assert.match(error.code, /^ERR_HVSOCK_INVALID_(ADDRESS|ARGUMENT)$/);
      }
    }),
    { numRuns: 2000 },
  );
});

test('three machines and half of the ports are the same on vsock and on Hyper-V', () => {
  const pairs = {
    'vsock://2:1024': `hvsock://parent/${template('00000400')}`,
    'vsock://:0': `hvsock://wildcard/${template('00000000')}`,
    'vsock://1:2147483647': `hvsock://loopback/${template('7fffffff')}`,
  };
  for (const [vsock, hyperv] of Object.entries(pairs)) {
    const fromText = { vsock: toAddress(vsock) as VsockAddress, hyperv: toAddress(hyperv) as HypervAddress };
    assert.deepEqual(vsockToHyperv(fromText.vsock), fromText.hyperv);
    assert.deepEqual(hypervToVsock(fromText.hyperv), fromText.vsock);
  }
  fc.assert(
    fc.property(fc.constantFrom(1, 2, 0xffff_ffff), fc.nat({ max: 0x7fff_ffff }), (cid, port) => {
      const address = new VsockAddress({ cid, port });
      assert.deepEqual(hypervToVsock(vsockToHyperv(address)), address);
    }),
  );
});

test('what has no counterpart is refused, and the sentence says what to write', () => {
  for (const cid of [0, 3]) {
    assertNoAddress(
      () => vsockToHyperv(new VsockAddress({ cid, port: 80 })),
      `vsock://${cid}:80`,
      `Hyper-V knows machines by GUID, so CID ${cid} has no counterpart there; ` +
        'write hvsock://GUID/80, with a GUID from "hvsock vms"',
    );
  }
  for (const port of [0x8000_0000, 0xffff_ffff]) {
    assertNoAddress(
      () => vsockToHyperv(new VsockAddress({ cid: 2, port })),
      `vsock://2:${port}`,
      'on Hyper-V, port out of range 0 to 2147483647',
    );
  }
  for (const vmId of ['children', 'silohost', 'broadcast', template('00000003')]) {
    assertNoAddress(
      () => hypervToVsock(new HypervAddress({ vmId, serviceId: 80 })),
      `hvsock://${vmId}/${template('00000050')}`,
      'only parent, wildcard and loopback have a CID (2, any and 1)',
    );
  }
  for (const serviceId of [template('80000000'), 'e0e16197-dd56-4a10-9195-5ee7a155a838']) {
    assertNoAddress(
      () => hypervToVsock(new HypervAddress({ vmId: 'parent', serviceId })),
      `hvsock://parent/${serviceId}`,
      `its service stands for no vsock port; ${template('00000400')} would stand for port 1024`,
    );
  }
});
