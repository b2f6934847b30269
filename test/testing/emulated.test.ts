// The emulated hypervisor: what programs see of it, within one process and across processes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import {
  type AddressLike,
  connect,
  connectAsync,
  createServer,
  listen,
  type Server,
  type Socket,
  VMADDR_PORT_ANY,
  type VsockAddress,
} from 'hvsock';
import { Emulator, testTransport } from 'hvsock/testing';
import { HELLO_LENGTH, readHello, writeHello } from '#src/transports/emulated-hello.js';
import { media } from '../support/capabilities.ts';
import { makePair } from '../support/pairs.ts';

const hvcat = fileURLToPath(new URL('../../../../dist/cli/hvcat.js', import.meta.url));

for (const medium of media) {
  const emulator = await Emulator.create(undefined, { medium });
  after(() => emulator.close());
  const { host } = emulator;
  const guest = emulator.guest(3).partition;

  for (const [name, address] of [
    ['vsock', 'vsock://:4294967295'],
    ['hyperv', 'hvsock://wildcard/5e6f7a80-1111-2222-3333-444455556666'],
  ] as const) {
    testTransport({
      name: `emulated ${name} over ${medium}`,
      capabilities: { halfClose: true, addresses: true },
      makePair(options) {
        const reach = (server: Server): AddressLike =>
          name === 'vsock'
            ? { cid: 3, port: (server.address() as VsockAddress).port }
            : `hvsock://${guest.vmId}/5e6f7a80-1111-2222-3333-444455556666`;
        return makePair(address, reach, options, { server: guest, client: host });
      },
    });
  }

  describe(`the emulated hypervisor over ${medium}`, { timeout: 60_000 }, () => {
    test('both ends know both addresses: host to guest, guest to host, loopback', async () => {
      await using onGuest = await createServer().listen('vsock://:1024', { partition: guest });
      await using onHost = await createServer().listen('vsock://:1024', { partition: host });
      for (const [from, to, server, client] of [
        [host, 3, onGuest, 2],
        [guest, 2, onHost, 3],
        [guest, 1, onGuest, 1],
      ] as const) {
        const accepted = once(server, 'connection') as Promise<[Socket]>;
        const socket = await connectAsync({ cid: to, port: 1024 }, { partition: from });
        const [other] = await accepted;
        assert.equal(other.remoteAddress, socket.localAddress);
        assert.equal(other.localAddress, `vsock://${to}:1024`);
        assert.equal((socket.localEndpoint as VsockAddress).cid, client);
        assert.ok((socket.localPort ?? 0) >= 1024);
        socket.destroy();
        other.destroy();
      }
    });

    test('errors are the kernel’s: refused, no such machine, siblings, in use, not available', async () => {
      const here = { partition: host };
      await assert.rejects(connectAsync('vsock://3:9', here), { code: 'ECONNRESET', kind: 'refused' });
      await assert.rejects(connectAsync('vsock://77:9', here), { code: 'ENODEV', kind: 'no-vm' });
      await assert.rejects(connectAsync('vsock://0:9', here), { code: 'ENODEV', kind: 'no-vm' });
      const sibling = emulator.guest(4).partition;
      await using server = await createServer().listen('vsock://:1025', { partition: sibling });
      await assert.rejects(connectAsync('vsock://4:1025', { partition: guest }), { kind: 'no-vm' });
      (await connectAsync('vsock://4:1025', { partition: guest, toHost: true })).destroy();
      await assert.rejects(createServer().listen('vsock://:1025', { partition: sibling }), { kind: 'address-in-use' });
      await assert.rejects(createServer().listen('vsock://3:1025', { partition: sibling }), {
        kind: 'address-not-available',
      });
      assert.ok(server.listening);
    });

    test('a full backlog refuses, and a retry gets through', {
      skip: medium === 'loopback' && 'TCP makes one wait',
    }, async () => {
      await using server = await createServer((socket) => socket.end()).listen('vsock://:1030', {
        partition: guest,
        backlog: 1,
      });
      // In one turn, in which nobody accepts.
      const outcomes = await Promise.allSettled(
        Array.from({ length: 10 }, () => connectAsync('vsock://3:1030', { partition: host })),
      );
      const refused = outcomes.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
      assert.ok(refused.length > 0 && refused.length < 10, `${refused.length} of 10 were refused`);
      for (const { reason } of refused) assert.deepEqual([reason.code, reason.kind], ['ECONNRESET', 'refused']);
      for (const outcome of outcomes) if (outcome.status === 'fulfilled') await once(outcome.value.resume(), 'close');
      const late = await connectAsync('vsock://3:1030', { partition: host, retry: { for: 10_000 } });
      await once(late.resume(), 'close');
      assert.ok(server.listening);
    });

    test('ports below 1024 are for root', {
      skip: process.geteuid?.() !== 0 && 'must be root to become another',
    }, async () => {
      process.seteuid?.(65_534);
      try {
        await assert.rejects(createServer().listen('vsock://:1023', { partition: guest }), {
          code: 'EACCES',
          kind: 'permission',
        });
      } finally {
        process.seteuid?.(0);
      }
    });

    test('ephemeral ports, and a local port of one’s choice', async () => {
      await using server = await createServer().listen({ port: VMADDR_PORT_ANY }, { partition: guest });
      const { port } = server.address() as VsockAddress;
      assert.ok(port >= 1024 && port < 0xffff_ffff);
      const accepted = once(server, 'connection') as Promise<[Socket]>;
      const socket = await connectAsync({ cid: 3, port }, { partition: host, localPort: 700 });
      assert.equal((await accepted)[0].remotePort, 700);
      socket.destroy();
      (await accepted)[0].destroy();
    });

    test('a listener on the local CID is for its own machine', async () => {
      await using server = await createServer((socket) => socket.end('local')).listen('vsock://1:1026', {
        partition: guest,
      });
      assert.equal(await text(await connectAsync('vsock://1:1026', { partition: guest })), 'local');
      await assert.rejects(connectAsync('vsock://3:1026', { partition: host }), { kind: 'refused' });
      await assert.rejects(createServer().listen('vsock://:1026', { partition: guest }), { kind: 'address-in-use' });
      await using onOwn = await createServer((socket) => socket.end('own')).listen('vsock://3:1026', {
        partition: guest,
      });
      assert.equal(await text(await connectAsync('vsock://3:1026', { partition: host })), 'own');
      assert.ok(server.listening && onOwn.listening);
    });

    test('http.Server by listen(), with the peer’s address and keep-alive', async () => {
      const server = http.createServer((request, response) => response.end(`hello, ${request.socket.remoteAddress}`));
      await listen(server, 'vsock://:80', { partition: guest });
      const agent = new http.Agent({ keepAlive: true });
      agent.createConnection = () => connect('vsock://3:80', { partition: host });
      for (let i = 0; i < 3; i++) {
        const response = await new Promise<http.IncomingMessage>((resolve) => {
          http.get({ agent }, resolve);
        });
        assert.match(await text(response), /^hello, vsock:\/\/2:\d+$/);
      }
      agent.destroy();
      server.close();
      await once(server, 'close');
    });

    test('nobody in the backlog is lost: thousands of connections at once', async () => {
      // TCP's backlog is no more than what it is asked for, and the others wait.
      const length = medium === 'unix' ? 5000 : 200;
      await using server = await createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(
        'vsock://:1027',
        { partition: guest },
      );
      const patience = { timeout: 30_000, retry: { for: 30_000 } };
      const answers = await Promise.all(
        Array.from({ length }, async (_, i) => {
          const socket = connect('vsock://3:1027', { partition: host, ...patience });
          socket.end(`connection ${i}`);
          return text(socket);
        }),
      );
      for (const [i, answer] of answers.entries()) assert.equal(answer, `connection ${i}`);
      assert.ok(server.listening);
    });

    test('unchanged programs, by the environment: hvcat to hvcat', async () => {
      const run = (cid: number, ...args: string[]) => {
        const env = { ...process.env, HVSOCK_EMULATOR: emulator.directory, HVSOCK_EMULATOR_CID: `${cid}` };
        return spawn(process.execPath, [hvcat, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
      };
      const server = run(3, '-v', '-l', '--echo', ':1028');
      const client = run(2, '--retry=20', '3:1028');
      client.stdin.end('hello');
      assert.equal(await text(client.stdout), 'hello');
      server.kill();
      assert.match(await text(server.stderr), /vsock:\/\/2:\d+/);
    });

    test('pauseOnConnect: nothing is read before resume(), also through onread', async () => {
      const onread = { buffer: Buffer.alloc(64), callback: () => assert.fail('read') };
      for (const options of [{}, { onread }]) {
        const settings = { ...options, pauseOnConnect: true };
        await using server = await createServer(settings).listen('vsock://:1031', { partition: guest });
        const accepted = once(server, 'connection') as Promise<[Socket]>;
        const client = await connectAsync('vsock://3:1031', { partition: host });
        const finished = once(client, 'finish');
        client.end('hello');
        const [socket] = await accepted;
        socket.on('data', () => assert.fail('read'));
        await finished;
        await new Promise((resolve) => setTimeout(resolve, 50));
        assert.equal(socket.isPaused(), true);
        socket.removeAllListeners('data').destroy();
        client.destroy();
      }
    });

    test('who says anything but hello is closed, and harms nobody', async () => {
      await using server = await createServer((socket) => socket.end('fine')).listen('vsock://:1029', {
        partition: guest,
      });
      server.on('connection', (socket) => assert.equal(socket.localPort, 1029));
      for (const bytes of ['GET / HTTP/1.1\r\n\r\n'.padEnd(HELLO_LENGTH), 'x', '', 'x'.repeat(1000)]) {
        const path = join(emulator.directory, '3', '1029');
        const stranger =
          medium === 'unix' ? net.connect(path) : net.connect(Number(readFileSync(path, 'utf8')), '127.0.0.1');
        stranger.on('error', () => {});
        stranger.resume();
        stranger.end(bytes);
        await once(stranger, 'close');
        assert.equal(stranger.bytesRead, 0);
      }
      assert.equal(await text(connect('vsock://3:1029', { partition: host })), 'fine');
    });
  });
}

test('a hello is read back as it was written, and nothing else is one', () => {
  const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
  const hello = fc.record(
    {
      cid: uint32,
      port: uint32,
      targetCid: uint32,
      service: fc.oneof(uint32.map(String), fc.uuid()),
      token: fc.stringMatching(/^[0-9a-f]{32}$/),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(hello, (value) => {
      assert.deepEqual(readHello(Buffer.from(writeHello(value))), value);
      assert.equal(writeHello(value).length, HELLO_LENGTH);
    }),
    { numRuns: 20_000 },
  );
  fc.assert(
    fc.property(hello, fc.nat(HELLO_LENGTH - 1), fc.integer({ min: 0, max: 255 }), (value, position, byte) => {
      const bytes = Buffer.from(writeHello(value));
      bytes[position] = byte;
      const read = readHello(bytes);
      if (read !== undefined) assert.deepEqual(readHello(Buffer.from(writeHello(read))), read);
    }),
    { numRuns: 50_000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => assert.equal(readHello(bytes), undefined)),
    { numRuns: 50_000 },
  );
});

test('directories of emulators', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'hvsock-'));
  const other = await Emulator.create(directory);
  assert.equal(other.directory, directory);
  assert.throws(() => other.guest(2), /cid must be/);
  assert.throws(() => other.guest(3, { vmId: 'nonsense' }), /vmId must be a GUID/);
  await other.close();
  const file = join(directory, 'file');
  writeFileSync(file, '');
  await assert.rejects(Emulator.create(file), {
    code: 'EEXIST',
    kind: 'invalid',
    message: /file: no directory for an emulated hypervisor, EEXIST.*; choose another$/,
  });
  rmSync(directory, { recursive: true });
});
