// connect() and its options over real AF_VSOCK.
import '../support/lab.ts';

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import {
  connect,
  connectAsync,
  createServer,
  HvsockError,
  localCid,
  type Socket,
  serviceIdOfPort,
  VMADDR_CID_ANY,
  VMADDR_CID_LOCAL,
  VsockAddress,
} from 'hvsock';
import { openDescriptors, settled } from '../support/descriptors.ts';
import { deadPort, echo, errorOf, local, readAll, serve } from '../support/servers.ts';

const kindOf = (kind: string) => (error: unknown) => error instanceof HvsockError && error.kind === kind;

describe('before the connection is there', { timeout: 60_000 }, () => {
  test('the socket is connecting, and what is written and ended is kept and sent', async (t) => {
    const { address } = await serve(t, echo);
    const socket = connect(address);
    assert.equal(socket.connecting, true);
    assert.equal(socket.pending, true);
    assert.equal(socket.readyState, 'opening');
    assert.equal(socket.localEndpoint, undefined);
    socket.write('early ');
    socket.end('bird');
    assert.equal(String(await readAll(socket)), 'early bird');
  });

  test("'connect' and 'ready' come once, in this order", async (t) => {
    const { address } = await serve(t, echo);
    const seen: string[] = [];
    const socket = connect(address);
    for (const event of ['connect', 'ready', 'end', 'close'] as const) socket.on(event, () => seen.push(event));
    await once(socket, 'ready');
    socket.end();
    socket.resume();
    await once(socket, 'close');
    assert.deepEqual(seen, ['connect', 'ready', 'end', 'close']);
  });

  test('destroy() cancels it: no event but close, and no descriptor is left', async (t) => {
    const { address } = await serve(t, (socket) => socket.resume());
    const before = openDescriptors().length;
    for (let i = 0; i < 50; i++) {
      const socket = connect(address);
      socket.on('connect', () => assert.fail('connected after destroy()'));
      socket.destroy();
      await once(socket, 'close');
    }
    await settled(() => openDescriptors().length <= before);
  });

  test('an idle timeout can be set, and counts from the connection', async (t) => {
    const { address } = await serve(t, () => {});
    const socket = connect(address);
    socket.setTimeout(1000);
    await once(socket, 'connect');
    const connected = performance.now();
    await once(socket, 'timeout');
    assert.ok(performance.now() - connected > 950);
    socket.destroy();
  });

  test('unref() lets the process end, ref() holds it', async () => {
    const program = `import { connect } from 'hvsock';
      const socket = connect('vsock://1:1', { retry: { for: Infinity } });
      socket.unref();`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 30_000 });
    assert.equal(child.status, 0, String(child.stderr));
  });
});

