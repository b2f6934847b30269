// Every stage of a Hyper-V connection's life at which its environment may end: run by lifetime.hyperv.test.ts, each in a
// process of its own.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { connect, connectAsync, createServer, listen, type Socket } from 'hvsock';
import { engines, freshAddress, shim } from '../support/hyperv.ts';
import { echo } from '../support/servers.ts';
import { runStages } from '../support/stages.ts';

const gc = globalThis.gc as () => void;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Leaves under way: a listener, a connect that nobody answers, and connections full of bytes that nobody reads. */
async function leavePending(): Promise<void> {
  const address = freshAddress();
  const server = createServer({ pauseOnConnect: true });
  await server.listen(address, { io: 'direct' });
  for (const io of engines) {
    const socket = await connectAsync(address, { io });
    socket.on('error', () => {});
    socket.write(Buffer.alloc(20_000_000));
  }
  shim?.setFault('no-answer', true);
  connect(freshAddress(), { timeout: 60_000, io: 'direct' }).on('error', () => {});
  // The operation is the addon's from the next turn on.
  await turn();
}

const stages: Record<string, () => Promise<void> | void> = {
  async 'process.exit() while all is under way'() {
    await leavePending();
    process.exit();
  },
  async 'the process ends by itself once nothing is referenced'() {
    const server = createServer(echo);
    await server.listen(freshAddress());
    server.unref();
    connect(freshAddress(), { retry: { for: Number.POSITIVE_INFINITY } }).unref();
    for (const io of engines) {
      const address = freshAddress();
      const server = createServer((socket) => socket.unref());
      await server.listen(address, { io });
      const socket = await connectAsync(address, { io });
      socket.write('x');
      for (const each of [server, socket]) each.unref();
    }
  },
  async 'a server is closed, or listens elsewhere, before it is known how bytes are carried'() {
    const server = net.createServer();
    const closed = assert.rejects(listen(server, freshAddress()), { code: 'ERR_SERVER_NOT_RUNNING' });
    server.close();
    const other = net.createServer();
    const elsewhere = assert.rejects(listen(other, freshAddress()), { code: 'ERR_SERVER_ALREADY_LISTEN' });
    other.listen(0, '127.0.0.1');
    const own = createServer();
    const abandoned = assert.rejects(own.listen(freshAddress()), { code: 'ERR_SERVER_NOT_RUNNING' });
    own.close();
    const address = freshAddress();
    await Promise.all([closed, elsewhere, abandoned, own.listen(address)]);
    assert.equal(server.listening, false);
    assert.equal(`${own.address()}`, `${address}`);
    for (const each of [other, own]) each.close();
  },
  async 'what was written before the end arrives, also when the process ends then'() {
    for (const io of engines) {
      const received = { bytes: 0 };
      const server = createServer((socket) => {
        socket.on('data', (chunk) => {
          received.bytes += chunk.length;
        });
      });
      const address = freshAddress();
      await server.listen(address, { io });
      const socket = await connectAsync(address, { io });
      socket.end(Buffer.alloc(1_000_000));
      await once(socket, 'close');
      while (received.bytes < 1_000_000) await turn();
      server.close();
    }
  },
  async 'leaves no thread to a peer that a server has dropped and that stays'() {
    const address = freshAddress();
    const server = net.createServer();
    server.maxConnections = 1;
    await listen(server, address, { io: 'threads' });
    const kept = await connectAsync(address, { io: 'direct' });
    const dropped = once(server, 'drop');
    const before = shim?.calls().close ?? 0;
    const peer = connect(address, { io: 'direct', allowHalfOpen: true }).on('error', () => {});
    await dropped;
    // The server's end of it: the peer's is open.
    while (shim?.calls().close === before) await turn();
    assert.equal(peer.destroyed, false);
    for (const socket of [kept, peer]) socket.destroy();
    server.close();
  },
  async 'goes on when JavaScript forgets it'() {
    for (const io of engines) {
      const address = freshAddress();
      const server = createServer(echo);
      await server.listen(address, { io });
      const ends = Array.from({ length: 10 }, () => {
        const socket = connect(address, { io });
        socket.end('x');
        socket.resume();
        return once(socket, 'close');
      });
      for (let i = 0; i < 5; i++) {
        gc();
        await turn();
      }
      await Promise.all(ends);
      server.close();
    }
  },
  async 'calls back into functions that throw'() {
    const messages: string[] = [];
    process.on('uncaughtException', (error) => messages.push(error.message));
    const address = freshAddress();
    const server = createServer((socket) => {
      socket.destroy();
      throw new Error('accept');
    });
    await server.listen(address, { io: 'direct' });
    const socket = connect(address, { io: 'threads' });
    socket.on('connect', () => {
      throw new Error('connect');
    });
    socket.on('error', () => {});
    while (messages.length < 2) await turn();
    socket.destroy();
    server.close();
    assert.deepEqual(messages.sort(), ['accept', 'connect']);
  },
  async 'a worker is terminated, exits or throws while all is under way'() {
    for (const how of ['terminate', 'exit', 'throw']) {
      const worker = new Worker(fileURLToPath(import.meta.url), { workerData: how });
      worker.on('error', (error) => assert.equal(how, 'throw', error.message));
      const exited = new Promise((resolve) => worker.once('exit', resolve));
      if (how === 'terminate') {
        await new Promise((resolve) => worker.once('message', resolve));
        await worker.terminate();
      }
      await exited;
      shim?.setFault('no-answer', false);
    }
    // Sockets still work here.
    const address = freshAddress();
    const server = createServer(echo);
    await server.listen(address);
    const socket: Socket = await connectAsync(address);
    socket.end('alive');
    assert.equal(String((await once(socket, 'data'))[0]), 'alive');
    server.close();
  },
};

async function workInWorker(): Promise<void> {
  await leavePending();
  parentPort?.postMessage('under way');
  if (workerData === 'exit') process.exit();
  if (workerData === 'throw') throw new Error('thrown on purpose');
}

await runStages(stages, workInWorker);
