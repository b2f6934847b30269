// The programs that everybody has, as the other end of ours, in both roles.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { connect } from 'hvsock';
import { echo, readAll, serve } from '../support/servers.ts';

export interface OtherMachine {
  /** Its CID, as we see it. */
  readonly cid: number;
  /** Our CID, as it sees us. */
  readonly ourCid: number;
  /** Runs a shell script there: what it prints. */
  run(script: string): Promise<string>;
}

const pythonClient = `import socket, sys
s = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
s.connect((int(sys.argv[1]), int(sys.argv[2])))
import threading
def send():
    s.sendall(sys.stdin.buffer.read())
    s.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
while True:
    data = s.recv(65536)
    if not data: break
    sys.stdout.buffer.write(data)`;

const pythonServer = `import socket, sys
s = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
s.bind((socket.VMADDR_CID_ANY, int(sys.argv[1])))
s.listen(5)
while True:
    c, peer = s.accept()
    while True:
        data = c.recv(65536)
        if not data: break
        c.sendall(data)
    c.close()`;

// The system's own python, by its path: a version manager's shim can take half a minute in an emulated guest.
const programs = {
  python: {
    client: (cid: number, port: number) => `/usr/bin/python3 -c '${pythonClient}' ${cid} ${port}`,
    server: (port: number) => `/usr/bin/python3 -c '${pythonServer}' ${port}`,
  },
  socat: {
    client: (cid: number, port: number) => `socat -t 60 - VSOCK-CONNECT:${cid}:${port}`,
    server: (port: number) => `socat -t 60 VSOCK-LISTEN:${port},fork EXEC:cat`,
  },
};

/** ncat serves one client in one direction well; its --exec does not pass a half close on. */
const ncatClient = (cid: number, port: number) => `ncat --vsock ${cid} ${port}`;

const LENGTH = 300_000;

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

export function testInterop(machine: OtherMachine, firstPort: number): void {
  let nextPort = firstPort;

  /** Sends from there through a client command, and gets the echo of our server back. */
  const testClient = (name: string, client: (cid: number, port: number) => string) =>
    test(`${name} connects to our server, half closes and reads the whole echo`, async (t) => {
      const { address } = await serve(t, echo, { allowHalfOpen: true });
      const command = client(machine.ourCid, address.port);
      const [sent, echoed] = (
        await machine.run(`f=$(mktemp); head -c ${LENGTH} /dev/urandom >$f; sha256sum <$f; ${command} <$f | sha256sum`)
      ).split('\n');
      assert.equal(echoed, sent);
      assert.match(`${sent}`, /^[0-9a-f]{64}/);
    });

  /** Starts a server there, in the background; it need not listen yet. */
  const startServer = async (t: TestContext, command: string) => {
    const pid = (await machine.run(`${command} 2>/dev/null & echo $!`)).trim();
    t.after(() => machine.run(`kill ${pid} 2>/dev/null`));
  };
  const connectThere = (port: number) => connect({ cid: machine.cid, port }, { allowHalfOpen: true, retry: true });

  describe('with the programs that everybody has', { timeout: 300_000 }, () => {
    for (const [name, { client, server }] of Object.entries(programs)) {
      testClient(name, client);

      test(`we connect to ${name}'s server, half close and read the whole echo`, async (t) => {
        const port = nextPort++;
        await startServer(t, `${server(port)} >/dev/null`);
        const sent = randomBytes(LENGTH);
        const socket = connectThere(port);
        socket.end(sent);
        assert.equal(digest(await readAll(socket)), digest(sent));
      });
    }

    testClient('ncat', ncatClient);

    test("we read all that ncat's server sends", async (t) => {
      const port = nextPort++;
      const file = (await machine.run(`f=$(mktemp); head -c ${LENGTH} /dev/urandom >$f; sha256sum $f`)).trim();
      const [expected, path] = file.split(/ +/);
      await startServer(t, `ncat -l --vsock ${port} --send-only <${path} >/dev/null`);
      assert.equal(digest(await readAll(connectThere(port))), expected);
    });

    test("ncat's server reads all that we send", async (t) => {
      const port = nextPort++;
      const path = (await machine.run('mktemp')).trim();
      await startServer(t, `ncat -l --vsock ${port} --recv-only >${path}`);
      const sent = randomBytes(LENGTH);
      const socket = connectThere(port);
      socket.end(sent);
      await readAll(socket);
      const [received] = (await machine.run(`sha256sum <${path}`)).split(' ');
      assert.equal(received, digest(sent));
    });

    test('sequenced packets to our stream server are refused, and harm nobody', async (t) => {
      const { address } = await serve(t, echo);
      const python = `import socket
s = socket.socket(socket.AF_VSOCK, socket.SOCK_SEQPACKET)
try:
    s.connect((${machine.ourCid}, ${address.port}))
    print("connected")
except OSError as e:
    print("refused", e.errno)`;
      assert.match(await machine.run(`/usr/bin/python3 -c '${python}'`), /^refused/);
      const response = await machine.run(
        `echo still here | socat -t 30 - VSOCK-CONNECT:${machine.ourCid}:${address.port}`,
      );
      assert.equal(response, 'still here\n');
    });
  });
}

/** Runs a script where `shell` leads: a stream that takes it on one side and gives its output on the other. */
export async function runThrough(
  input: NodeJS.WritableStream,
  output: NodeJS.ReadableStream,
  script: string,
): Promise<string> {
  const answer = text(output);
  input.end(script);
  return answer;
}
