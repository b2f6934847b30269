// connect() and createServer() with `framed`: all that a raw socket's options and events do, done for a framed one.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Duplex, PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, describe, type TestContext, test } from 'node:test';
import {
  connect,
  connectAsync,
  createServer,
  type FramedServerOptions,
  FramedSocket,
  type HvsockError,
  listen,
  type Server,
  Socket,
} from 'hvsock';
import { Emulator } from 'hvsock/testing';
import { noUnixSockets } from '../support/capabilities.ts';

const emulator = await Emulator.create();
after(() => emulator.close());
const guest = emulator.guest(3);
const atHost = { partition: emulator.host };
const inGuest = { partition: guest.partition };
const halfOpen = { framed: true, allowHalfOpen: true } as const;
let lastPort = 3000;

interface Service {
  readonly server: Server<FramedSocket>;
  readonly address: { cid: number; port: number };
}

async function serve(
  context: TestContext,
  options: Partial<FramedServerOptions>,
  onConnection: (socket: FramedSocket) => void,
): Promise<Service> {
  const sockets = new Set<FramedSocket>();
  const address = { cid: 3, port: ++lastPort };
  const server = createServer({ framed: true, ...options }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  await server.listen({ port: address.port }, inGuest);
  context.after(async () => {
    for (const socket of sockets) socket.destroy(new Error('the test is over'));
    await server[Symbol.asyncDispose]();
  });
  return { server, address };
}

const echo = (socket: FramedSocket) => {
  socket.pipe(socket);
};
const errorOf = async (stream: Duplex) => (await once(stream, 'error'))[0] as HvsockError;

describe('framed connect', { timeout: 30_000 }, () => {
  test('at once a FramedSocket; what was written early is sent, and events and addresses are a socket’s', async (t) => {
    const { address } = await serve(t, { allowHalfOpen: true }, echo);
    const socket: FramedSocket = connect(address, { ...atHost, framed: true });
    const events: string[] = [];
    for (const event of ['connect', 'ready', 'end', 'finish', 'close']) socket.on(event, () => events.push(event));
    assert.ok(socket instanceof FramedSocket);
    assert.deepEqual([socket.connecting, socket.pending, socket.readyState], [true, true, 'opening']);
    assert.equal(socket.remoteAddress, undefined);
    socket.end('early');
    assert.equal(await text(socket), 'early');
    await socket.drained;
    if (!socket.closed) await once(socket, 'close');
    assert.deepEqual(events, ['connect', 'ready', 'finish', 'end', 'close']);
    assert.deepEqual([socket.connecting, socket.readyState], [false, 'closed']);
    assert.equal(`${socket.remoteEndpoint}`, `vsock://3:${address.port}`);
    assert.equal(socket.remoteAddress, `vsock://3:${address.port}`);
    assert.deepEqual([socket.remotePort, socket.remoteFamily, socket.localFamily], [address.port, 'vsock', 'vsock']);
    assert.equal(socket.localAddress, `${socket.localEndpoint}`);
    assert.deepEqual([socket.bytesRead, socket.bytesWritten], [5, 5]);
  });

  test('without framed it is a Socket', async (t) => {
    const { address } = await serve(t, {}, () => {});
    const socket: Socket = await connectAsync(address, { ...atHost, framed: false });
    assert.ok(socket instanceof Socket);
    socket.destroy();
  });

  test('retry: to a listener that comes late, with what was written kept', async (t) => {
    const address = { cid: 3, port: ++lastPort };
    const socket = connect(address, { ...atHost, framed: true, retry: true });
    socket.end('patient');
    const [error, delay] = (await once(socket, 'retry')) as [HvsockError, number];
    assert.deepEqual([error.kind, delay], ['refused', 50]);
    const server = await createServer(halfOpen, echo).listen({ port: address.port }, inGuest);
    t.after(() => server.close());
    assert.equal(await text(socket), 'patient');
  });

  test('errors have their kinds: refused, timeout, aborted; drained rejects with them', async () => {
    const refused = connect({ cid: 3, port: 9 }, { ...atHost, framed: true });
    assert.equal((await errorOf(refused)).kind, 'refused');
    await assert.rejects(refused.drained, { kind: 'refused' });
    await assert.rejects(connectAsync({ cid: 3, port: 9 }, { ...atHost, framed: true }), { kind: 'refused' });

    const silent = emulator.guest(5);
    await silent.suspend();
    const late = connect({ cid: 5, port: 1 }, { ...atHost, framed: true, timeout: 50 });
    const { code, kind } = await errorOf(late);
    assert.deepEqual([code, kind], ['ETIMEDOUT', 'timeout']);
    const controller = new AbortController();
    const aborted = connect({ cid: 5, port: 1 }, { ...atHost, framed: true, signal: controller.signal });
    controller.abort();
    assert.equal((await errorOf(aborted)).kind, 'aborted');
    const never = connect({ cid: 5, port: 1 }, { ...atHost, framed: true, signal: AbortSignal.abort() });
    assert.equal((await errorOf(never)).kind, 'aborted');
  });

  test('a signal ends a connection, and one that waits for the other side’s Close', async (t) => {
    // Who never reads never answers a Close.
    const { address } = await serve(t, { pauseOnConnect: true }, () => {});
    const controller = new AbortController();
    const { signal } = controller;
    const [open, closing] = (await Promise.all(
      [0, 1].map(() => connectAsync(address, { ...atHost, framed: true, signal })),
    )) as [FramedSocket, FramedSocket];
    closing.end('unread');
    await once(closing, 'finish');
    closing.destroy();
    const ended = Promise.all([errorOf(open), once(closing, 'close')]);
    controller.abort();
    assert.equal((await ended)[0].kind, 'aborted');
    await assert.rejects(closing.drained, { kind: 'reset' });
  });

  test('destroy() while connecting waits for nobody', async () => {
    const silent = emulator.guest(6);
    await silent.suspend();
    const socket = connect({ cid: 6, port: 1 }, { ...atHost, framed: true });
    socket.on('connect', () => assert.fail('connected')).write('never');
    socket.destroy();
    const [hadError] = await once(socket, 'close');
    assert.equal(hadError, false);
    await assert.rejects(socket.drained, { kind: 'reset' });
  });

  test('setTimeout() tells of idleness, with its callback, and can be taken back', async (t) => {
    const { address } = await serve(t, {}, echo);
    const socket = await connectAsync(address, { ...atHost, framed: true });
    const unwanted = () => assert.fail('taken back');
    socket.setTimeout(60_000, unwanted).setTimeout(0, unwanted);
    await new Promise<void>((resolve) => socket.setTimeout(30, resolve));
    assert.equal(socket.timeout, 30);
    socket.destroy();
  });

  test('halfClose: required where the monitor has none, it is there', { skip: noUnixSockets }, async () => {
    const address = 'firecracker://:52/nowhere/vm.sock';
    assert.throws(() => connect(address, { halfClose: 'require' }), { kind: 'unsupported' });
    const socket = connect(address, { halfClose: 'require', framed: true });
    assert.equal((await errorOf(socket)).kind, 'no-vm');
  });

  test('unref() lets the process end: while connecting, connected, and closing', async (t) => {
    const { address } = await serve(t, { pauseOnConnect: true }, () => {});
    const program = `
      import { connect } from 'hvsock';
      const socket = connect('vsock://3:${address.port}', { framed: true, retry: true });
      socket.unref();
      if (process.argv[1] !== 'connecting') socket.ref().once('connect', () => {
        socket.unref();
        if (process.argv[1] === 'closing') socket.end('unread', () => socket.destroy());
      });
      process.on('exit', () => process.stdout.write('exit'));`;
    for (const state of ['connecting', 'connected', 'closing']) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', program, state], {
        env: { ...process.env, HVSOCK_EMULATOR: emulator.directory, HVSOCK_EMULATOR_CID: '2' },
        stdio: ['ignore', 'pipe', 'inherit'],
        timeout: 5000,
      });
      assert.equal(await text(child.stdout), 'exit', state);
    }
  });

  test('wrong options are refused, and named', async () => {
    const wrong = (framed: unknown) => () => connect('vsock://3:1', { framed } as { framed: true });
    assert.throws(wrong('yes'), /framed must be a boolean or an object, not "yes"/);
    assert.throws(wrong({ closeTimeout: -1 }), /closeTimeout must be an integer from 0 to 2147483647, not -1/);
    assert.throws(() => createServer({ framed: null } as never), /framed must be/);
    assert.throws(() => new FramedSocket(new PassThrough(), { closeTimeout: Number.NaN }), /closeTimeout must be/);
    const options = { framed: true } as object;
    await assert.rejects(listen(createServer(), 'vsock://:1', options), /framed must be absent: it is an option of/);
  });
});

