// npm run demo: an echo server, a client, and hvcat, on whatever AF_VSOCK there is, or on an emulated one; a transcript of what they see.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { release } from 'node:os';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { connect, connectAsync, createServer, localCid, type Socket, VMADDR_CID_LOCAL } from 'hvsock';

const PORT = 1024;
const BYTES = 64 * 1024 * 1024;
const hvcat = fileURLToPath(new URL('../../../dist/cli/hvcat.js', import.meta.url));

const say = (who: string, what: string) => console.log(`${who.padEnd(8)}${what}`);
const mebibytes = (bytes: number, milliseconds: number) =>
  `${bytes} bytes, ${(bytes / 2 ** 20 / (milliseconds / 1000)).toFixed(0)} MiB/s`;

const isEmulated = process.env['HVSOCK_EMULATOR'] !== undefined;
say('kernel', `${isEmulated ? 'emulated' : `Linux ${release()}`}, where this machine is CID ${localCid()}`);

// The server: every connection is a net.Socket, so that it can be piped into itself.
const server = createServer({ allowHalfOpen: true }, (socket) => {
  say('server', `${socket.remoteAddress} connected to ${socket.localAddress}`);
  socket.pipe(socket);
});
await server.listen({ port: PORT });
say('server', `listens on ${server.address()}`);

// A client: a few words there and back.
const client = await connectAsync({ cid: VMADDR_CID_LOCAL, port: PORT }, { timeout: 2000 });
say('client', `${client.localAddress} connected to ${client.remoteAddress}`);
client.end('hello from the other side');
say('client', `got back "${await text(client)}"`);

// Another: many bytes both ways at once, and their digests.
const bulk: Socket = connect({ cid: VMADDR_CID_LOCAL, port: PORT }, { allowHalfOpen: true });
const chunk = randomBytes(65_536);
const [sent, received] = [createHash('sha256'), createHash('sha256')];
const started = performance.now();
bulk.on('data', (data) => received.update(data));
for (let left = BYTES; left > 0; left -= chunk.length) {
  sent.update(chunk);
  if (!bulk.write(chunk)) await once(bulk, 'drain');
}
bulk.end();
await once(bulk, 'end');
assert.equal(received.digest('hex'), sent.digest('hex'));
say('client', `sent and got back ${mebibytes(BYTES, performance.now() - started)} each way, with equal digests`);

// hvcat, as typed in a shell.
say('shell', `$ echo "hello from hvcat" | hvcat -v vsock://${VMADDR_CID_LOCAL}:${PORT}`);
const child = spawn(process.execPath, [hvcat, '-v', `vsock://${VMADDR_CID_LOCAL}:${PORT}`]);
child.stdin.end('hello from hvcat\n');
const [output, messages, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
for (const line of `${output}${messages}`.trimEnd().split('\n')) say('hvcat', line);
assert.deepEqual({ status, output }, { status: 0, output: 'hello from hvcat\n' });

await server[Symbol.asyncDispose]();
say('server', 'closed');
