// Listening over unix sockets: names, stale files, rights, filters, and servers of others.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, describe, test } from 'node:test';
import { connect, createServer, HybridAddress, listen, type Socket } from 'hvsock';
import { testTransport } from '#src/testing/contract.js';
import { noUnixSockets } from './support/capabilities.ts';

const directory = mkdtempSync(join(tmpdir(), 'hvsock-'));
after(() => rmSync(directory, { recursive: true }));
let folders = 0;
const folder = () => {
  const path = join(directory, `${folders++}`);
  mkdirSync(path);
  return path;
};

/** An address to listen on, and the file that the guest's connections arrive at. */
const forms: Record<string, (path: string) => [address: string, path: string]> = {
  firecracker: (path) => [`firecracker://:52${path}/v.sock`, `${path}/v.sock_52`],
  hyperkit: (path) => [`hyperkit://:52${path}`, `${path}/00000002.00000034`],
  unix: (path) => [`unix://${path}/s`, `${path}/s`],
};

for (const [dialect, form] of Object.entries(forms)) {
  testTransport({
    name: `${dialect}, listening`,
    skip: noUnixSockets,
    capabilities: { halfClose: true, addresses: false },
    async makePair(options) {
      const [address, path] = form(folder());
      const server = await createServer(options).listen(address);
      const accepted = once(server, 'connection') as Promise<[Socket]>;
      const client = net.connect({ path, ...options } as net.NetConnectOpts);
      await once(client, 'connect');
      const [socket] = await accepted;
      return {
        client,
        server: socket,
        async close() {
          client.destroy();
          socket.destroy();
          await server[Symbol.asyncDispose]();
        },
      };
    },
  });

  test(`${dialect}: the file is there while the server listens, and no longer`, { skip: noUnixSockets }, async () => {
    const [address, path] = form(folder());
    const server = await createServer().listen(address);
    assert.ok(statSync(path).isSocket());
    assert.equal(`${server.address()}`, address);
    await server[Symbol.asyncDispose]();
    assert.equal(existsSync(path), false);
  });
}