describe('framed server', { timeout: 30_000 }, () => {
  test('filter, drop and maxConnections come before any frame', async (t) => {
    const { server, address } = await serve(t, { filter: (peer) => `${peer}`.startsWith('vsock://2:') }, echo);
    server.maxConnections = 1;
    const first = await connectAsync(address, { ...atHost, framed: true });
    const dropped = once(server, 'drop');
    const second = connect(address, { ...atHost, framed: true });
    assert.equal((await errorOf(second)).kind, 'reset');
    assert.equal((await dropped)[0].reason, 'max-connections');
    first.end();
    await first.drained;
  });

  test('pauseOnConnect hands sockets out paused', async (t) => {
    const { server, address } = await serve(t, { pauseOnConnect: true }, () => {});
    const accepted = once(server, 'connection') as Promise<[FramedSocket]>;
    const client = await connectAsync(address, { ...atHost, framed: true });
    client.end('kept');
    const [socket] = await accepted;
    assert.ok(socket.isPaused());
    assert.equal(`${socket.remoteEndpoint}`, client.localAddress);
    assert.equal(await text(socket), 'kept');
  });

  test('without allowHalfOpen an end is answered with an end, with it the answer can come later', async (t) => {
    const { address } = await serve(t, {}, (socket) => socket.resume());
    const client = await connectAsync(address, { ...atHost, ...halfOpen });
    client.resume().end();
    await Promise.all([once(client, 'close'), client.drained]);

    const { address: later } = await serve(t, { allowHalfOpen: true }, (socket) => {
      socket.resume().once('end', () => setImmediate(() => socket.end('later')));
    });
    const asking = await connectAsync(later, { ...atHost, framed: true });
    asking.end();
    assert.equal(await text(asking), 'later');
  });

  test('a client without frames gets a protocol error, and so does the other way round', async (t) => {
    let failed: Promise<HvsockError> | undefined;
    const { address } = await serve(t, {}, (socket) => {
      failed = errorOf(socket);
    });
    const raw = await connectAsync(address, atHost);
    raw.on('error', () => {}).write('GET / HTTP/1.1\r\n\r\n');
    await once(raw, 'close');
    const error = (await failed) as HvsockError;
    assert.deepEqual([error.code, error.kind], ['ERR_HVSOCK_PROTOCOL', 'protocol']);
    assert.match(error.message, /is the other side framed, too\?/);

    const rawServer = await createServer((socket) => socket.end('hello')).listen({ port: ++lastPort }, inGuest);
    t.after(() => rawServer.close());
    const client = connect({ cid: 3, port: lastPort }, { ...atHost, framed: true });
    assert.equal((await errorOf(client)).kind, 'protocol');
  });

  test('close() waits for the connections', async (t) => {
    const { server, address } = await serve(t, {}, echo);
    const client = await connectAsync(address, { ...atHost, framed: true });
    const echoed = async (word: string) => {
      client.write(word);
      assert.equal(`${(await once(client, 'data'))[0]}`, word);
    };
    await echoed('accepted');
    const closed = once(server, 'close');
    server.close();
    await echoed('still there');
    assert.deepEqual([server.listening, client.destroyed], [false, false]);
    client.end();
    await closed;
  });
});
