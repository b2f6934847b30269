import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  fromWindowsBytes,
  parseGuid,
  portOfServiceId,
  readGuid,
  serviceIdOfPort,
  toWindowsBytes,
} from '#src/address/guid.js';
import { guid } from './arbitraries.js';
import { assertNoAddress, assertNoArgument } from './errors.js';

const loopback = 'e0e16197-dd56-4a10-9195-5ee7a155a838';

test('a GUID is read in any case, with braces or without', () => {
  for (const text of [loopback, loopback.toUpperCase(), `{${loopback}}`, `{${loopback.toUpperCase()}}`]) {
    assert.equal(parseGuid(text), loopback);
    assert.equal(readGuid(text), loopback);
  }
});

test('what is no GUID is refused, and the sentence says why', () => {
  const form = 'a GUID has 32 hexadecimal digits, grouped 8-4-4-4-12';
  const cases = [
    [loopback.slice(1), `${form}; this one has 31`],
    [`${loopback}0`, `${form}; this one has 33`],
    [loopback.replaceAll('-', ''), `${form}; this one is grouped differently`],
    [`{${loopback}`, `${form}; this one is grouped differently`],
    [loopback.replace('e', 'g'), `${form}; "g0e16197-dd56-4a10-9195-5ee7a155a838" is none`],
    [`${loopback}\n`, `${form}; "e0e16197-dd56-4a10-9195-5ee7a155a838\\n" is none`],
    ['', `${form}; "" is none`],
  ] as const;
  for (const [text, problem] of cases) {
    assert.equal(readGuid(text), undefined);
    assertNoAddress(() => parseGuid(text), text, problem);
  }
  assertNoArgument(() => parseGuid(7 as never), 'guid must be a string, not 7');
});

test("Windows' bytes hold the first three fields little-endian, the rest as written", () => {
  const bytes = Buffer.from('9761e1e056dd104a91955ee7a155a838', 'hex');
  assert.deepEqual(Buffer.from(toWindowsBytes(loopback)), bytes);
  assert.equal(fromWindowsBytes(bytes), loopback);
  const counted = Uint8Array.from({ length: 16 }, (_, index) => index);
  assert.equal(fromWindowsBytes(counted), '03020100-0504-0706-0809-0a0b0c0d0e0f');
});

test('bytes and text are one another', () => {
  fc.assert(fc.property(guid, (text) => assert.equal(fromWindowsBytes(toWindowsBytes(text)), text)));
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) =>
      assert.deepEqual(Buffer.from(toWindowsBytes(fromWindowsBytes(bytes))), Buffer.from(bytes)),
    ),
  );
});

test('only 16 bytes are a GUID', () => {
  assertNoArgument(() => fromWindowsBytes(new Uint8Array(15)), /^bytes must be 16 bytes, not Uint8Array\(15\)/);
  assertNoArgument(() => fromWindowsBytes(new Uint8Array(17)), /^bytes must be 16 bytes/);
  assertNoArgument(() => fromWindowsBytes('x'.repeat(16) as never), /^bytes must be 16 bytes/);
});

test('a port has a service GUID and back', () => {
  assert.equal(serviceIdOfPort(0), '00000000-facb-11e6-bd58-64006a7986d3');
  assert.equal(serviceIdOfPort(1024), '00000400-facb-11e6-bd58-64006a7986d3');
  assert.equal(serviceIdOfPort(0x3049197c), '3049197c-facb-11e6-bd58-64006a7986d3'); // Go sock_stress
  assert.equal(serviceIdOfPort(0x7fff_ffff), '7fffffff-facb-11e6-bd58-64006a7986d3');
  assert.equal(portOfServiceId('{00005653-FACB-11E6-BD58-64006A7986D3}'), 0x5653); // OCaml sock_stress
  fc.assert(
    fc.property(fc.nat({ max: 0x7fff_ffff }), (port) => assert.equal(portOfServiceId(serviceIdOfPort(port)), port)),
  );
});

test('the upper half of the ports has no service GUID', () => {
  for (const port of [0x8000_0000, -1, 1.5, Number.NaN, '80']) {
    assertNoArgument(() => serviceIdOfPort(port as number), /^port must be an integer from 0 to 2147483647, not /);
  }
  assert.equal(portOfServiceId('80000000-facb-11e6-bd58-64006a7986d3'), undefined);
  assert.equal(portOfServiceId(loopback), undefined);
  assert.throws(() => portOfServiceId('1024'), { code: 'ERR_HVSOCK_INVALID_ADDRESS' });
});
