// Servers over AF_HYPERV's loopback: our own, and Node's by listen().
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { connect, connectAsync, createServer, type Endpoints, type HypervAddress, listen, type Socket } from 'hvsock';
import { Agent } from 'hvsock/http';
import { registerService, unregisterService } from 'hvsock/windows';
import { loadBinding } from '#src/native/load.js';
import { engines, freshAddress, inject, noFaults } from '../support/hyperv.ts';
import { echo, readAll } from '../support/servers.ts';

describe('our own server', { timeout: 60_000 }, () => {
  test('tells its address, filters, and closes', async () => {
    const address = freshAddress();
    const peers: (string | undefined)[] = [];
    const server = createServer(
      {
        filter: (peer) => {
          peers.push(peer?.family);
          return peers.length > 1;
        },
      },
      echo,
    );
    await server.listen(address);
    assert.equal(`${server.address()}`, `${address}`);
    const dropped = once(server, 'drop');
    const refused = connect(address);
    await once(
      refused.on('error', () => {}),
      'close',
    );
    assert.equal((await dropped)[0].reason, 'filter');
    const socket = connect(address);
    socket.end('taken');
    assert.equal(String(await readAll(socket)), 'taken');
    await server[Symbol.asyncDispose]();
    assert.deepEqual(peers, ['hyperv', 'hyperv']);
    const error = await connectAsync(address).catch((error) => error);
    assert.equal(error.kind, 'refused');
  });

  test('has its service for itself', async () => {
    const server = createServer();
    const address = freshAddress();
    await server.listen(address);
    await assert.rejects(createServer().listen(address), { code: 'EADDRINUSE', kind: 'address-in-use' });
    server.close();
  });

  test('is not allowed to listen', { skip: noFaults }, async (t) => {
    inject(t, 'not-allowed');
    await assert.rejects(createServer().listen(freshAddress()), {
      code: 'EACCES',
      kind: 'permission',
      syscall: 'bind',
    });
  });

  test('listens on a vsock address, on a port of its own choice if none is named', async () => {
    const server = createServer(echo);
    await server.listen('vsock://local:any');
    const address = server.address() as HypervAddress;
    assert.equal(address.family, 'hyperv');
    const socket = connect(address);
    socket.end('any');
    assert.equal(String(await readAll(socket)), 'any');
    server.close();
  });
});

describe("Node's servers", { timeout: 60_000 }, () => {
  for (const io of engines) {
    test(`http, ${io}: requests with keep-alive, addresses, close and listen again`, async () => {
      const address = freshAddress();
      const server = http.createServer((request, response) => {
        const { remoteEndpoint } = request.socket as net.Socket & Endpoints;
        response.end(`${request.url} ${remoteEndpoint?.family}`);
      });
      for (let round = 0; round < 2; round++) {
        await listen(server, address, { io });
        assert.equal(server.listening, true);
        assert.equal(`${server.address()}`, `${address}`);
        const agent = new Agent(address, { connect: { io } });
        for (const path of ['/a', '/b']) {
          const request = http.get({ agent, path });
          const [response] = (await once(request, 'response')) as [http.IncomingMessage];
          assert.equal(await text(response), `${path} hyperv`);
        }
        agent.destroy();
        await new Promise((resolve) => server.close(resolve));
        assert.equal(server.listening, false);
        assert.equal(server.listenerCount('connection'), 1);
      }
    });
  }

  test('drop what is more than maxConnections', async () => {
    const address = freshAddress();
    const server = net.createServer((socket) => socket.on('error', () => {}));
    server.maxConnections = 1;
    await listen(server, address);
    const kept = await connectAsync(address);
    const dropped = once(server, 'drop');
    const more: Socket = connect(address).on('error', () => {});
    await Promise.all([dropped, once(more, 'close')]);
    kept.destroy();
    server.close();
  });
});

