// Much data between two processes over loopback, and a peer that dies in the middle of it.
import '../support/lab.ts';

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, test } from 'node:test';
import { connectAsync, type HvsockError, type Socket, VMADDR_CID_LOCAL } from 'hvsock';
import { accompanyPeer } from '../support/commands.ts';
import { local, serve } from '../support/servers.ts';
import { answerDigest, noise, sendForDigest } from './peer.ts';

const BULK = 200_000_000;
const cid = `${VMADDR_CID_LOCAL}`;

describe('between two processes', { timeout: 300_000 }, () => {
  test('200 MB there, with equal digests', async (t) => {
    const peer = accompanyPeer(t, 'answer-digest', cid, '4294967295');
    await sendForDigest(await connectAsync(local(Number(await peer.line())), { allowHalfOpen: true }), BULK);
  });

  test('200 MB here, with equal digests', async (t) => {
    const { address } = await serve(t, answerDigest, { allowHalfOpen: true });
    const peer = accompanyPeer(t, 'send-for-digest', cid, `${address.port}`, `${BULK}`);
    assert.equal(await peer.line(), 'same');
  });

  test('a sender killed with SIGKILL: the stream ends, and promptly', async (t) => {
    const { server, address } = await serve(t, () => {});
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const peer = accompanyPeer(t, 'send-for-ever', cid, `${address.port}`);
    const [socket] = await accepted;
    let received = 0;
    socket.on('data', (chunk) => {
      received += chunk.length;
    });
    while (received < 5_000_000) await once(socket, 'data');
    const closed = once(socket, 'close');
    const killed = performance.now();
    peer.process.kill('SIGKILL');
    await closed;
    assert.ok(performance.now() - killed < 5000);
  });

  test('a receiver killed with SIGKILL: the writer is told, with kind reset', async (t) => {
    const peer = accompanyPeer(t, 'sit', cid, '4294967295');
    const socket = await connectAsync(local(Number(await peer.line())), { allowHalfOpen: true });
    const sending = pipeline(Readable.from(noise(BULK)), socket);
    while (!socket.writableNeedDrain) await new Promise((resolve) => setImmediate(resolve));
    peer.process.kill('SIGKILL');
    await assert.rejects(sending, (error: HvsockError) => {
      assert.equal(error.kind, 'reset', error.message);
      assert.ok(['EPIPE', 'ECONNRESET'].includes(error.code), error.code);
      return true;
    });
  });
});
