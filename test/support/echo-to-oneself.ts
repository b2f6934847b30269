// A program that echoes to itself over a unix socket, with writes of all sizes and shapes, and checks what comes back:
//   echo-to-oneself.js PATH OPTIONS [relayed]   the options of both sides, in JSON; with a relay between them or without
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { connect, createServer, relay } from 'hvsock';

const [path = '', json = '{}', relayed] = process.argv.slice(2);
const options = { ...JSON.parse(json), allowHalfOpen: true };
const server = await createServer(options, (socket) => socket.pipe(socket)).listen(`unix://${path}`);
const front = await createServer({ ...options, pauseOnConnect: true }, (client) =>
  relay(client, connect(`unix://${path}`, options)),
).listen(`unix://${path}-relayed`);

const socket = connect(`unix://${path}${relayed === undefined ? '' : '-relayed'}`, options);
const sent: Buffer[] = [];
const taken: number[] = [];
const write = (chunk: Buffer | string, encoding: BufferEncoding = 'utf8') => {
  const index = sent.push(Buffer.from(chunk as string, encoding)) - 1;
  socket.write(chunk, encoding, (error) => {
    assert.ifError(error);
    taken.push(index);
  });
};

// Before the connection is there; then one large; then many, which are written together.
write(randomBytes(100_000));
write('early, in text: äöü');
await new Promise((resolve) => socket.once('connect', resolve));
write(randomBytes(500_000));
for (let size = 0; size < 900; size++) write(randomBytes(size));
write('6162636465', 'hex');
write('');
socket.cork();
for (const length of [5, 8192, 8193, 1, 20_000, 0, 3]) write(randomBytes(length));
socket.uncork();
socket.end();
const received = await buffer(socket);
assert.ok(received.equals(Buffer.concat(sent)));
assert.deepEqual(
  taken,
  sent.map((_chunk, index) => index),
);
for (const listener of [server, front]) listener.close();
