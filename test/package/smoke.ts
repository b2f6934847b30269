// A program, not a test: exercises the addon that HVSOCK_ADDON names on whichever Node runs it, and prints who did.
// It makes each call that depends on the ABI of Node-API or libuv, over AF_UNIX and, for a connect that is not over at
// once, over TCP.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { endianness, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { openPlaceholder } from '#src/native/adopt.js';
import { loadBinding } from '#src/native/load.js';
import { check, connectAndWait } from '../support/binding-sockets.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const size = 1_000_000;

assert.equal(endianness(), 'LE');
const binding = loadBinding();

/** A net.Socket over a placeholder, whose place the descriptor then takes. */
function adopt(fd: number): net.Socket {
  const placeholder = check(openPlaceholder(binding));
  const options: net.SocketConstructorOpts & { manualStart: true } = {
    fd: placeholder,
    readable: true,
    writable: true,
    allowHalfOpen: true,
    manualStart: true,
  };
  const socket = new net.Socket(options);
  check(binding.socket_adopt(fd, placeholder));
  return socket;
}

const directory = mkdtempSync(join(tmpdir(), 'hvsock-smoke-'));
process.on('exit', () => rmSync(directory, { recursive: true }));
const name = Uint8Array.from([AF_UNIX, 0, ...Buffer.from(join(directory, 's')), 0]);

const listening = check(binding.socket_open(AF_UNIX, SOCK_STREAM, 0));
check(binding.socket_bind(listening, name));
check(binding.socket_listen(listening, 8));
const listener = binding.listener_start(listening, (fd) => {
  const socket = adopt(check(fd));
  socket.pipe(socket);
});
assert.equal(typeof listener, 'object');

const client = check(binding.socket_open(AF_UNIX, SOCK_STREAM, 0));
assert.equal(
  binding.connect_start(client, name, () => assert.fail('a connect that was over is reported again')),
  0,
);
const socket = adopt(client);
socket.end('x'.repeat(size));
assert.equal((await text(socket)).length, size);
if (typeof listener === 'object') binding.operation_cancel(listener);

const connected = await new Promise<number>((resolve) => {
  void connectAndWait(resolve).then(({ letIn }) => letIn());
});
check(binding.socket_close(check(connected)));

assert.ok(binding.socket_open(AF_UNIX, -1, 0) < 0);
assert.equal(binding.socket_close(-1), -9);
console.log(`${process.version} ${process.arch}: echoed ${size}`);
process.exit();
