import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { HybridAddress } from '#src/address/hybrid.js';
import { assertNoAddress, assertNoArgument } from './errors.js';

const linux = { platform: 'linux' } as const;
const darwin = { platform: 'darwin' } as const;

test('the dialect is firecracker with a port, unix without, unless given', () => {
  assert.equal(`${new HybridAddress({ path: '/run/vm.sock', port: 52 })}`, 'firecracker://:52/run/vm.sock');
  assert.equal(`${new HybridAddress({ path: '/run/vm.sock', port: 0 })}`, 'firecracker://:0/run/vm.sock');
  assert.equal(`${new HybridAddress({ path: '/run/vm.sock' })}`, 'unix:///run/vm.sock');
  assert.equal(`${new HybridAddress({ dialect: 'hyperkit', path: '/run/vm', port: 80 })}`, 'hyperkit://:80/run/vm');
});

test('each dialect derives its names from the path', () => {
  const firecracker = new HybridAddress({ path: '/run/vm.sock', port: 52 });
  assert.equal(firecracker.connectPath, '/run/vm.sock');
  assert.equal(firecracker.listenPath, '/run/vm.sock_52');
  const hyperkit = new HybridAddress({ dialect: 'hyperkit', path: '/run/vm', port: 0x5653 });
  assert.equal(hyperkit.connectPath, '/run/vm/connect');
  assert.equal(hyperkit.listenPath, '/run/vm/00000002.00005653');
  const unix = new HybridAddress({ path: '/run/vm.sock' });
  assert.equal(unix.connectPath, '/run/vm.sock');
  assert.equal(unix.listenPath, '/run/vm.sock');
});

test('the value is immutable, plain in JSON, and shows its text', () => {
  const address = new HybridAddress({ path: '/run/vm.sock', port: 52 });
  assert.throws(() => Object.assign(address, { port: 53 }), TypeError);
  assert.equal(JSON.stringify(address), '{"family":"hybrid","dialect":"firecracker","path":"/run/vm.sock","port":52}');
  assert.equal(inspect(address), 'HybridAddress firecracker://:52/run/vm.sock');
  const unix = new HybridAddress({ path: '/run/vm.sock' });
  assert.ok(Object.isFrozen(unix));
  assert.ok(!('port' in unix));
  assert.deepEqual(unix.toJSON(), { family: 'hybrid', dialect: 'unix', path: '/run/vm.sock' });
});

test('equal addresses have the same dialect, path and port', () => {
  const address = new HybridAddress({ path: '/a', port: 52 });
  assert.ok(address.equals(new HybridAddress({ dialect: 'firecracker', path: '/a', port: 52 })));
  assert.ok(!address.equals(new HybridAddress({ dialect: 'hyperkit', path: '/a', port: 52 })));
  assert.ok(!address.equals(new HybridAddress({ path: '/b', port: 52 })));
  assert.ok(!address.equals(new HybridAddress({ path: '/a', port: 53 })));
  assert.ok(!address.equals(new HybridAddress({ path: '/a' })));
  assert.ok(!address.equals(null));
});

test('a field of a wrong type or range is refused by name', () => {
  const expected = 'port must be an integer from 0 to 4294967295, not ';
  for (const port of [-1, 2 ** 32, 0.5, Number.NaN, '52', null]) {
    assertNoArgument(() => new HybridAddress({ path: '/a', port: port as number }), new RegExp(`^${expected}`));
  }
  assertNoArgument(() => new HybridAddress({ dialect: 'firecracker', path: '/a' }), `${expected}undefined`);
  assertNoArgument(() => new HybridAddress({ dialect: 'hyperkit', path: '/a' }), `${expected}undefined`);
  assertNoArgument(
    () => new HybridAddress({ dialect: 'unix', path: '/a', port: 1 }),
    'port must be absent in the unix dialect, not 1',
  );
  for (const dialect of ['cloud-hypervisor', 'toString', '', 7, null]) {
    assertNoArgument(
      () => new HybridAddress({ dialect: dialect as never, path: '/a' }),
      /^dialect must be one of firecracker, hyperkit, unix, not /,
    );
  }
  for (const path of [7, null, undefined, ['/a']]) {
    assertNoArgument(() => new HybridAddress({ path: path as never }), /^path must be a string, not /);
  }
});

test("a path that cannot be a socket's is refused, quoting the address", () => {
  assertNoAddress(() => new HybridAddress({ path: '' }), 'unix://', 'the path is missing');
  assertNoAddress(
    () => new HybridAddress({ path: 'vm.sock', port: 5 }),
    'firecracker://:5vm.sock',
    'the path "vm.sock" must be absolute, beginning with a slash',
  );
  assertNoAddress(() => new HybridAddress({ path: '/a\0b' }), 'unix:///a\0b', 'a path cannot hold a NUL character');
  assertNoAddress(
    () => new HybridAddress({ path: '/\ud83d' }),
    'unix:///\ud83d',
    'the path holds half a surrogate pair, which no file name can',
  );
  assert.equal(new HybridAddress({ path: '/\ud83d\ude00' }).path, '/😀');
});

test('every name that a dialect derives must fit sun_path, in bytes', () => {
  const tooLong = /is no address: the path.* is \d+ bytes long, and a unix socket's name has at most (107|103)$/;
  for (const [options, limit] of [
    [linux, 107],
    [darwin, 103],
  ] as const) {
    const cases = [
      { fields: {}, added: 0 },
      { fields: { port: 52 }, added: '_52'.length },
      { fields: { port: 0xffff_ffff }, added: '_4294967295'.length },
      { fields: { dialect: 'hyperkit', port: 1 }, added: '/00000002.00000001'.length },
    ] as const;
    for (const { fields, added } of cases) {
      const longest = `/${'x'.repeat(limit - added - 1)}`;
      assert.equal(new HybridAddress({ ...fields, path: longest }, options).path, longest);
      assert.throws(() => new HybridAddress({ ...fields, path: `${longest}x` }, options), {
        code: 'ERR_HVSOCK_INVALID_ADDRESS',
        message: tooLong,
      });
      const unicode = `/${'x'.repeat(limit - added - 4)}€`;
      assert.equal(new HybridAddress({ ...fields, path: unicode }, options).path, unicode);
      assert.throws(() => new HybridAddress({ ...fields, path: `${unicode}x` }, options), {
        message: tooLong,
      });
    }
  }
  const path = `/${'x'.repeat(104)}`;
  assertNoAddress(
    () => new HybridAddress({ path, port: 52 }, linux),
    `firecracker://:52${path}`,
    `the path, with the "_52" that its dialect adds, is 108 bytes long, and a unix socket's name has at most 107`,
  );
});

test('the limit is of the platform at the time of the call', (t) => {
  const original = Object.getOwnPropertyDescriptor(process, 'platform') as PropertyDescriptor;
  t.after(() => Object.defineProperty(process, 'platform', original));
  const path = `/${'x'.repeat(104)}`;
  Object.defineProperty(process, 'platform', { ...original, value: 'linux' });
  assert.equal(new HybridAddress({ path }).path, path);
  Object.defineProperty(process, 'platform', { ...original, value: 'darwin' });
  assert.throws(() => new HybridAddress({ path }), { code: 'ERR_HVSOCK_INVALID_ADDRESS' });
});
