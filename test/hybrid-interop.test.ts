// Firecracker's handshake with programs that nobody here wrote: socat, and Python byte by byte, in both roles.
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, describe, type TestContext, test } from 'node:test';
import { connectAsync, createServer, type Socket } from 'hvsock';
import { Emulator } from 'hvsock/testing';
import { noUnixSockets } from './support/capabilities.ts';

const folder = mkdtempSync(join(tmpdir(), 'hvsock-'));
after(() => rmSync(folder, { recursive: true }));
const emulator = await Emulator.create();
after(() => emulator.close());
const guest = emulator.guest(3);
const monitor = join(folder, 'v.sock');
if (noUnixSockets === false) await guest.expose({ firecracker: monitor });
const echo = (socket: Socket) => {
  socket.on('error', () => {}).pipe(socket);
};
const server = await createServer(echo).listen({ port: 1024 }, { partition: guest.partition });
after(() => server[Symbol.asyncDispose]());

function start(context: TestContext, command: string, ...args: string[]): ChildProcessWithoutNullStreams {
  const child = spawn(command, args);
  context.after(() => child.kill('SIGKILL'));
  return child;
}

/** What a stream has brought by the time that it matches. */
async function until(stream: NodeJS.ReadableStream, pattern: RegExp): Promise<string> {
  let seen = '';
  while (!pattern.test(seen)) {
    const [chunk] = (await once(stream, 'data')) as [Buffer];
    seen += chunk;
  }
  return seen;
}

/** Until somebody else's program has made its socket. */
async function appears(path: string): Promise<void> {
  const watcher = watch(folder);
  while (!existsSync(path)) await once(watcher, 'change');
  watcher.close();
}

async function exchange(path: string, payload: string): Promise<void> {
  const socket = await connectAsync(`firecracker://:52${path}`, { retry: { for: 10_000 } });
  assert.equal(`${socket.localEndpoint}`, `firecracker://:1073741824${path}`);
  socket.write(payload);
  assert.equal(await until(socket, new RegExp(`^${payload}$`)), payload);
  socket.destroy();
}

const pythonClient = `
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
data = b"CONNECT 1024\\nhello"
for piece in ([data] if sys.argv[2] == "whole" else [data[i:i+1] for i in range(len(data))]):
    s.sendall(piece)
got = b""
while not got.endswith(b"hello"):
    byte = s.recv(1)
    assert byte, got
    got += byte
print(got.decode(), end="")
`;

const pythonServer = `
import socket, sys
l = socket.socket(socket.AF_UNIX)
l.bind(sys.argv[1])
l.listen()
s, _ = l.accept()
line = b""
while not line.endswith(b"\\n"):
    line += s.recv(1)
assert line == b"CONNECT 52\\n", line
answer = b"OK 1073741824\\nwelcome"
for piece in ([answer] if sys.argv[2] == "whole" else [answer[i:i+1] for i in range(len(answer))]):
    s.sendall(piece)
while data := s.recv(65536):
    s.sendall(data)
`;

describe('Firecracker’s socket and other programs', { timeout: 60_000, skip: noUnixSockets }, () => {
  test('socat as a client', async (t) => {
    const client = start(t, 'socat', '-', `UNIX-CONNECT:${monitor}`);
    client.stdin.write('CONNECT 1024\nhello');
    assert.match(await until(client.stdout, /hello/), /^OK \d+\nhello$/);
  });

  test('socat as a monitor', async (t) => {
    const path = join(folder, 'socat.sock');
    start(t, 'socat', `UNIX-LISTEN:${path},fork`, `SYSTEM:read line; echo OK 1073741824; exec cat`);
    await appears(path);
    for (const payload of ['hello', 'again']) await exchange(path, payload);
  });

  test('socat on the host, for a connect of the guest', async (t) => {
    start(t, 'socat', `UNIX-LISTEN:${monitor}_1026`, 'SYSTEM:echo from socat');
    await appears(`${monitor}_1026`);
    // The file is there before socat listens.
    const options = { partition: guest.partition, retry: { for: 10_000 } };
    assert.equal(await text(await connectAsync('vsock://2:1026', options)), 'from socat\n');
  });

  test('socat to a server on the monitor’s path', async (t) => {
    await using here = await createServer({ allowHalfOpen: true }, echo).listen(`firecracker://:1027${monitor}`);
    const client = start(t, 'socat', '-', `UNIX-CONNECT:${monitor}_1027`);
    client.stdin.end('to the host');
    assert.equal(await text(client.stdout), 'to the host');
    assert.ok(here.listening);
  });

  for (const way of ['whole', 'in bytes'] as const) {
    test(`Python as a client, its request ${way}`, async (t) => {
      const client = start(t, '/usr/bin/python3', '-c', pythonClient, monitor, way);
      const [answer, problem] = await Promise.all([text(client.stdout), text(client.stderr)]);
      assert.match(answer, /^OK \d+\nhello$/, problem);
    });

    test(`Python as a monitor, its answer and what follows ${way}`, async (t) => {
      const path = join(folder, `python ${way}.sock`);
      start(t, '/usr/bin/python3', '-c', pythonServer, path, way);
      await appears(path);
      const socket = await connectAsync({ dialect: 'firecracker', path, port: 52 }, { retry: { for: 10_000 } });
      socket.end('!');
      assert.equal(await text(socket), 'welcome!');
    });
  }
});
