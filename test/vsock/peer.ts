// The other end, as a program of its own: node peer.js ROLE CID PORT [BYTES]. A port of 4294967295 listens on any.
// Prints one line when it is ready (the port, or 'connected') and one with what it found.
import assert from 'node:assert/strict';
import { createCipheriv, createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { connectAsync, createServer, type Socket, type VsockAddress } from 'hvsock';

const [role = '', cid = '', port = '', bytes = '0'] = process.argv.slice(2);
const address = { cid: Number(cid), port: Number(port) };
const options = { allowHalfOpen: true };

/** Bytes that compress to nothing and differ everywhere: a cipher's key stream. */
export function* noise(length: number): Generator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  for (let left = length; left > 0; left -= 65_536) yield cipher.update(Buffer.alloc(Math.min(left, 65_536)));
}

/** Sends `length` bytes, ends, and compares their digest with the answer. */
export async function sendForDigest(socket: Socket, length: number): Promise<void> {
  const hash = createHash('sha256');
  const hashed = function* () {
    for (const chunk of noise(length)) {
      hash.update(chunk);
      yield chunk;
    }
  };
  const answer = text(socket);
  await pipeline(Readable.from(hashed()), socket, { end: false });
  socket.end();
  assert.equal(await answer, hash.digest('hex'));
}

/** Answers with the digest of all that comes. */
export async function answerDigest(socket: Socket): Promise<void> {
  const hash = createHash('sha256');
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) hash.update(chunk as Buffer);
  socket.end(hash.digest('hex'));
}

async function serve(onConnection: (socket: Socket) => void): Promise<void> {
  const server = createServer(options, (socket) => {
    socket.on('error', () => {});
    onConnection(socket);
  });
  await server.listen({ port: address.port });
  console.log((server.address() as VsockAddress).port);
}

const roles: Record<string, () => Promise<void>> = {
  async 'send-for-digest'() {
    await sendForDigest(await connectAsync(address, { ...options, retry: true }), Number(bytes));
    console.log('same');
  },
  'answer-digest': () => serve(answerDigest),
  echo: () => serve((socket) => socket.pipe(socket)),
  /** Reads nothing at all. */
  sit: () => serve((socket) => socket.pause()),
  async 'send-for-ever'() {
    const socket = await connectAsync(address, { ...options, retry: true });
    console.log('connected');
    await pipeline(Readable.from(noise(Number.POSITIVE_INFINITY)), socket).catch(() => {});
  },
};

if (process.argv[1] === import.meta.filename) await roles[role]?.();
