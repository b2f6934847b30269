// Every error of the table, injected where no kernel at hand says it, through the public API.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { constants } from 'node:os';
import { describe, test } from 'node:test';
import { connectAsync, createServer, HvsockError, localCid, relay } from 'hvsock';
import { errorRows, systemError, withKind } from '#src/errors.js';
import { noVsock } from './support/capabilities.ts';
import { errno, inject } from './support/faults.ts';

const ADDRESS = 'vsock://3:1024';

describe('connect: what the system says, and what it means', { skip: noVsock }, () => {
  // FACTS of Linux: net/vmw_vsock/{af_vsock,virtio_transport_common,hyperv_transport,vmci_transport}.c, drivers/vhost/vsock.c
  const cases: [code: string, kind: string, where: 'connect_start' | 'socket_open' | 'placeholder'][] = [
    ['ECONNRESET', 'refused', 'connect_start'],
    ['ECONNREFUSED', 'refused', 'connect_start'],
    ['ENODEV', 'no-vm', 'connect_start'],
    ['ENETUNREACH', 'no-vm', 'connect_start'],
    ['EHOSTUNREACH', 'no-vm', 'connect_start'],
    ['ETIMEDOUT', 'timeout', 'connect_start'],
    ['EPERM', 'permission', 'connect_start'],
    ['EPERM', 'permission', 'socket_open'],
    ['EAFNOSUPPORT', 'unsupported', 'socket_open'],
    ['ENODEV', 'no-vm', 'socket_open'],
    ['EPROTO', 'protocol', 'connect_start'],
    ['EMFILE', 'resources', 'placeholder'],
    ['EMFILE', 'resources', 'socket_open'],
    ['ENOBUFS', 'resources', 'connect_start'],
    ['EINVAL', 'invalid', 'connect_start'],
    ['EXDEV', 'unknown', 'connect_start'],
  ];
  for (const [code, kind, where] of cases) {
    test(`${code} at ${where} is ${kind}`, async (t) => {
      inject(t, { [where]: errno(code) });
      const error = (await connectAsync(ADDRESS).catch((error) => error)) as HvsockError;
      assert.ok(error instanceof HvsockError, `${error}`);
      const syscall = where === 'connect_start' ? 'connect' : 'socket';
      assert.deepEqual(
        { code: error.code, kind: error.kind, errno: error.errno, syscall: error.syscall, address: error.address },
        { code, kind, errno: errno(code), syscall, address: ADDRESS },
      );
      assert.ok(error.message.startsWith(`${syscall} ${code} ${ADDRESS}: `), error.message);
    });
  }

  test('a local port that may not be bound, or is taken', async (t) => {
    for (const [code, kind] of [
      ['EACCES', 'permission'],
      ['EADDRINUSE', 'address-in-use'],
    ] as const) {
      inject(t, { socket_bind: errno(code) });
      await assert.rejects(connectAsync(ADDRESS, { localPort: 80 }), { code, kind, syscall: 'bind' });
    }
  });

  test('an option that this transport does not have', async (t) => {
    inject(t, { socket_set_option: errno('ENOPROTOOPT') });
    await assert.rejects(connectAsync(ADDRESS, { bufferSize: 4096 }), { code: 'ENOPROTOOPT', kind: 'unsupported' });
  });
});

describe('listen: what the system says, and what it means', { skip: noVsock }, () => {
  const cases: [code: string, kind: string, where: 'socket_open' | 'socket_bind' | 'socket_listen'][] = [
    ['EADDRINUSE', 'address-in-use', 'socket_bind'],
    ['EADDRNOTAVAIL', 'address-not-available', 'socket_bind'],
    ['EACCES', 'permission', 'socket_bind'],
    ['EPERM', 'permission', 'socket_open'],
    ['EAFNOSUPPORT', 'unsupported', 'socket_open'],
    ['ENOTSUP', 'unsupported', 'socket_listen'],
    ['ENOMEM', 'resources', 'socket_bind'],
  ];
  for (const [code, kind, where] of cases) {
    test(`${code} at ${where} is ${kind}`, async (t) => {
      inject(t, { [where]: errno(code) });
      await assert.rejects(createServer().listen('vsock://:1024'), { code, kind, address: 'vsock://:1024' });
    });
  }
});

