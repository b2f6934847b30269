// relay() between sockets of this machine, in threads and through streams: the same behaviour of both.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, Transform } from 'node:stream';
import { after, describe, type TestContext, test } from 'node:test';
import { connect, createServer, FramedSocket, HvsockError, relay } from 'hvsock';
import { Emulator } from 'hvsock/testing';
import { noDescriptors, noUnixSockets } from './support/capabilities.ts';
import { openDescriptors, settled, threadCount } from './support/descriptors.ts';

interface Link {
  /** The relay's end, and that of who talks through it. */
  readonly inner: net.Socket;
  readonly outer: net.Socket;
}

/** A connection within this process: a unix one where there are such. */
async function openLink(t: TestContext): Promise<Link> {
  const folder = mkdtempSync(join(tmpdir(), 'hvsock-relay-'));
  const server = net.createServer();
  server.listen(noUnixSockets === false ? { path: join(folder, 's') } : { port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[net.Socket]>;
  const address = server.address() as string | net.AddressInfo;
  const to = typeof address === 'string' ? { path: address } : { port: address.port, host: '127.0.0.1' };
  const outer = net.connect({ ...to, allowHalfOpen: true });
  outer.on('error', () => {});
  const [inner] = await accepted;
  server.close();
  rmSync(folder, { recursive: true });
  t.after(() => {
    inner.destroy();
    outer.destroy();
  });
  return { inner, outer };
}

const openLinks = (t: TestContext) => Promise.all([openLink(t), openLink(t)]);

async function readAll(socket: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk)).resume();
  await once(socket, 'end');
  return Buffer.concat(chunks);
}

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

const emulator = await Emulator.create();
after(() => emulator.close());
const own = { partition: emulator.host };

