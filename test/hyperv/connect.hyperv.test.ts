// connect() over AF_HYPERV's loopback: what comes of a connect, how long it takes, and what is given up with it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { connect, connectAsync, createServer, type HvsockError, type Socket } from 'hvsock';
import { engines, freshAddress, inject, noFaults, shim } from '../support/hyperv.ts';
import { echo, errorOf, readAll } from '../support/servers.ts';

const run = promisify(execFile);

describe('the way that bytes are carried', { timeout: 60_000 }, () => {
  // Tried once in a process, so each case has its own.
  const choose = async (faults: string): Promise<string> => {
    const program = `
      await import(process.argv[1]);
      const { chooseIo } = await import(process.argv[2]);
      const { hypervTransport } = await import(process.argv[3]);
      console.log(await chooseIo(hypervTransport));`;
    const urls = [
      new URL('../support/hyperv.js', import.meta.url).href,
      import.meta.resolve('#src/transports/hyperv-probe.js'),
      import.meta.resolve('#src/transports/hyperv.js'),
    ];
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program, ...urls], {
      env: { ...process.env, ...(faults === '' ? {} : { HVSOCK_SHIM_FAULTS: faults }) },
    });
    return stdout.trim();
  };

  test('is direct where the echo comes back whole', async () => {
    assert.equal(await choose(''), 'direct');
  });

  for (const fault of ['zero-lost', 'partial']) {
    test(`is threads where libuv does not get it through: ${fault}`, { skip: noFaults }, async () => {
      assert.equal(await choose(fault), 'threads');
    });
  }
});

describe('a connect', { timeout: 60_000 }, () => {
  test('sets the options of the family, each before the connect', { skip: noFaults }, async (t) => {
    const address = await serve(t, 'direct');
    const before = shim?.calls().option ?? 0;
    const socket = await connectAsync(address, {
      io: 'direct',
      containerPassthru: true,
      highVtl: false,
      bufferSize: 32_768,
    });
    socket.destroy();
    // CONNECTED_SUSPEND, CONTAINER_PASSTHRU, HIGH_VTL and CONNECT_TIMEOUT.
    assert.equal((shim?.calls().option ?? 0) - before, 4);
  });

  test('refuses what only AF_VSOCK has', async () => {
    for (const options of [{ localPort: 1024 }, { toHost: true }, { bufferMinSize: 1024 }]) {
      await assert.rejects(connectAsync('hvsock://loopback/1024', options), { code: 'ERR_HVSOCK_INVALID_ARGUMENT' });
    }
  });

  test('takes vsock addresses that have a counterpart, and says what others need', async (t) => {
    const server = createServer(echo);
    t.after(() => server.close());
    const address = freshAddress();
    const port = Number.parseInt(address.serviceId.slice(0, 8), 16);
    await server.listen(address);
    const socket = connect(`vsock://local:${port}`);
    socket.end('by port');
    assert.equal(String(await readAll(socket)), 'by port');
    assert.throws(() => connect('vsock://3:1024'), { kind: 'unsupported', message: /hvsock vms/ });
  });

  test('that nobody answers is refused after a second, or times out when its limit is over', {
    skip: noFaults,
  }, async (t) => {
    inject(t, 'no-answer');
    const started = performance.now();
    const error = (await errorOf(connect(freshAddress(), { io: 'direct' }))) as HvsockError;
    const took = performance.now() - started;
    assert.deepEqual([error.code, error.kind], ['ECONNREFUSED', 'refused']);
    assert.ok(took > 900 && took < 3000, `${took} ms`);
    const limited = connect(freshAddress(), { io: 'direct', timeout: 200 });
    assert.deepEqual(await codeOf(limited), ['ETIMEDOUT', 'timeout']);
  });

  const faults = [
    ['refused', 'ECONNREFUSED', 'refused'],
    ['timed-out', 'ETIMEDOUT', 'timeout'],
    ['disabled', 'EINVAL', 'permission'],
    ['not-allowed', 'EACCES', 'permission'],
    ['net-down', 'ENETDOWN', 'unsupported'],
    ['no-family', 'EAFNOSUPPORT', 'unsupported'],
  ] as const;
  for (const [fault, code, kind] of faults) {
    test(`${fault} is ${code}, ${kind}`, { skip: noFaults }, async (t) => {
      inject(t, fault);
      const socket = connect(freshAddress(), { io: 'direct', timeout: 5000 });
      assert.deepEqual(await codeOf(socket), [code, kind]);
    });
  }

  test('tells both ends: ours as the system names it, theirs as asked for', async (t) => {
    const address = await serve(t, 'direct');
    const socket = await connectAsync(address);
    assert.equal(socket.remoteAddress, `${address}`);
    assert.equal(socket.localEndpoint?.family, 'hyperv');
    assert.deepEqual(socket.capabilities, { halfClose: true, peerKnown: true, seqpacket: false });
    assert.equal(socket.bufferSizes, undefined);
    socket.destroy();
  });

  test('to a service that nobody offers is refused', async () => {
    const { kind } = (await errorOf(connect(freshAddress(), { timeout: 10_000 }))) as HvsockError;
    assert.ok(kind === 'refused' || kind === 'timeout', kind);
  });

  test('to the wildcard or the children is nobody', async () => {
    for (const name of ['wildcard', 'children']) {
      assert.equal((await codeOf(connect(`hvsock://${name}/1024`, { timeout: 5000 })))[1], 'address-not-available');
    }
  });

  test('tries again until somebody listens', async (t) => {
    const address = freshAddress();
    const socket = connect(address, { retry: { for: 20_000 } });
    await once(socket, 'retry');
    await serve(t, 'direct', address);
    socket.end('at last');
    assert.equal(String(await readAll(socket)), 'at last');
  });

  test('that comes late is there all the same', { skip: noFaults }, async (t) => {
    const address = await serve(t, 'direct');
    inject(t, 'late');
    const socket = connect(address, { timeout: 10_000 });
    socket.end('late');
    assert.equal(String(await readAll(socket)), 'late');
  });

  test('can be given up: by destroy(), by a signal, and while it is late', { skip: noFaults }, async (t) => {
    inject(t, 'no-answer');
    const destroyed = connect(freshAddress(), { timeout: 60_000 });
    setImmediate(() => destroyed.destroy());
    await once(destroyed, 'close');
    const controller = new AbortController();
    const aborted = connect(freshAddress(), { timeout: 60_000, signal: controller.signal });
    setImmediate(() => controller.abort());
    assert.equal((await codeOf(aborted))[1], 'aborted');
  });
});