// No system at hand runs out of sockets or threads when told to: the addon's calls are made to say so.
describe('without sockets or threads to carry by', { timeout: 60_000 }, () => {
  const WSAEMFILE = -10_024;
  const binding = loadBinding();

  /** A call that fails until the test is over, or so many times. */
  function failing(context: TestContext, name: 'socket_pair' | 'pump_start', times = Number.POSITIVE_INFINITY): void {
    const real = binding[name] as (...values: unknown[]) => unknown;
    let left = times;
    const replaced = (...values: unknown[]) => {
      if (left-- <= 0) return real(...values);
      if (name === 'pump_start') for (const fd of values.slice(0, 2)) binding.socket_close(fd as number);
      return WSAEMFILE;
    };
    Object.assign(binding, { [name]: replaced });
    context.after(() => Object.assign(binding, { [name]: real }));
  }

  for (const name of ['socket_pair', 'pump_start'] as const) {
    test(`${name}: our own server closes who arrives, says so, and goes on`, async (t) => {
      const address = freshAddress();
      const server = createServer(echo);
      await server.listen(address, { io: 'threads' });
      failing(t, name, 1);
      const warned = once(process, 'warning');
      const closed = connect(address, { io: 'direct' }).on('error', () => {});
      await Promise.all([once(closed.resume(), 'close'), warned]);
      assert.equal((await warned)[0].kind, 'resources');
      const socket = connect(address, { io: 'direct' });
      socket.end('served');
      assert.equal(String(await readAll(socket)), 'served');
      await server[Symbol.asyncDispose]();
    });

    test(`${name}: a server of Node's does, too`, async (t) => {
      const address = freshAddress();
      const server = await listen(
        net.createServer((socket) => socket.pipe(socket)),
        address,
        { io: 'threads' },
      );
      failing(t, name, 1);
      const warned = once(process, 'warning');
      const closed = connect(address, { io: 'direct' }).on('error', () => {});
      await Promise.all([once(closed.resume(), 'close'), warned]);
      assert.equal((await warned)[0].kind, 'resources');
      const socket = connect(address, { io: 'direct' });
      socket.end('served');
      assert.equal(String(await readAll(socket)), 'served');
      server.close();
    });

    test(`${name}: who connects tries again`, async (t) => {
      const address = freshAddress();
      const server = createServer(echo);
      await server.listen(address, { io: 'direct' });
      failing(t, name, 1);
      const socket = connect(address, { io: 'threads', retry: { kinds: ['resources'], delay: 1 } });
      socket.end('again');
      assert.equal(String(await readAll(socket)), 'again');
      await server[Symbol.asyncDispose]();
    });
  }
});

describe('a host that listens for its machines', { timeout: 60_000, skip: noFaults }, () => {
  const warnings = (expected: number): Promise<Error[]> => {
    const seen: Error[] = [];
    return new Promise((resolve) => {
      const processOnWarning = (warning: Error) => {
        seen.push(warning);
        if (seen.length < expected) return;
        process.off('warning', processOnWarning);
        resolve(seen);
      };
      process.on('warning', processOnWarning);
    });
  };

  test('on a service that is not registered is warned, with the command', async (t) => {
    // Once one service is registered, this Windows counts as a host of machines.
    await registerService(7, { name: 'hvsock test' });
    t.after(() => unregisterService(7));
    const warned = warnings(1);
    const server = createServer();
    await server.listen({ vmId: 'wildcard', serviceId: 23_456 });
    t.after(() => server.close());
    const [warning] = (await warned) as [Error & { code?: string }];
    assert.equal(warning.code, 'HVSOCK_NOT_REGISTERED');
    assert.match(warning.message, /hvsock services register 23456/);
  });

  test('on a registered service is not', () => {
    const program = `
      await import(process.argv[1]);
      const { createServer } = await import('hvsock');
      const { registerService, unregisterService } = await import('hvsock/windows');
      process.on('warning', (warning) => console.log(warning.code));
      await registerService(23457);
      const server = createServer();
      await server.listen({ vmId: 'wildcard', serviceId: 23457 });
      server.close();
      process.once('beforeExit', async () => {
        if (await unregisterService(23457)) console.log('done');
      });`;
    const support = new URL('../support/hyperv.js', import.meta.url).href;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', program, support], {
      encoding: 'utf8',
    });
    assert.equal(output.trim(), 'done');
  });
});
