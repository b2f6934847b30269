// Server and listen() over real AF_VSOCK.
import '../support/lab.ts';

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import {
  type Address,
  connect,
  connectAsync,
  createServer,
  type DropArgument,
  HvsockError,
  listen,
  Server,
  type Socket,
  VMADDR_CID_ANY,
  VMADDR_CID_LOCAL,
  VMADDR_PORT_ANY,
  type VsockAddress,
} from 'hvsock';
import { accompany } from '../support/commands.ts';
import { openDescriptors, settled, threadCount } from '../support/descriptors.ts';
import { deadPort, echo, errorOf, local, readAll, serve } from '../support/servers.ts';

const portOf = (server: { address(): unknown }) => (server.address() as VsockAddress).port;

describe('listening', { timeout: 60_000 }, () => {
  test('an ephemeral port is told by address(); the forms of listen() are the same', async () => {
    const forms = ['vsock://:0xffffffff', 'vsock:4294967295:4294967295', { port: VMADDR_PORT_ANY }];
    for (const form of forms) {
      const server = createServer();
      assert.equal(server.address(), null);
      assert.equal(await server.listen(form), server);
      assert.equal(server.listening, true);
      const address = server.address() as VsockAddress;
      assert.equal(address.cid, VMADDR_CID_ANY);
      assert.ok(address.port >= 1024 && address.port < VMADDR_PORT_ANY, `${address}`);
      await server[Symbol.asyncDispose]();
      assert.equal(server.address(), null);
    }
  });

  test("net.Server's form: a callback, 'listening', and the server as the result", async () => {
    const server = new Server();
    const seen: ('event' | 'callback')[] = [];
    server.on('listening', () => seen.push('event'));
    assert.equal(
      server.listen({ port: VMADDR_PORT_ANY }, { backlog: 5 }, () => seen.push('callback')),
      server,
    );
    assert.deepEqual(seen, []);
    await once(server, 'listening');
    assert.deepEqual(seen, ['event', 'callback']);
    await new Promise((resolve) => server.close(resolve));
  });

  test('address-in-use: rejected without a callback, emitted with one', async (t) => {
    const { address } = await serve(t, () => {});
    const check = (error: unknown) => {
      assert.ok(error instanceof HvsockError);
      assert.deepEqual([error.code, error.kind, error.syscall], ['EADDRINUSE', 'address-in-use', 'bind']);
      return true;
    };
    await assert.rejects(createServer().listen({ port: address.port }), check);
    const server = createServer().listen({ port: address.port }, () => assert.fail('listening'));
    check((await once(server, 'error'))[0]);
    await assert.rejects(listen(http.createServer(), { port: address.port }), check);
  });

  test("a CID that is not this machine's is address-not-available", async () => {
    await assert.rejects(createServer().listen({ cid: 77_777, port: 5000 }), { kind: 'address-not-available' });
  });

  test('port 0 is an ordinary, privileged port', async () => {
    const server = await createServer(echo).listen({ port: 0 });
    assert.equal(portOf(server), 0);
    const socket = connect(local(0));
    socket.end('zero');
    assert.equal(String(await readAll(socket)), 'zero');
    await server[Symbol.asyncDispose]();
  });

  test('a privileged port is refused to others with kind permission', async () => {
    const program = `process.setgid(65534); process.setuid(65534);
      const { createServer } = await import('hvsock');
      await createServer().listen('vsock://:900').catch((e) => console.log(e.code, e.kind));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    assert.equal(await text(child.stdout), 'EACCES permission\n');
  });

  test('twice is an error, and so is closing what is closed', async () => {
    const server = await createServer().listen({ port: VMADDR_PORT_ANY });
    assert.throws(() => server.listen({ port: VMADDR_PORT_ANY }), { code: 'ERR_SERVER_ALREADY_LISTEN' });
    await server[Symbol.asyncDispose]();
    const error = await new Promise<Error | undefined>((resolve) => server.close(resolve));
    assert.equal((error as HvsockError).code, 'ERR_SERVER_NOT_RUNNING');
    await server.listen({ port: VMADDR_PORT_ANY });
    await server[Symbol.asyncDispose]();
  });

  test('wrong arguments are thrown, and name the value', async () => {
    assert.throws(() => createServer().listen('vsock://:x'), /"vsock:\/\/:x" is no address/);
    assert.throws(
      () => createServer().listen({ port: 1 }, { backlog: 0 }),
      /backlog must be a positive integer, not 0/,
    );
    assert.throws(() => createServer({ filter: 'all' as never }), /filter must be a function/);
    await assert.rejects(listen(http.createServer(), 'tcp://:1'), { kind: 'invalid' });
  });

  test('a signal closes it, before and after', async () => {
    await assert.rejects(createServer().listen({ port: VMADDR_PORT_ANY }, { signal: AbortSignal.abort() }), {
      kind: 'aborted',
    });
    const controller = new AbortController();
    const server = await createServer().listen({ port: VMADDR_PORT_ANY }, { signal: controller.signal });
    const closed = once(server, 'close');
    controller.abort();
    await closed;
  });

  test('unref() lets the process end, ref() holds it', async () => {
    const program = `import { createServer } from 'hvsock';
      const server = await createServer().listen({ port: 0xffffffff });
      server.unref();`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' });
    assert.deepEqual(await once(child, 'close'), [0, null]);
  });

  test('a server that listens again has not closed, and a second close() waits for the first', async (t) => {
    const { server, address } = await serve(t, echo);
    const accepted = once(server, 'connection');
    const socket = await connectAsync(address);
    await accepted;
    const closed = new Promise<Error | undefined>((resolve) => server.close(resolve));
    let second: Error | undefined;
    server.close((error) => {
      second = error;
    });
    socket.write('x');
    await once(socket, 'data');
    assert.equal(second, undefined);
    socket.end();
    assert.equal(await closed, undefined);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal((second as HvsockError | undefined)?.code, 'ERR_SERVER_NOT_RUNNING');

    await server.listen({ port: VMADDR_PORT_ANY });
    server.once('close', () => assert.equal(server.listening, false));
    server.close();
    await server.listen({ port: VMADDR_PORT_ANY });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(server.listening, true);
  });

  test("who listens to 'error' need not await the promise", async (t) => {
    const { address } = await serve(t, () => {});
    const server = createServer();
    const told = once(server, 'error') as Promise<[HvsockError]>;
    void server.listen({ port: address.port });
    assert.equal((await told)[0].kind, 'address-in-use');
  });

  test("listen() of somebody else's server that is closed at once is rejected", async () => {
    const server = http.createServer();
    const listening = listen(server, { port: VMADDR_PORT_ANY });
    server.close();
    await assert.rejects(listening, { code: 'ERR_SERVER_NOT_RUNNING' });
    const controller = new AbortController();
    const aborted = listen(http.createServer(), { port: VMADDR_PORT_ANY }, { signal: controller.signal });
    controller.abort();
    await assert.rejects(aborted, { kind: 'aborted' });
  });
});

describe('accepting', { timeout: 60_000 }, () => {
  test('filter is asked before there is a socket, and knows the peer', async (t) => {
    const asked: [Address | undefined, Address][] = [];
    const { server, address } = await serve(t, echo, {
      filter: (peer, here) => {
        asked.push([peer, here]);
        return asked.length > 1;
      },
    });
    const dropped = once(server, 'drop') as Promise<[DropArgument]>;
    server.once('connection', () => assert.equal(asked.length, 2));
    const refused = await connectAsync(address);
    refused.on('error', () => {});
    refused.resume();
    await once(refused, 'close');
    const [drop] = await dropped;
    assert.equal(drop.reason, 'filter');
    assert.equal(drop.remotePort, refused.localPort);
    const taken = connect(address);
    taken.end('in');
    assert.equal(String(await readAll(taken)), 'in');
    const [[peer, here] = []] = asked;
    assert.equal((peer as VsockAddress | undefined)?.cid, VMADDR_CID_LOCAL);
    assert.ok(here?.equals(address));
  });

  test('a filter that throws refuses, and its error is an uncaught exception', async (t) => {
    const { server, address } = await serve(t, () => assert.fail('accepted'), {
      filter: () => {
        throw new Error('filter broke');
      },
    });
    // node:test reports an uncaught exception as this test's failure, unless it is expected here.
    const uncaught = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const caught = once(process, 'uncaughtException');
    const socket = connect(address);
    socket.on('error', () => {});
    socket.resume();
    await once(socket, 'close');
    assert.equal(((await caught)[0] as Error).message, 'filter broke');
    for (const listener of uncaught) process.on('uncaughtException', listener);
    assert.equal(server.listening, true);
  });

  test('maxConnections drops those beyond', async (t) => {
    const { server, address } = await serve(t, echo);
    server.maxConnections = 1;
    const first = await connectAsync(address);
    first.write('x');
    await once(first, 'data');
    const dropped = once(server, 'drop') as Promise<[DropArgument]>;
    const second = await connectAsync(address);
    second.on('error', () => {});
    second.resume();
    await once(second, 'close');
    assert.equal((await dropped)[0].reason, 'max-connections');
    const count = await new Promise((resolve) => server.getConnections((_error, n) => resolve(n)));
    assert.equal(count, 1);
    first.destroy();
  });

  test('pauseOnConnect hands out sockets that wait', async (t) => {
    let accepted: Socket | undefined;
    const { server, address } = await serve(
      t,
      (socket) => {
        accepted = socket;
      },
      { pauseOnConnect: true },
    );
    const socket = connect(address);
    socket.end('waiting');
    await once(server, 'connection');
    assert.equal(accepted?.isPaused(), true);
    assert.equal(String(await readAll(accepted as Socket)), 'waiting');
  });

  test("'close' waits for the connections that are open", async (t) => {
    const { server, address } = await serve(t, echo);
    const socket = await connectAsync(address);
    socket.write('x');
    await once(socket, 'data');
    let closed = false;
    server.close(() => {
      closed = true;
    });
    assert.equal(server.listening, false);
    socket.write('y');
    await once(socket, 'data');
    assert.equal(closed, false);
    socket.end();
    await once(server, 'close');
    assert.equal(closed, true);
    assert.equal(((await errorOf(connect(address))) as HvsockError).kind, 'refused');
  });

  test('closing within the connection listener, or within the filter, is safe', async () => {
    for (const where of ['listener', 'filter']) {
      const server: Server = createServer(
        {
          filter: () => {
            if (where === 'filter') server.close();
            return true;
          },
        },
        (socket) => {
          if (where === 'listener') server.close();
          echo(socket);
        },
      );
      await server.listen({ port: VMADDR_PORT_ANY });
      const closed = once(server, 'close');
      const socket = connect(local(portOf(server)));
      socket.end(where);
      assert.equal(String(await readAll(socket)), where);
      await closed;
    }
  });

  test('500 connections at once, each with its own bytes', async (t) => {
    const { server, address } = await serve(t, echo);
    await Promise.all(
      Array.from({ length: 500 }, async (_, i) => {
        // The kernel's backlog may be shorter than the crowd.
        const socket = connect(address, { retry: { kinds: ['refused'], delay: 5 } });
        const sent = `connection ${i} `.repeat(50);
        socket.end(sent);
        assert.equal(String(await readAll(socket)), sent);
      }),
    );
    await server[Symbol.asyncDispose]();
  });

  test('out of descriptors: who waits is served later, and the process does not spin', async (t) => {
    const program = `import { createServer } from 'hvsock';
      const server = createServer((socket) => socket.pipe(socket));
      await server.listen({ port: 0xffffffff });
      console.log(server.address().port);
      process.once('warning', (warning) => console.log(warning.code, warning.kind));
      process.once('SIGTERM', () => {
        console.log('cpu', process.cpuUsage().user / 1e6 < 30);
        process.exit();
      });`;
    const child = accompanyLimited(t, 40, program);
    const address = local(Number(await child.line()));
    const sockets = Array.from({ length: 60 }, () => connect(address));
    const answers = sockets.map(async (socket) => {
      socket.write('x');
      await once(socket, 'data');
      socket.end();
      socket.resume();
    });
    assert.equal(await child.line(), 'EMFILE resources');
    // Those that were served end and make room for those that wait.
    await Promise.all(answers);
    child.process.kill();
    assert.equal(await child.line(), 'cpu true');
  });

  test('out of descriptors, carried by threads: who cannot be carried is closed, and the next are served', async (t) => {
    const program = `import { createServer } from 'hvsock';
      const server = createServer((socket) => socket.pipe(socket));
      await server.listen({ port: 0xffffffff }, { io: 'threads' });
      console.log(server.address().port);
      process.once('warning', (warning) => console.log(warning.code, warning.kind));`;
    const child = accompanyLimited(t, 60, program);
    const address = local(Number(await child.line()));
    const sockets = Array.from({ length: 40 }, () => connect(address));
    const closed = sockets.map(async (socket) => {
      socket.on('error', () => {}).on('data', () => socket.end());
      socket.write('x');
      await new Promise((resolve) => socket.once('close', resolve));
    });
    assert.equal(await child.line(), 'EMFILE resources');
    await Promise.all(closed);
    // Retried, for the server may have yet to hear of the last end.
    for (let answer = ''; answer !== 'last'; ) {
      const socket = connect(address);
      socket.on('error', () => {}).end('last');
      answer = await text(socket).catch(() => '');
    }
  });

  test('carried by threads: descriptors and threads are back to their number when all have gone', async (t) => {
    const direct = await serve(t, () => {});
    const threads = await serve(t, () => {}, { io: 'threads' });
    type Leave = (client: Socket, server: Socket) => void;
    const round = async (leave: Leave, { server, address }: typeof direct, ios: ('direct' | 'threads')[]) => {
      const closed: Promise<unknown>[] = [];
      for (let i = 0; i < 20; i++) {
        const arrived = once(server, 'connection') as Promise<[Socket]>;
        const client = await connectAsync(address, { io: ios[i % ios.length] });
        const [accepted] = await arrived;
        for (const socket of [client, accepted]) {
          socket.on('error', () => {});
          closed.push(new Promise((resolve) => socket.once('close', resolve)));
        }
        leave(client, accepted);
      }
      await Promise.all(closed);
    };
    // From its first stream on, a loop of libuv holds a descriptor in reserve.
    await round((client, accepted) => client.destroy() && accepted.destroy(), direct, ['direct']);
    const before = { descriptors: openDescriptors().length, threads: threadCount() };
    const leaves: Record<string, Leave> = {
      'at once': (client, accepted) => client.destroy() && accepted.destroy(),
      'with bytes that nobody reads': (client, accepted) => {
        accepted.write('unread', () => client.destroy() && accepted.destroy());
      },
      'while the other side writes': (client, accepted) => {
        while (accepted.write(Buffer.alloc(65_536)));
        client.pause().once('readable', () => client.destroy());
      },
      'after an idle time': (client, accepted) => {
        for (const socket of [client, accepted]) socket.setTimeout(50, () => socket.destroy());
      },
      'by an end, which the other side follows': (client, accepted) => {
        accepted.resume();
        client.resume().end();
      },
    };
    for (const [name, leave] of Object.entries(leaves)) {
      await round(leave, threads, ['threads', 'direct']);
      t.diagnostic(name);
      await settled(() => openDescriptors().length <= before.descriptors && threadCount() <= before.threads);
    }
  });

  test('carried by threads: what is not referenced does not keep the process', { timeout: 20_000 }, () => {
    const program = `import { connectAsync, createServer } from 'hvsock';
      const server = createServer((socket) => socket.unref());
      await server.listen({ port: 0xffffffff }, { io: 'threads' });
      const address = { cid: 1, port: server.address().port };
      const socket = await connectAsync(address, { io: 'threads' });
      socket.unref();
      server.unref();`;
    execFileSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 15_000 });
  });
});

describe('listen(): servers of others', { timeout: 60_000 }, () => {
  test('an http server, its code unchanged: addresses, keep-alive, close', async () => {
    const server = http.createServer((request, response) => {
      const { socket } = request;
      response.end(`${socket.remoteFamily} ${socket.remoteAddress} ${socket.localPort}`);
    });
    assert.equal(await listen(server, { port: VMADDR_PORT_ANY }), server);
    assert.equal(server.listening, true);
    const address = local(portOf(server));
    const request = http.get({ createConnection: () => connect(address), path: '/' });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    assert.match(await text(response), new RegExp(`^vsock vsock://1:\\d+ ${address.port}$`));
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
    assert.equal(server.address(), null);
    assert.equal(((await errorOf(connect(address))) as HvsockError).kind, 'refused');
  });

  test('twice is an error, and leaves no descriptor', async () => {
    const server = await listen(http.createServer(), { port: VMADDR_PORT_ANY });
    const before = openDescriptors().length;
    await assert.rejects(listen(server, { port: VMADDR_PORT_ANY }), { code: 'ERR_SERVER_ALREADY_LISTEN' });
    await settled(() => openDescriptors().length <= before);
    server.close();
    await once(server, 'close');
  });

  test('it can listen again, on another address', async (t) => {
    const server = http.createServer((_request, response) => response.end('again'));
    await listen(server, { port: VMADDR_PORT_ANY });
    server.close();
    await once(server, 'close');
    await listen(server, await deadPort(t).then(({ port }) => ({ port })));
    const request = http.get({ createConnection: () => connect(local(portOf(server))) });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    assert.equal(await text(response), 'again');
    server.close();
    server.closeAllConnections();
  });
});

/** A program in a process of its own, with a limit of descriptors that is soon reached. */
const accompanyLimited = (context: TestContext, descriptors: number, program: string) =>
  accompany(
    context,
    'sh',
    '-c',
    `ulimit -n ${descriptors}; exec "$0" --input-type=module -e "$1"`,
    process.execPath,
    program,
  );
