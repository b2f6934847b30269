// sock_stress with programs that nobody here wrote, as echo servers and as clients that send, end, and read the echo.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { connectAsync } from 'hvsock';
import { runClient, startServer } from './sock-stress-process.ts';

/** One kind of socket, as each program writes it. */
export interface Medium {
  /** An address that nobody uses, to listen on and to connect to. */
  freshAddress(): string;
  /** socat's, for `-LISTEN` and `-CONNECT`. */
  socat(address: string, verb: 'LISTEN' | 'CONNECT'): string;
  /** Python's family and address. */
  python(address: string): [family: string, address: string];
  ncat(address: string): string[];
}

const pythonServer = `import socket, sys, threading
listener = socket.socket(getattr(socket, sys.argv[1]))
listener.bind(eval(sys.argv[2]))
listener.listen(64)
def echo(peer):
    while data := peer.recv(65536):
        peer.sendall(data)
    peer.close()
while True:
    threading.Thread(target=echo, args=(listener.accept()[0],)).start()`;

const pythonClient = `import socket, sys, threading
peer = socket.socket(getattr(socket, sys.argv[1]))
peer.connect(eval(sys.argv[2]))
def send():
    peer.sendall(sys.stdin.buffer.read())
    peer.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
while data := peer.recv(65536):
    sys.stdout.buffer.write(data)`;

// The system's own python: a version manager's shim can take half a minute in an emulated guest.
const python = '/usr/bin/python3';
const cat = '/bin/cat';

type Command = [string, ...string[]];

const servers: Record<string, (medium: Medium, address: string) => Command> = {
  socat: (medium, address) => ['socat', '-t', '60', `${medium.socat(address, 'LISTEN')},fork`, `EXEC:${cat}`],
  python: (medium, address) => [python, '-c', pythonServer, ...medium.python(address)],
};

const clients: Record<string, (medium: Medium, address: string) => Command> = {
  socat: (medium, address) => ['socat', '-t', '60', '-', medium.socat(address, 'CONNECT')],
  python: (medium, address) => [python, '-c', pythonClient, ...medium.python(address)],
  ncat: (medium, address) => ['ncat', ...medium.ncat(address)],
};

const limit = { timeout: 120_000 };

export function testStressInterop(medium: Medium): void {
  for (const [name, server] of Object.entries(servers)) {
    test(`client: ${name} sends everything back`, limit, async (t) => {
      const address = medium.freshAddress();
      await start(t, server(medium, address), address);
      const { status, summary, stderr } = await runClient(t, ['-c', address, '-i', '40', '-p', '4', '-l', '300000']);
      assert.deepEqual(summary.connections, { succeeded: 40, failed: 0, unfinished: 0 }, stderr);
      assert.equal(summary.received, summary.sent);
      assert.equal(status, 0);
    });
  }

  test('client: ncat, which passes no half close on, sends back what is counted', limit, async (t) => {
    const address = medium.freshAddress();
    await start(t, ['ncat', '-l', '-k', '--exec', cat, ...medium.ncat(address)], address);
    const { status, summary, stderr } = await runClient(t, ['-c', address, '-i', '10', '-p', '2', '--no-shutdown']);
    assert.deepEqual(summary.connections, { succeeded: 10, failed: 0, unfinished: 0 }, stderr);
    assert.equal(status, 0);
  });

  for (const [name, client] of Object.entries(clients)) {
    test(`server: ${name} gets everything back`, limit, async (t) => {
      const { server, address } = await startServer(t, ['-s', medium.freshAddress()]);
      for (const sent of [randomBytes(300_000), Buffer.alloc(0)]) {
        const [command, ...args] = client(medium, address);
        const program = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
        t.after(() => program.kill('SIGKILL'));
        program.stdin.end(sent);
        assert.equal(digest(await buffer(program.stdout)), digest(sent));
      }
      const { status, stdout } = await server.stop();
      assert.match(stdout, /^connections {2}2 succeeded, 0 failed, 0 unfinished\n/m);
      assert.equal(status, 0);
    });
  }
}

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Starts a server, and returns when it answers. */
async function start(context: TestContext, [command, ...args]: Command, address: string): Promise<ChildProcess> {
  const program = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  context.after(() => program.kill('SIGKILL'));
  const probe = await connectAsync(address, { retry: { for: 30_000 } });
  const closed = once(probe, 'close');
  probe.resume().end();
  await closed;
  return program;
}
