// Connecting over unix sockets, against servers of node:net and against every way in which a handshake can go wrong.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { after, describe, type TestContext, test } from 'node:test';
import tls from 'node:tls';
import fc from 'fast-check';
import {
  capabilitiesOf,
  connect,
  connectAsync,
  createServer,
  HvsockError,
  HybridAddress,
  parseAddress,
  type StreamOptions,
} from 'hvsock';
import { testTransport } from '#src/testing/contract.js';
import { HandshakeAnswer } from '#src/transports/hybrid-handshake.js';
import { noUnixSockets } from './support/capabilities.ts';
import { readAll } from './support/servers.ts';

const directory = mkdtempSync(join(tmpdir(), 'hvsock-'));
after(() => rmSync(directory, { recursive: true }));
let files = 0;

/** A unix socket that answers its clients so, until the test ends: its path. */
async function answering(
  context: Pick<TestContext, 'after'>,
  onConnection: (socket: net.Socket) => void,
  path = join(directory, `${files++}`),
): Promise<string> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  server.listen(path);
  await once(server, 'listening');
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return path;
}

/** The VMM's side of the handshake: reads the line, answers, and hands the connection over. */
function vmm(answer: string, onConnection: (socket: net.Socket) => void = () => {}) {
  return (socket: net.Socket) => {
    let line = '';
    const socketOnReadable = () => {
      for (let byte = socket.read(1) as Buffer | null; byte !== null; byte = socket.read(1)) {
        line += byte.toString('latin1');
        if (!line.endsWith('\n')) continue;
        socket.off('readable', socketOnReadable);
        assert.equal(line, 'CONNECT 52\n');
        socket.write(answer, () => onConnection(socket));
        return;
      }
    };
    socket.on('readable', socketOnReadable);
  };
}

const addressOf = (dialect: string, path: string) => `${dialect}://${dialect === 'unix' ? '' : ':52'}${path}`;

const echo = (socket: net.Socket) => {
  socket.pipe(socket);
};
const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => assert.fail('connected'),
    (error) => error as HvsockError,
  );

for (const dialect of ['unix', 'hyperkit', 'firecracker'] as const) {
  testTransport({
    name: `${dialect}, connecting`,
    skip: noUnixSockets,
    capabilities: { halfClose: true, addresses: false },
    async makePair(options: StreamOptions) {
      const folder = mkdtempSync(join(directory, 'pair-'));
      const path = join(folder, dialect === 'hyperkit' ? 'connect' : 's');
      const accepted = new EventEmitter();
      const give = (socket: net.Socket) => accepted.emit('socket', socket);
      const server = net.createServer({ allowHalfOpen: options.allowHalfOpen ?? false }, (socket) => {
        if (dialect === 'unix') give(socket);
        else if (dialect === 'firecracker') vmm('OK 1073741824\n', give)(socket);
        else {
          socket.once('readable', () => {
            assert.equal(String(socket.read(18)), '00000003.00000034\n');
            give(socket);
          });
        }
      });
      server.listen(path);
      const [peer, client] = await Promise.all([
        once(accepted, 'socket').then(([socket]) => socket as net.Socket),
        connectAsync(addressOf(dialect, dialect === 'hyperkit' ? folder : path), options),
      ]);
      // The stand-in's side counts the greeting too.
      const { bytesRead: greeting } = peer;
      const counted = Object.getOwnPropertyDescriptor(net.Socket.prototype, 'bytesRead')?.get as () => number;
      Object.defineProperty(peer, 'bytesRead', { get: () => counted.call(peer) - greeting });
      return {
        client,
        server: peer,
        async close() {
          client.destroy();
          peer.destroy();
          server.close();
        },
      };
    },
  });
}