describe('listening on a path', { timeout: 30_000, skip: noUnixSockets }, () => {
  test('an accepted socket tells its local address, and that nobody knows the peer', async () => {
    const [address, path] = forms['firecracker']!(folder());
    await using server = await createServer({
      filter: (peer, local) => {
        assert.equal(peer, undefined);
        return `${local}` === address;
      },
    }).listen(address);
    const client = net.connect(path);
    const [socket] = (await once(server, 'connection')) as [Socket];
    assert.equal(socket.localAddress, address);
    assert.equal(socket.remoteAddress, undefined);
    assert.ok(socket.localEndpoint instanceof HybridAddress);
    assert.ok(socket instanceof net.Socket);
    client.destroy();
    socket.destroy();
  });

  test('whom the filter refuses is closed, and told by drop', async () => {
    const [address, path] = forms['hyperkit']!(folder());
    await using server = await createServer({ filter: () => false }).listen(address);
    const dropped = once(server, 'drop');
    const client = net.connect(path);
    client.resume();
    const [[drop]] = await Promise.all([dropped, once(client, 'close')]);
    assert.equal((drop as { reason: string }).reason, 'filter');
  });

  test('a file that nobody answers on is replaced', async () => {
    const [address, path] = forms['firecracker']!(folder());
    const child = spawn('python3', [
      '-c',
      `import socket; socket.socket(socket.AF_UNIX).bind(${JSON.stringify(path)})`,
    ]);
    await once(child, 'close');
    assert.ok(statSync(path).isSocket());
    await using server = await createServer((socket) => socket.end('hello')).listen(address);
    assert.equal(await text(net.connect(path)), 'hello');
    assert.ok(server.listening);
  });

  test('one that somebody answers on is not', async () => {
    const [address, path] = forms['firecracker']!(folder());
    await using first = await createServer((socket) => socket.end('first')).listen(address);
    const second = createServer();
    await assert.rejects(second.listen(address), { kind: 'address-in-use', code: 'EADDRINUSE', address });
    assert.equal(second.listening, false);
    assert.equal(await text(net.connect(path)), 'first');
    assert.ok(first.listening);
    assert.ok(statSync(path).isSocket());
  });

  test('nor is a file that is no socket', async () => {
    const [address, path] = forms['firecracker']!(folder());
    writeFileSync(path, 'precious');
    await assert.rejects(createServer().listen(address), { kind: 'address-in-use' });
    assert.ok(statSync(path).isFile());
  });

  test('a directory that is not there: address-not-available, quoted', async () => {
    const address = `unix://${directory}/nowhere/s`;
    const server = createServer();
    await assert.rejects(server.listen(address), { kind: 'address-not-available', address });
    // And the other form, by 'error'.
    server.listen(address, () => assert.fail('listens'));
    const [error] = await once(server, 'error');
    assert.equal(error.kind, 'address-not-available');
  });

  test('mode and owner', async () => {
    const [address, path] = forms['unix']!(folder());
    const ids = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    await using server = await createServer().listen(address, { mode: 0o600, ...ids });
    const { mode, uid, gid } = statSync(path);
    assert.equal(mode & 0o777, 0o600);
    if ('uid' in ids) assert.deepEqual({ uid, gid }, ids);
    assert.ok(server.listening);
    await assert.rejects(async () => createServer().listen(address, { mode: 0o1777 }), /mode must be permission bits/);
  });

  test('closed before it listens, and made to listen elsewhere: that is where it does', {
    timeout: 10_000,
  }, async () => {
    const [[first, path], [second]] = [forms['unix']!(folder()), forms['unix']!(folder())];
    const server = createServer();
    const abandoned = assert.rejects(server.listen(first), { code: 'ERR_SERVER_NOT_RUNNING' });
    server.close();
    await Promise.all([abandoned, server.listen(second)]);
    assert.equal(`${server.address()}`, second);
    assert.equal(existsSync(path), false);
    await server[Symbol.asyncDispose]();
    const disposed = assert.rejects(server.listen(first), { code: 'ERR_SERVER_NOT_RUNNING' });
    await Promise.all([disposed, server[Symbol.asyncDispose]()]);
    assert.equal(existsSync(path), false);
  });

  test('closed before it listens: the promise rejects, and no file is left', async () => {
    const [address, path] = forms['unix']!(folder());
    const server = createServer();
    const listening = server.listen(address);
    assert.throws(() => server.listen(address), { code: 'ERR_SERVER_ALREADY_LISTEN' });
    const closed = once(server, 'close');
    server.close();
    await assert.rejects(listening, { code: 'ERR_SERVER_NOT_RUNNING' });
    await closed;
    assert.equal(existsSync(path), false);
    const controller = new AbortController();
    const aborted = createServer().listen(address, { signal: controller.signal });
    controller.abort();
    await assert.rejects(aborted, { kind: 'aborted' });
    await using again = await server.listen(address);
    assert.ok(again.listening);
  });

  test('the backlog takes 128 connections while the program is busy', async () => {
    const [address, path] = forms['firecracker']!(folder());
    await using server = await createServer((socket) => socket.end()).listen(address);
    // In one turn of the loop, so that nobody accepts in between.
    const clients = Array.from({ length: 128 }, () => net.connect(path));
    await Promise.all(
      clients.map(async (client) => {
        client.resume();
        await once(client, 'close');
      }),
    );
    assert.ok(server.listening);
  });

  test('onread, with a pause in the middle of a chunk', async () => {
    const [address, path] = forms['unix']!(folder());
    let got = '';
    let socket: Socket | undefined;
    const buffer = Buffer.alloc(4);
    await using server = await createServer(
      {
        onread: {
          buffer,
          callback: (length, bytes) => {
            got += Buffer.from(bytes.subarray(0, length)).toString();
            if (got.length !== 8) return true;
            setImmediate(() => socket?.resume());
            return false;
          },
        },
      },
      (accepted) => {
        socket = accepted;
      },
    ).listen(address);
    const client = net.connect(path);
    client.end('one and two and three');
    const [accepted] = (await once(server, 'connection')) as [Socket];
    await once(accepted, 'end');
    assert.equal(got, 'one and two and three');
  });

  test('http.Server, by listen(): addresses, and its own errors with a kind', async () => {
    const [address] = forms['unix']!(folder());
    const server = http.createServer((request, response) => response.end(`from ${request.socket.localAddress}`));
    await listen(server, address, { mode: 0o660 });
    const response = await new Promise<http.IncomingMessage>((resolve) => {
      http.get({ createConnection: () => connect(address) }, resolve);
    });
    assert.equal(await text(response), `from ${address}`);
    await assert.rejects(listen(http.createServer(), address), { kind: 'address-in-use' });
    await assert.rejects(listen(server, address), { code: 'ERR_SERVER_ALREADY_LISTEN' });
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  test('what is no server is refused, and named', async () => {
    for (const value of [undefined, {}, () => {}]) {
      const error = { code: 'ERR_HVSOCK_INVALID_ARGUMENT', message: /^server must be a Server .*$/ };
      await assert.rejects(listen(value as unknown as http.Server, 'unix:///tmp/x'), error);
    }
  });

  test('options of other families are refused', async () => {
    await assert.rejects(async () => createServer().listen('unix:///tmp/x', { bufferSize: 1024 }), /bufferSize/);
    await assert.rejects(async () => createServer().listen('vsock://:1024', { mode: 0o600 }), /mode must be absent/);
  });
});