for (const io of engines) {
  describe(`${io}`, { timeout: 120_000 }, () => {
    test('carries 50 MB each way at once', async (t) => {
      const address = await serve(t, io);
      const socket = connect(address, { io });
      const sent = randomBytes(50 * 1024 * 1024);
      const received = createHash('sha256');
      let length = 0;
      socket.on('data', (chunk: Buffer) => {
        received.update(chunk);
        length += chunk.length;
      });
      socket.end(sent);
      await once(socket, 'end');
      assert.equal(length, sent.length);
      assert.equal(received.digest('hex'), createHash('sha256').update(sent).digest('hex'));
    });

    test('holds 200 connections at once', async (t) => {
      const address = await serve(t, io);
      const sockets = await Promise.all(
        Array.from({ length: 200 }, () => connectAsync(address, { io, allowHalfOpen: true, retry: true })),
      );
      const answers = await Promise.all(
        sockets.map(async (socket, index) => {
          socket.end(`connection ${index}`);
          return String(await readAll(socket));
        }),
      );
      assert.deepEqual(
        answers,
        sockets.map((_, index) => `connection ${index}`),
      );
    });

    test('ERROR_BROKEN_PIPE is the end of the stream', { skip: noFaults }, async (t) => {
      const address = await serve(t, io);
      inject(t, 'broken-pipe');
      const socket = connect(address, { io });
      socket.end('whole');
      assert.equal(String(await readAll(socket)), 'whole');
    });
  });
}

test('threads send on what a provider takes in part', { skip: noFaults, timeout: 60_000 }, async (t) => {
  const address = await serve(t, 'threads');
  inject(t, 'partial');
  const socket = connect(address, { io: 'threads' });
  const sent = randomBytes(300_000);
  socket.end(sent);
  assert.ok((await readAll(socket)).equals(sent));
});

async function codeOf(socket: Socket): Promise<[string, string]> {
  const { code, kind } = (await errorOf(socket)) as HvsockError;
  return [code, kind];
}

/** An echo server that ends with the test: its address. */
async function serve(
  context: { after(end: () => void): void },
  io: 'direct' | 'threads',
  address = freshAddress(),
): Promise<typeof address> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    echo(socket);
  });
  await server.listen(address, { io });
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return address;
}
