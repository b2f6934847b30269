// relay() between AF_VSOCK and other sockets, in a real kernel.
import '../support/lab.ts';

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  connect,
  connectAsync,
  createServer,
  type Relay,
  type RelayIo,
  relay,
  type Socket,
  type VsockAddress,
} from 'hvsock';
import { openDescriptors, settled } from '../support/descriptors.ts';
import { isUserMode } from '../support/kernel.ts';
import { deadPort, echo, readAll, serve } from '../support/servers.ts';

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** A path whose connections are relayed to an address. */
async function serveRelays(t: TestContext, target: VsockAddress, io: RelayIo = 'threads') {
  const folder = mkdtempSync(join(tmpdir(), 'hvsock-relay-'));
  const relays: Relay[] = [];
  const server = net.createServer((socket) => {
    const relaying = relay(socket, connect(target), { io });
    relaying.catch(() => {});
    relays.push(relaying);
  });
  server.listen(join(folder, 's'), 4096);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  return { path: join(folder, 's'), relays };
}

for (const io of ['threads', 'streams'] as const) {
  test(`unix to vsock and back, half close included: ${io}`, async (t) => {
    const bytes = randomBytes(8 * 1024 * 1024);
    // Answers only when everything is there, so that it needs the half close.
    const { address } = await serve(t, async (socket) => socket.end(await readAll(socket)), { allowHalfOpen: true });
    const { path, relays } = await serveRelays(t, address, io);
    const client = net.connect({ path, allowHalfOpen: true });
    client.end(bytes);
    const chunks: Buffer[] = [];
    for await (const chunk of client) chunks.push(chunk as Buffer);
    assert.equal(digest(Buffer.concat(chunks)), digest(bytes));
    assert.deepEqual(await relays[0], { forward: bytes.length, backward: bytes.length });
    assert.equal(relays[0]?.io, io);
  });
}

test('vsock to vsock, accepted and connecting', async (t) => {
  const { address } = await serve(t, echo);
  const counts: unknown[] = [];
  const front = await serve(t, (socket) => {
    relay(socket, connect(address), { bufferSize: 4096 }).then((count) => counts.push(count), t.diagnostic);
  });
  const bytes = randomBytes(1_000_000);
  const client = await connectAsync(front.address);
  client.end(bytes);
  assert.equal(digest(await readAll(client)), digest(bytes));
  while (counts.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(counts, [{ forward: bytes.length, backward: bytes.length }]);
});

test('a server of net, on vsock, has its descriptors taken too', async (t) => {
  const { address } = await serve(t, echo);
  await using server = createServer({ pauseOnConnect: true });
  await server.listen('vsock://:any');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = await connectAsync(`vsock://1:${(server.address() as VsockAddress).port}`);
  const [socket] = await accepted;
  client.end('hello');
  const relaying = relay(socket, connect(address), { io: 'threads' });
  assert.equal(String(await readAll(client)), 'hello');
  assert.deepEqual(await relaying, { forward: 5, backward: 5 });
});

test('nobody listens; a peer that resets; a signal', async (t) => {
  const dead = await serveRelays(t, await deadPort(t));
  const client = net.connect(dead.path);
  await once(client.resume(), 'close');
  await assert.rejects(dead.relays[0] as Relay, { kind: 'refused' });

  let far: Socket | undefined;
  const { address } = await serve(t, (socket) => {
    far = socket;
  });
  const { path, relays } = await serveRelays(t, address);
  const writer = net.connect(path).on('error', () => {});
  const closed = new Promise((resolve) => writer.resume().once('close', resolve));
  const write = () => {
    while (!writer.destroyed && writer.write(Buffer.alloc(100_000)));
  };
  writer.on('drain', write);
  write();
  while (far === undefined || (relays[0]?.counts.forward ?? 0) === 0) await new Promise((r) => setImmediate(r));
  far.destroy();
  await closed;
  await assert.rejects(relays[0] as Relay, { kind: 'reset' });

  const controller = new AbortController();
  const relaying = relay(net.connect(path), connect(address), { signal: controller.signal, io: 'threads' });
  while (relaying.io === undefined) await new Promise((resolve) => setImmediate(resolve));
  controller.abort();
  await assert.rejects(relaying, { kind: 'aborted' });
});

test('a thousand at once, two hundred in User-Mode Linux, and nothing left', { timeout: 120_000 }, async (t) => {
  const { address } = await serve(t, echo, { backlog: 4096 });
  const { path, relays } = await serveRelays(t, address);
  const before = openDescriptors().length;
  const clients = Array.from({ length: isUserMode ? 200 : 1000 }, () => net.connect({ path, allowHalfOpen: true }));
  // All of them run before any of them ends.
  await Promise.all(
    clients.map(async (client, index) => {
      client.write(Buffer.alloc(10_000, index));
      await once(client, 'readable');
    }),
  );
  await Promise.all(
    clients.map(async (client, index) => {
      client.end(Buffer.alloc(10_000, index));
      const chunks: Buffer[] = [];
      for await (const chunk of client) chunks.push(chunk as Buffer);
      assert.ok(Buffer.concat(chunks).equals(Buffer.alloc(20_000, index)));
    }),
  );
  for (const counts of await Promise.all(relays)) assert.deepEqual(counts, { forward: 20_000, backward: 20_000 });
  await settled(() => openDescriptors().length <= before);
});