describe('the Firecracker handshake', { timeout: 60_000, skip: noUnixSockets }, () => {
  test('the port that the VMM assigned is the local endpoint', async (t) => {
    const path = await answering(t, vmm('OK 1073741824\n'));
    const socket = await connectAsync(`firecracker://:52${path}`);
    assert.equal(socket.localAddress, `firecracker://:1073741824${path}`);
    assert.equal(socket.localPort, 1_073_741_824);
    assert.equal(socket.remoteAddress, `firecracker://:52${path}`);
    socket.destroy();
  });

  test('what follows the newline in the same segment is payload', async (t) => {
    const path = await answering(
      t,
      vmm('OK 1\nOK 2\nhello', (socket) => socket.end()),
    );
    assert.equal(String(await readAll(connect(`firecracker://:52${path}`))), 'OK 2\nhello');
  });

  test('and goes to onread, where that reads', async (t) => {
    const path = await answering(
      t,
      vmm('OK 1\nhello', (socket) => socket.end(' there')),
    );
    let got = '';
    const socket = connect(`firecracker://:52${path}`, {
      onread: {
        buffer: Buffer.alloc(64),
        callback: (length, buffer) => {
          got += Buffer.from(buffer.subarray(0, length)).toString();
          return true;
        },
      },
    });
    await once(socket, 'end');
    assert.equal(got, 'hello there');
  });

  test('what was written early follows the handshake, in order, and is echoed', async (t) => {
    const path = await answering(t, vmm('OK 7\n', echo));
    const socket = connect(`firecracker://:52${path}`, { allowHalfOpen: true });
    assert.equal(socket.connecting, true);
    socket.write('early ');
    socket.end('bird');
    assert.equal(String(await readAll(socket)), 'early bird');
  });

  test("'connect' and 'ready' come once, when the guest has answered", async (t) => {
    const path = await answering(t, (socket) => {
      socket.once('data', () => setImmediate(() => socket.write('OK 7\n')));
    });
    const socket = connect(`firecracker://:52${path}`);
    const seen: string[] = [];
    for (const event of ['connect', 'ready', 'close'] as const) socket.on(event, () => seen.push(event));
    await once(socket, 'ready');
    socket.destroy();
    await once(socket, 'close');
    assert.deepEqual(seen, ['connect', 'ready', 'close']);
  });

  for (const [title, answer, kind, message] of [
    ['nothing', '', 'refused', /closed without an answer/],
    ['half a line', 'OK 10', 'protocol', /"OK 10" ended in the middle/],
    ['another word', 'NO 1\n', 'protocol', /"NO 1\\n" is not "OK <port>"/],
    ['no number', 'OK x\n', 'protocol', /is not "OK <port>"/],
    ['a number out of range', 'OK 4294967296\n', 'protocol', /port out of range 0 to 4294967295/],
    ['too much before a newline', 'x'.repeat(100), 'protocol', /is longer than 32 bytes/],
  ] as const) {
    test(`an answer of ${title}, then the end: ${kind}`, async (t) => {
      const path = await answering(
        t,
        vmm(answer, (socket) => socket.end()),
      );
      const error = await errorOf(connectAsync(`firecracker://:52${path}`));
      assert.ok(error instanceof HvsockError);
      assert.equal(error.kind, kind);
      assert.match(error.message, message);
      assert.equal(error.address, `firecracker://:52${path}`);
    });
  }

  test('a peer that closes at every byte of the answer', async (t) => {
    const answer = 'OK 1073741824\n';
    for (let bytes = 0; bytes < answer.length; bytes++) {
      const path = await answering(
        t,
        vmm(answer.slice(0, bytes), (socket) => socket.end()),
      );
      const error = await errorOf(connectAsync(`firecracker://:52${path}`));
      assert.equal(error.kind, bytes === 0 ? 'refused' : 'protocol', `${bytes} bytes`);
    }
  });

  test('one byte a segment', async (t) => {
    const path = await answering(
      t,
      vmm('', async (socket) => {
        for (const byte of 'OK 1073741824\nhello') {
          await new Promise((resolve) => socket.write(byte, () => setImmediate(resolve)));
        }
        socket.end();
      }),
    );
    assert.equal(String(await readAll(connect(`firecracker://:52${path}`))), 'hello');
  });

  test('a peer that never answers: the timeout ends it, and so do a signal and destroy()', async (t) => {
    const path = await answering(t, (socket) => socket.resume());
    const address = `firecracker://:52${path}`;
    assert.equal((await errorOf(connectAsync(address, { timeout: 50 }))).kind, 'timeout');
    assert.equal((await errorOf(connectAsync(address, { signal: AbortSignal.timeout(50) }))).kind, 'aborted');
    const socket = connect(address);
    socket.destroy();
    await once(socket, 'close');
  });

  test('the parser: any bytes, cut anywhere, are an answer or a protocol error', () => {
    const address = new HybridAddress({ path: '/x', port: 52 });
    const line = fc.oneof(
      fc.nat(0xffff_ffff).map((port) => Buffer.from(`OK ${port}\nrest`)),
      fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(line, fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 64 }), (bytes, cuts) => {
        const answer = new HandshakeAnswer(address);
        const expected = /^OK (\d+)\n/.exec(bytes.subarray(0, 32).toString('latin1'));
        let at = 0;
        try {
          for (const cut of [...cuts, bytes.length]) {
            const taken = answer.take(bytes.subarray(at, at + cut));
            if (taken === undefined) {
              at = Math.min(at + cut, bytes.length);
              continue;
            }
            assert.equal(`${taken.port}`, `${Number(expected?.[1])}`);
            assert.equal(bytes.toString('latin1', at + taken.used), bytes.toString('latin1', expected?.[0].length));
            return;
          }
          assert.equal(bytes.subarray(0, 33).includes(10), false);
          assert.ok(['refused', 'protocol'].includes(answer.end().kind));
        } catch (error) {
          if (!(error instanceof HvsockError)) throw error;
          assert.equal(error.code, 'ERR_HVSOCK_PROTOCOL');
        }
      }),
      { numRuns: 100_000 },
    );
  });
});

