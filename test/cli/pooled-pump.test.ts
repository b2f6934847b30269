import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Socket } from 'hvsock';
import { PooledPump } from '#src/cli/pooled-pump.js';

test('many sockets are copied through one pool, each into its own sink', {
  skip: process.platform === 'win32',
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pooled-pump-'));
  const path = join(folder, 'echo');
  const pool = new PooledPump();
  let read = 0;
  let taken = 0;
  // A hypervisor socket is a net.Socket in every respect that matters here.
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
      pool.pump(socket as Socket, socket, {
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