for (const [call, code] of [
  ['placeholder', 'EMFILE'],
  ['socket_exchange', 'EMFILE'],
  ['pump_start', 'EAGAIN'],
  ['pump_start', 'ENOMEM'],
] as const) {
  test(`relay: ${code} at ${call} is resources`, { skip: noVsock }, async (t) => {
    const server = net.createServer().listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const sockets = [net.connect(port), net.connect(port)] as const;
    inject(t, { [call]: errno(code) });
    await assert.rejects(relay(...sockets), { code, kind: 'resources' });
    assert.ok(sockets[0].destroyed && sockets[1].destroyed);
  });
}

test('localCid(): where the device is missing, forbidden, or has no transport', { skip: noVsock }, (t) => {
  inject(t, { descriptor_ioctl: errno('EPERM') });
  try {
    const cid = localCid();
    assert.fail(`${cid}`);
  } catch (error) {
    assert.ok(error instanceof HvsockError);
    assert.ok(['permission', 'unsupported'].includes(error.kind), error.message);
  }
});

test("errors of Node's streams get their kind, and anything else stays what it is", () => {
  const system = (code: string, syscall: string) =>
    Object.assign(new Error(code), { code, syscall, errno: errno(code) });
  for (const code of ['ECONNRESET', 'EPIPE', 'ENOTCONN', 'ETIMEDOUT']) {
    const original = system(code, 'write');
    const error = withKind(original, 'vsock', ADDRESS) as HvsockError;
    assert.deepEqual([error.code, error.kind, error.syscall, error.cause], [code, 'reset', 'write', original]);
    assert.equal(withKind(error, 'vsock'), error);
  }
  const file = Object.assign(system('ENOENT', 'open'), { path: '/missing' });
  assert.equal(withKind(file, 'vsock'), file);
  const own = new TypeError('mine');
  assert.equal(withKind(own, 'vsock'), own);
});

describe("Windows' numbers have names and kinds", () => {
  const cases: [number: number, syscall: string, code: string, kind: string][] = [
    [10_061, 'connect', 'ECONNREFUSED', 'refused'],
    [1225, 'connect', 'ECONNREFUSED', 'refused'],
    [10_060, 'connect', 'ETIMEDOUT', 'timeout'],
    [121, 'connect', 'ETIMEDOUT', 'timeout'],
    [10_049, 'connect', 'EADDRNOTAVAIL', 'address-not-available'],
    [10_051, 'connect', 'ENETUNREACH', 'no-vm'],
    [1231, 'connect', 'ENETUNREACH', 'no-vm'],
    [1201, 'connect', 'ENODEV', 'no-vm'],
    [10_013, 'connect', 'EACCES', 'permission'],
    [10_013, 'bind', 'EACCES', 'permission'],
    [5, 'connect', 'EACCES', 'permission'],
    [10_022, 'connect', 'EINVAL', 'permission'],
    [10_022, 'bind', 'EINVAL', 'invalid'],
    [10_048, 'bind', 'EADDRINUSE', 'address-in-use'],
    [10_047, 'socket', 'EAFNOSUPPORT', 'unsupported'],
    [10_050, 'socket', 'ENETDOWN', 'unsupported'],
    [10_041, 'socket', 'EPROTOTYPE', 'unsupported'],
    [10_054, 'read', 'ECONNRESET', 'reset'],
    [10_057, 'read', 'ENOTCONN', 'reset'],
    [10_058, 'write', 'EPIPE', 'reset'],
    [109, 'write', 'EPIPE', 'reset'],
    [10_055, 'socket', 'ENOBUFS', 'resources'],
  ];
  for (const [number, syscall, code, kind] of cases) {
    // Small numbers are errnos of other systems as well.
    const skip = number < 1000 && process.platform !== 'win32' && `${number} is another error here`;
    test(`${number} at ${syscall} is ${code}, ${kind}`, { skip }, () => {
      const error = systemError(-number, syscall, 'hyperv', 'hvsock://parent/1024');
      assert.deepEqual([error.code, error.kind, error.errno], [code, kind, -number]);
    });
  }
});

test('the documentation has every row of the table, and the table every code once a step', () => {
  const documentation = readFileSync('docs/errors.md', 'utf8');
  const seen = new Set<string>();
  for (const { codes, steps, kind, family } of errorRows) {
    for (const code of codes) {
      // Not in the list of Node 20.
      assert.ok(code in constants.errno || code === 'ESOCKTNOSUPPORT', code);
      const row = documentation
        .split('\n')
        .find((line) => line.includes(`\`${code}\``) && line.includes(`\`${kind}\``));
      assert.ok(row, `docs/errors.md has no row with ${code} and ${kind}`);
      for (const step of steps) {
        const key = `${code} ${step} ${family ?? ''}`;
        assert.ok(!seen.has(key), `${key} stands twice`);
        seen.add(key);
      }
    }
  }
});