for (const io of ['threads', 'streams'] as const) {
  describe(`relay: ${io}`, { skip: io === 'threads' && noDescriptors }, () => {
    test('carries both directions, each to its own end, and destroys both sockets then', async (t) => {
      const [first, second] = await openLinks(t);
      const [there, back] = [randomBytes(3_000_000), randomBytes(2_000_000)];
      const relaying = relay(first.inner, second.inner, { io });
      const closed = Promise.all([once(first.inner, 'close'), once(second.inner, 'close')]);
      first.outer.end(there);
      assert.equal(digest(await readAll(second.outer)), digest(there));
      assert.equal(relaying.io, io);
      assert.deepEqual(relaying.counts, { forward: there.length, backward: 0 });
      assert.equal(first.inner.destroyed, false);
      second.outer.end(back);
      assert.equal(digest(await readAll(first.outer)), digest(back));
      assert.deepEqual(await relaying, { forward: there.length, backward: back.length });
      await closed;
    });

    test('delivers first what has been read, and what waits to be written', async (t) => {
      const [first, second] = await openLinks(t);
      const waiting = randomBytes(5_000_000);
      second.inner.write(waiting);
      first.outer.write('hello, ');
      const [hello] = await once(first.inner, 'data');
      first.inner.pause();
      first.inner.unshift(hello);
      // Arrives in the buffer of the socket, or in the kernel's: who knows.
      first.outer.end('world');
      const relaying = relay(first.inner, second.inner, { io });
      const read = await readAll(second.outer);
      assert.equal(digest(read.subarray(0, waiting.length)), digest(waiting));
      assert.equal(read.subarray(waiting.length).toString(), 'hello, world');
      second.outer.end();
      assert.deepEqual(await relaying, { forward: 12, backward: 0 });
    });

    test('an end that came before is carried, and so is the answer to it', async (t) => {
      const [first, second] = await openLinks(t);
      first.outer.end();
      const relaying = relay(first.inner, second.inner, { io });
      await readAll(second.outer);
      second.outer.end('answer');
      assert.equal((await readAll(first.outer)).toString(), 'answer');
      assert.deepEqual(await relaying, { forward: 0, backward: 6 });
    });

    test('a slow reader holds the writer back', async (t) => {
      const [first, second] = await openLinks(t);
      const relaying = relay(first.inner, second.inner, { io });
      const bytes = 64 * 1024 * 1024;
      first.outer.end(Buffer.alloc(bytes));
      const taken = async () => {
        for (let last = -1; last !== relaying.counts.forward; ) {
          last = relaying.counts.forward;
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
        return relaying.counts.forward;
      };
      second.outer.pause();
      assert.ok((await taken()) < bytes / 8);
      assert.equal((await readAll(second.outer)).length, bytes);
      second.outer.end();
      await relaying;
    });

    test('waits for sockets that are connecting', async (t) => {
      const { inner, outer } = await openLink(t);
      const address = `vsock://2:${io === 'threads' ? 1024 : 1025}`;
      const target = connect(address, { ...own, retry: { delay: 10 } });
      const relaying = relay(inner, target, { io });
      outer.write('early');
      await once(target, 'retry');
      await using server = createServer((socket) => socket.pipe(socket));
      await server.listen(address, own);
      assert.equal(String(await once(outer, 'data')), 'early');
      outer.end();
      assert.deepEqual(await relaying, { forward: 5, backward: 5 });
    });

    test('a connection that cannot be made ends the other one', async (t) => {
      const { inner, outer } = await openLink(t);
      const closed = once(outer.resume(), 'end');
      await assert.rejects(relay(inner, connect('vsock://3:1024', own), { io }), { kind: 'no-vm', code: 'ENODEV' });
      await closed;
    });

    test('a peer that goes: the error has a kind, and the other side learns of it', async (t) => {
      const [first, second] = await openLinks(t);
      const relaying = relay(first.inner, second.inner, { io });
      const closed = new Promise((resolve) => first.outer.resume().once('close', resolve));
      // Writes until there is nobody to take it.
      const write = () => {
        while (!first.outer.destroyed && first.outer.write(Buffer.alloc(100_000)));
      };
      first.outer.on('drain', write);
      write();
      await once(second.outer, 'data');
      second.outer.destroy();
      const error = (await relaying.catch((error) => error)) as HvsockError;
      assert.match(error.code, /EPIPE|ECONNRESET/);
      assert.ok(error instanceof HvsockError && error.kind === 'reset' && error.syscall);
      await closed;
    });

    test('destroying one socket ends the relay', async (t) => {
      for (const side of [0, 1]) {
        const links = await openLinks(t);
        const relaying = relay(links[0].inner, links[1].inner, { io });
        links[0].outer.write('x');
        await once(links[1].outer, 'data');
        links[side]?.inner.destroy();
        await assert.rejects(relaying, { kind: 'aborted', code: 'ABORT_ERR', name: 'AbortError' });
        assert.ok(links[0].inner.destroyed && links[1].inner.destroyed);
      }
      const [first, second] = await openLinks(t);
      first.inner.destroy();
      await assert.rejects(relay(first.inner, second.inner, { io }), { kind: 'aborted' });
      const [third, fourth] = await openLinks(t);
      const reason = new Error('on purpose');
      const relaying = relay(third.inner, fourth.inner, { io });
      fourth.inner.destroy(reason);
      await assert.rejects(relaying, reason);
    });

    test('a signal ends it: before, while connecting, and under way', async (t) => {
      const reason = new Error('enough');
      const [first, second] = await openLinks(t);
      const over = { kind: 'aborted', code: 'ABORT_ERR', cause: reason };
      await assert.rejects(relay(first.inner, second.inner, { io, signal: AbortSignal.abort(reason) }), over);

      const { inner } = await openLink(t);
      const controller = new AbortController();
      const target = connect('vsock://3:1024', { ...own, retry: { for: Number.POSITIVE_INFINITY } });
      const connecting = relay(inner, target, { io, signal: controller.signal });
      await once(target, 'retry');
      controller.abort(reason);
      await assert.rejects(connecting, over);

      const links = await openLinks(t);
      const underWay = new AbortController();
      const relaying = relay(links[0].inner, links[1].inner, { io, signal: underWay.signal });
      links[0].outer.write(Buffer.alloc(10_000_000));
      await once(links[1].outer, 'data');
      underWay.abort(reason);
      await assert.rejects(relaying, over);
      assert.ok(relaying.counts.forward > 0);
    });

    test('idle time ends it, and a byte puts that off', async (t) => {
      const [first, second] = await openLinks(t);
      const start = performance.now();
      const relaying = relay(first.inner, second.inner, { io, idleTimeout: 300 });
      setTimeout(() => second.outer.write('x'), 200);
      await assert.rejects(relaying, { kind: 'timeout', code: 'ETIMEDOUT' });
      assert.ok(performance.now() - start >= 490);
      assert.deepEqual(relaying.counts, { forward: 0, backward: 1 });
    });

    test('a server counts its connections until they are over', async (t) => {
      const server = net.createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const accepted = once(server, 'connection') as Promise<[net.Socket]>;
      const outer = net.connect((server.address() as net.AddressInfo).port).on('error', () => {});
      const { inner, outer: other } = await openLink(t);
      const [socket] = await accepted;
      const relaying = relay(socket, inner, { io });
      const closed = once(server.close(), 'close');
      outer.write('x');
      await once(other, 'data');
      assert.equal(await new Promise((resolve) => server.getConnections((_, count) => resolve(count))), 1);
      outer.end();
      other.end();
      await relaying;
      await closed;
    });

    test('leaves no descriptor and no thread', { skip: noDescriptors }, async (t) => {
      const round = async () => {
        const links = await openLinks(t);
        const relaying = relay(links[0].inner, links[1].inner, { io });
        for (const { outer } of links) outer.resume().end('x');
        await relaying;
        await Promise.all(links.map(({ outer }) => outer.destroyed || once(outer, 'close')));
      };
      await round();
      const before = { descriptors: openDescriptors().length, threads: threadCount() };
      for (let i = 0; i < 20; i++) await round();
      await settled(() => openDescriptors().length <= before.descriptors && threadCount() <= before.threads);
    });
  });
}

test('what has no descriptor goes through streams, framed sockets on both sides', async (t) => {
  const [first, second] = await openLinks(t);
  const relaying = relay(new FramedSocket(first.inner), new FramedSocket(second.inner));
  const [there, back] = [new FramedSocket(first.outer), new FramedSocket(second.outer)];
  there.end('there');
  assert.equal(String(await readAll(back)), 'there');
  assert.equal(relaying.io, 'streams');
  back.end('back');
  assert.equal(String(await readAll(there)), 'back');
  assert.deepEqual(await relaying, { forward: 5, backward: 4 });
});

test('threads may be required', async (t) => {
  const { inner } = await openLink(t);
  const framed = new FramedSocket((await openLink(t)).inner, { closeTimeout: 0 });
  await assert.rejects(relay(inner, framed, { io: 'threads' }), {
    code: 'ERR_HVSOCK_UNSUPPORTED',
    kind: 'unsupported',
  });
});

test('a thousand at once, a hundred where they go through streams', { timeout: 120_000 }, async (t) => {
  const inThreads = noDescriptors === false;
  const links = await Promise.all(Array.from({ length: inThreads ? 1000 : 100 }, () => openLinks(t)));
  const threads = () => (inThreads ? threadCount() : 0);
  const before = threads();
  const relays = links.map(([first, second]) => relay(first.inner, second.inner));
  // All of them run before any of them ends.
  for (const [first] of links) first.outer.write('x');
  await Promise.all(links.map(([, second]) => once(second.outer, 'data')));
  if (inThreads) assert.equal(threads(), before + 2000);
  await Promise.all(
    links.map(async ([first, second], index) => {
      const bytes = Buffer.alloc(1000 + index, index);
      first.outer.end(bytes);
      second.outer.end(bytes);
      const read = await Promise.all([readAll(second.outer), readAll(first.outer)]);
      for (const got of read) assert.ok(got.equals(bytes));
    }),
  );
  for (const [index, counts] of (await Promise.all(relays)).entries()) {
    assert.deepEqual(counts, { forward: 1001 + index, backward: 1000 + index });
  }
});

test('a socket that has been taken is quiet: reading it takes nothing, writing to it fails', {
  skip: noDescriptors,
}, async (t) => {
  const [first, second] = await openLinks(t);
  const relaying = relay(first.inner, second.inner);
  first.outer.write('a');
  await once(second.outer, 'data');
  first.inner.resume().on('data', () => assert.fail('read'));
  first.outer.write('b');
  assert.equal(String(await once(second.outer, 'data')), 'b');
  first.inner.write('c');
  await assert.rejects(relaying, { syscall: 'write' });
});

test('wrong arguments are named', async (t) => {
  const { inner, outer } = await openLink(t);
  const wrong = (name: string, ...values: unknown[]) =>
    assert.throws(() => relay(...(values as Parameters<typeof relay>)), {
      code: 'ERR_HVSOCK_INVALID_ARGUMENT',
      message: new RegExp(`^${name} must be .*$`),
    });
  wrong('first', null, inner);
  wrong('second', inner, new net.Server());
  wrong('second', inner, inner);
  wrong('second', inner, new Transform({ objectMode: true }));
  wrong('options', inner, outer, 1);
  wrong('signal', inner, outer, { signal: true });
  wrong('idleTimeout', inner, outer, { idleTimeout: 0 });
  wrong('bufferSize', inner, outer, { bufferSize: 1.5 });
  wrong('bufferSize', inner, outer, { bufferSize: 12 });
  wrong('io', inner, outer, { io: 'direct' });
  outer.setEncoding('utf8');
  wrong('second.readableEncoding', inner, outer);
  assert.equal(inner.isPaused(), false);
});