describe('attempts', { timeout: 60_000, skip: noUnixSockets }, () => {
  test('no socket at the path is no-vm, and one that nobody answers on is refused', async () => {
    const missing = join(directory, 'missing');
    const error = await errorOf(connectAsync(`unix://${missing}`));
    assert.deepEqual([error.code, error.kind, error.syscall], ['ENOENT', 'no-vm', 'connect']);
    const stale = join(directory, 'stale');
    spawnSync('python3', ['-c', `import socket; socket.socket(socket.AF_UNIX).bind("${stale}")`]);
    assert.equal((await errorOf(connectAsync(`unix://${stale}`))).kind, 'refused');
  });

  test('retry: through ENOENT and EOF before OK, with what was written kept', async (t) => {
    const path = join(directory, 'late');
    const socket = connect(`firecracker://:52${path}`, { retry: { delay: 5 }, allowHalfOpen: true });
    socket.end('patience');
    const kinds: string[] = [];
    socket.on('retry', (error: HvsockError) => kinds.push(error.code));
    await once(socket, 'retry');
    let refusals = 3;
    await answering(t, (peer) => vmm(refusals-- > 0 ? '' : 'OK 9\n', refusals < 0 ? echo : (s) => s.end())(peer), path);
    assert.equal(String(await readAll(socket)), 'patience');
    assert.equal(kinds[0], 'ENOENT');
    assert.equal(kinds.filter((code) => code === 'ECONNREFUSED').length, 3);
    assert.equal(socket.bytesWritten, 8);
  });

  test('a failed attempt emits nothing but the error, and closes once', async () => {
    const socket = connect(`unix://${join(directory, 'nobody')}`);
    const seen: string[] = [];
    for (const event of ['connect', 'ready', 'end', 'error', 'close'] as const)
      socket.on(event, () => seen.push(event));
    await new Promise((resolve) => socket.once('close', resolve));
    assert.deepEqual(seen, ['error', 'close']);
  });

  test('HyperKit: the CID and the port in hexadecimal, in one write', async (t) => {
    const folder = mkdtempSync(join(directory, 'hyperkit-'));
    const lines: string[] = [];
    await answering(
      t,
      (socket) =>
        socket.once('data', (data) => {
          lines.push(String(data));
          socket.end('x');
        }),
      join(folder, 'connect'),
    );
    await readAll(connect({ dialect: 'hyperkit', path: folder, port: 2375 }, { guestCid: 12 }));
    assert.deepEqual(lines, ['0000000c.00000947\n']);
  });

  test("halfClose: 'require' refuses the dialect that cannot, before anything is sent", async (t) => {
    const path = await answering(t, () => assert.fail('connected'));
    const address = `firecracker://:52${path}`;
    const refusal = { code: 'ERR_HVSOCK_UNSUPPORTED', kind: 'unsupported', address };
    assert.throws(() => connect(address, { halfClose: 'require' }), refusal);
    assert.throws(() => createServer({ halfClose: 'require' }).listen(address), refusal);
    assert.throws(() => connect(address, { halfClose: 'yes' as never }), /halfClose must be 'require'/);
    assert.equal(capabilitiesOf(parseAddress(address)).halfClose, false);
    const plain = await answering(t, echo);
    const socket = await connectAsync(`unix://${plain}`, { halfClose: 'require' });
    assert.deepEqual(socket.capabilities, { halfClose: true, peerKnown: false, seqpacket: false });
    socket.destroy();
  });

  test('TLS over a socket that is still connecting', async (t) => {
    const path = await answering(
      t,
      vmm('OK 9\n', (socket) => socket.end('no TLS here')),
    );
    const secure = tls.connect({ socket: connect(`firecracker://:52${path}`) });
    const [error] = (await once(secure, 'error')) as [NodeJS.ErrnoException];
    // The handshake's bytes went to the handshake: TLS met the connection's first byte.
    assert.match(`${error.code} ${error.message}`, /SSL|TLS|wrong version|packet length/i);
  });

  test("somebody else's error, as of a pipeline, destroys the socket and is not an attempt's", async (t) => {
    const path = await answering(t, (socket) => socket.resume());
    const socket = connect(`firecracker://:52${path}`, { retry: true });
    socket.on('retry', () => assert.fail('retried'));
    await new Promise((resolve) => setImmediate(resolve));
    const error = await pipeline(createReadStream(join(directory, 'nothing')), socket).catch((error) => error);
    assert.equal(error.code, 'ENOENT');
    assert.equal(socket.destroyed, true);
  });

  test('unref() lets the process end in mid-handshake', async (t) => {
    const path = await answering(t, (socket) => socket.resume());
    const program = `import { connect } from 'hvsock'; connect('firecracker://:52${path}', { retry: true }).unref();`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: 'inherit',
      timeout: 10_000,
    });
    assert.deepEqual(await once(child, 'close'), [0, null]);
  });

  test("'close' says that there was an error, and no bytes were written", async () => {
    const socket = connect(`firecracker://:52${join(directory, 'nobody')}`);
    socket.on('error', () => {});
    assert.equal(await new Promise((resolve) => socket.once('close', resolve)), true);
    assert.equal(socket.bytesWritten ?? 0, 0);
  });

  test('a signal of a connect that was refused with an exception is left alone', async () => {
    const controller = new AbortController();
    assert.throws(() => connect('unix:///x', { signal: controller.signal, bufferSize: 1000 }));
    controller.abort();
  });

  test('options that only vsock has are refused', async () => {
    for (const options of [{ localPort: 5 }, { toHost: true }, { bufferSize: 4096 }]) {
      assert.throws(() => connect('unix:///x', options), { code: 'ERR_HVSOCK_INVALID_ARGUMENT' });
    }
  });
});
