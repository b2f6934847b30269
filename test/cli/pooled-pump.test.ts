import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { test } from 'node:test';
import { PooledPump } from '#src/cli/pooled-pump.js';

test('many sockets are copied through one pool, each into its own sink', {
  skip: process.platform === 'win32',
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pooled-pump-'));
  const path = join(folder, 'echo');
  const pool = new PooledPump();
  let read = 0;
  let taken = 0;
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(path);
  t.after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  await once(server, 'listening');
  const digest = (data: Buffer) => createHash('sha256').update(data).digest('hex');

  const one = async () => {
    const socket = net.connect({ path, allowHalfOpen: true, onread: pool.onread });
    const [, peer] = await Promise.all([
      once(socket, 'connect'),
      once(server, 'connection').then(([inner]) => inner as net.Socket),
    ]);
    return { socket, peer };
  };
  const pairs = [await one(), await one(), await one()];
  await Promise.all(
    pairs.map(async ({ socket, peer }) => {
      socket.once('end', () => socket.end());
      pool.pump(socket, socket, {
        onRead: (bytes) => {
          read += bytes;
        },
        onTaken: (bytes) => {
          taken += bytes;
        },
      });
      const data = randomBytes(8 * 1024 * 1024);
      peer.end(data);
      const chunks: Buffer[] = [];
      for await (const chunk of peer) {
        chunks.push(chunk);
        // Slow enough that writes have to wait.
        await new Promise(setImmediate);
      }
      assert.equal(digest(Buffer.concat(chunks)), digest(data));
    }),
  );
  assert.equal(read, 24 * 1024 * 1024);
  assert.equal(taken, read);
});

test('connections that come and go need no memory of their own', { skip: process.platform === 'win32' }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pooled-pump-'));
  const path = join(folder, 'echo');
  const allocate = t.mock.method(Buffer, 'allocUnsafeSlow');
  const pool = new PooledPump();
  const server = net.createServer((peer) => peer.pipe(peer)).listen(path);
  t.after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  await once(server, 'listening');
  const sink = new PassThrough().resume();
  const data = Buffer.alloc(10_000);
  for (let i = 0; i < 50; i++) {
    const socket = net.connect({ path, onread: pool.onread });
    let left = data.length;
    const all = new Promise<void>((resolve) => {
      const onRead = (bytes: number) => {
        left -= bytes;
        if (left === 0) resolve();
      };
      pool.pump(socket, sink, { onRead });
    });
    socket.write(data);
    await all;
    socket.destroy();
    await once(socket, 'close');
  }
  const buffers = allocate.mock.callCount();
  assert.ok(buffers <= 4, `${buffers} buffers`);
});

test('bytes that come one by one do not hold a buffer each while the sink waits', () => {
  const pool = new PooledPump();
  const socket = new PassThrough();
  const chunks: Buffer[] = [];
  const sink = new Writable({ writev: (all) => chunks.push(...all.map(({ chunk }) => chunk)) });
  sink.cork();
  pool.pump(socket, sink, { onRead: () => {} });
  const { buffer, callback } = pool.onread;
  for (let byte = 0; byte < 200; byte++) {
    const bytes = typeof buffer === 'function' ? buffer() : buffer;
    bytes[0] = byte;
    callback.call(socket, 1, bytes);
  }
  sink.uncork();
  assert.deepEqual(
    [...Buffer.concat(chunks)],
    Array.from({ length: 200 }, (_, byte) => byte),
  );
  const held = [...new Set(chunks.map((chunk) => chunk.buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0);
  assert.ok(held < 100_000, `${held} bytes`);
});