describe('a connect that fails', { timeout: 60_000 }, () => {
  test('refused: nobody listens on the port', async (t) => {
    const address = await deadPort(t);
    const error = (await errorOf(connect(address))) as HvsockError;
    assert.ok(error instanceof HvsockError);
    assert.deepEqual(
      { code: error.code, kind: error.kind, syscall: error.syscall, address: error.address, errno: error.errno },
      { code: 'ECONNRESET', kind: 'refused', syscall: 'connect', address: `${address}`, errno: -104 },
    );
    assert.match(error.message, /^connect ECONNRESET vsock:\/\/1:\d+: nobody listens/);
  });

  test('no-vm: no driver serves the CID', async () => {
    await assert.rejects(connectAsync('vsock://4000000:1024'), (error) => {
      assert.ok(error instanceof HvsockError);
      assert.equal(error.kind, 'no-vm');
      assert.ok(['ENODEV', 'ENETUNREACH'].includes(error.code), error.code);
      return true;
    });
  });

  test('the promise rejects with the error that the event carries', async (t) => {
    const address = await deadPort(t);
    await assert.rejects(connectAsync(address), kindOf('refused'));
  });

  test('leaves no descriptor', async (t) => {
    const address = await deadPort(t);
    const before = openDescriptors().length;
    for (let i = 0; i < 100; i++) await assert.rejects(connectAsync(address));
    await settled(() => openDescriptors().length <= before);
  });

  test('wrong arguments are thrown at once, and name the value', () => {
    const wrong: [() => unknown, RegExp][] = [
      [() => connect('vsock://1:99999999999'), /port out of range 0 to 4294967295/],
      [() => connect({ port: -1 }), /port must be .*-1/],
      [() => connect('vsock://1:1', { timeout: 0 }), /timeout must be .*not 0/],
      [() => connect('vsock://1:1', { timeout: '1' as never }), /timeout must be .*not "1"/],
      [() => connect('vsock://1:1', { localPort: 2 ** 32 }), /localPort must be .*4294967296/],
      [() => connect('vsock://1:1', { bufferSize: 0 }), /bufferSize must be/],
      [() => connect('vsock://1:1', { bufferSize: 10, bufferMinSize: 20 }), /bufferMinSize must be at most/],
      [() => connect('vsock://1:1', { bufferSize: 20, bufferMaxSize: 10 }), /bufferMaxSize must be at least 20/],
      [() => connect('vsock://1:1', { retry: 'yes' as never }), /retry must be/],
      [() => connect('vsock://1:1', { signal: {} as never }), /signal must be an AbortSignal/],
      [() => connect('vsock://1:1', null as never), /options must be an object/],
    ];
    for (const [call, message] of wrong) {
      assert.throws(call, (error: HvsockError) => error.kind === 'invalid' && message.test(error.message));
    }
  });

  test('seqpacket and datagram sockets are refused in a sentence', () => {
    for (const type of ['seqpacket', 'dgram']) {
      assert.throws(
        () => connect('vsock://1:1', { type: type as never }),
        /type must be 'stream', not "(seqpacket|dgram)"/,
      );
    }
  });

  test('a callback that throws is an uncaught exception like any other, and breaks nothing', async (t) => {
    const { address } = await serve(t, echo);
    const program = `import { connect } from 'hvsock';
      process.once('uncaughtException', (error) => {
        console.log(error.message);
        const socket = connect('${address}');
        socket.end('still works');
        socket.on('data', (data) => console.log(String(data)));
      });
      connect('${address}').on('connect', function () { this.destroy(); throw new Error('mine'); });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    assert.equal(await text(child.stdout), 'mine\nstill works\n');
    assert.equal(child.exitCode ?? (await once(child, 'close'))[0], 0);
  });

  test('a listener whose backlog is full refuses; nothing hangs', async () => {
    // A listener that never accepts: python's, since ours accept at once.
    const { address, stop } = await silentListener();
    const sockets: Socket[] = [];
    let failure: HvsockError | undefined;
    while (failure === undefined && sockets.length < 20) {
      const socket = connect(address);
      sockets.push(socket);
      failure = await new Promise((resolve) => {
        socket.once('connect', () => resolve(undefined));
        socket.once('error', (error) => resolve(error as HvsockError));
      });
    }
    assert.equal(failure?.kind, 'refused');
    for (const socket of sockets) socket.destroy();
    await stop();
  });
});

describe('signal', { timeout: 60_000 }, () => {
  test('aborts before, during and after connecting, with an AbortError', async (t) => {
    const { address } = await serve(t, echo);
    const reason = new Error('enough');
    const check = (error: unknown) => {
      assert.ok(error instanceof HvsockError);
      assert.deepEqual([error.name, error.code, error.kind], ['AbortError', 'ABORT_ERR', 'aborted']);
      assert.equal(error.cause, reason);
      return true;
    };
    await assert.rejects(connectAsync(address, { signal: AbortSignal.abort(reason) }), check);

    const during = new AbortController();
    const attempt = connectAsync(address, { signal: during.signal });
    during.abort(reason);
    await assert.rejects(attempt, check);

    const after = new AbortController();
    const socket = await connectAsync(address, { signal: after.signal });
    const error = errorOf(socket);
    after.abort(reason);
    check(await error);
  });

  test('aborts while it waits between two attempts', async (t) => {
    const address = await deadPort(t);
    const controller = new AbortController();
    const socket = connect(address, {
      signal: controller.signal,
      retry: { delay: 60_000, maxDelay: 60_000, for: 600_000 },
    });
    socket.once('retry', () => controller.abort());
    assert.equal(((await errorOf(socket)) as HvsockError).kind, 'aborted');
  });
});

describe('retry', { timeout: 60_000 }, () => {
  test('finds a listener that comes late, and keeps what was written', async (t) => {
    const address = await deadPort(t);
    const socket = connect(address, { retry: { delay: 10 } });
    socket.end('patience');
    const [error] = (await once(socket, 'retry')) as [HvsockError, number];
    assert.equal(error.kind, 'refused');
    const server = createServer(echo);
    t.after(() => server.close());
    await server.listen({ port: address.port });
    assert.equal(String(await readAll(socket)), 'patience');
  });

  test('gives up at its deadline, with the error that it met', async (t) => {
    const address = await deadPort(t);
    const started = performance.now();
    await assert.rejects(connectAsync(address, { retry: { for: 300, delay: 20 } }), kindOf('refused'));
    const took = performance.now() - started;
    assert.ok(took > 100 && took < 3000, `${took} ms`);
  });

  test('does not retry what will not change', async () => {
    const socket = connect('vsock://4000000:1024', { retry: { for: 5000, kinds: ['refused'] } });
    socket.on('retry', () => assert.fail('retried'));
    assert.equal(((await errorOf(socket)) as HvsockError).kind, 'no-vm');
  });

  test('is over at once when the socket is destroyed', async (t) => {
    const socket = connect(await deadPort(t), { retry: { for: Number.POSITIVE_INFINITY } });
    await once(socket, 'retry');
    socket.destroy();
    await once(socket, 'close');
  });
});

describe('options of the system socket', { timeout: 60_000 }, () => {
  test('buffer sizes are set before the handshake and can be read', async (t) => {
    const { server, address } = await serve(t, () => {}, { bufferSize: 131_072 });
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const socket = await connectAsync(address, { bufferSize: 1_048_576, bufferMinSize: 4096 });
    assert.deepEqual(socket.bufferSizes, { size: 1_048_576, minSize: 4096, maxSize: 1_048_576 });
    const [peer] = await accepted;
    assert.equal(peer.bufferSizes?.size, 131_072);
    socket.destroy();
    assert.equal(socket.bufferSizes, undefined);
  });

  test('localPort is the port that the server sees, privileged ones included', async (t) => {
    const { server, address } = await serve(t, () => {});
    for (const localPort of [1000, 70_000]) {
      const accepted = once(server, 'connection') as Promise<[Socket]>;
      const socket = await connectAsync(address, { localPort });
      assert.equal((await accepted)[0].remotePort, localPort);
      assert.equal(socket.localPort, localPort);
      const error = (await errorOf(connect(address, { localPort }))) as HvsockError;
      assert.equal(error.kind, 'address-in-use');
      socket.destroy();
      await once(socket, 'close');
    }
  });

  test('a connection to oneself tells the same CID at both ends', async (t) => {
    const { server, address } = await serve(t, () => {});
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const socket = await connectAsync(address);
    const [peer] = await accepted;
    assert.deepEqual(socket.localEndpoint, peer.remoteEndpoint);
    assert.deepEqual(socket.remoteEndpoint, new VsockAddress({ cid: VMADDR_CID_LOCAL, port: address.port }));
    assert.equal(peer.localEndpoint?.equals(address), true);
    assert.equal(socket.remoteFamily, 'vsock');
    socket.destroy();
  });

  test('localCid() tells a CID of this machine, and binding to it succeeds', async () => {
    const cid = localCid();
    assert.ok(cid !== VMADDR_CID_ANY && cid > 0, `${cid}`);
    const server = await createServer().listen({ cid, port: 5001 });
    await server[Symbol.asyncDispose]();
  });

  test('hvsock:// with a template service is the vsock port', async (t) => {
    const { address } = await serve(t, echo);
    const socket = connect(`hvsock://loopback/${serviceIdOfPort(address.port % 0x7fffffff)}`);
    if (address.port < 0x7fffffff) {
      socket.end('converted');
      assert.equal(String(await readAll(socket)), 'converted');
    } else {
      assert.ok(await errorOf(socket));
    }
  });

  test('AsyncLocalStorage reaches the events of a connect', async (t) => {
    const { address } = await serve(t, echo);
    const storage = new AsyncLocalStorage<string>();
    const seen = await storage.run('request 7', () => {
      const socket = connect(address);
      return new Promise((resolve) =>
        socket.once('connect', () => {
          resolve(storage.getStore());
          socket.destroy();
        }),
      );
    });
    assert.equal(seen, 'request 7');
  });
});

async function silentListener() {
  const program = `import socket, sys
s = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
s.bind((socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY))
s.listen(2)
print(s.getsockname()[1], flush=True)
sys.stdin.read()`;
  const child = spawn('python3', ['-c', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [port] = await once(child.stdout, 'data');
  return {
    address: local(Number(port)),
    async stop() {
      child.stdin.end();
      await once(child, 'close');
    },
  };
}
