// Every stage of a pump's life at which its environment may end: run by lifetime.test.ts, each in a process of its own,
// plain or under a memory checker.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import type { Pump } from '#src/native/binding.js';
import { loadBinding } from '#src/native/load.js';
import { accept, check, openListening } from '../support/binding-sockets.ts';
import { openDescriptors, threadCount } from '../support/descriptors.ts';
import { runStages } from '../support/stages.ts';

const [AF_UNIX, SOCK_DGRAM] = [1, 2];
const [EBADF, EINVAL, ENOTSOCK, ECANCELED] = [-9, -22, -88, -125];

const binding = loadBinding();
const gc = globalThis.gc as () => void;
const turn = () => new Promise((resolve) => setImmediate(resolve));
const never = () => assert.fail('called back');

type Result = [result: number, side: 0 | 1];

/** A descriptor and the socket at its other end. */
async function openPair(): Promise<{ fd: number; peer: net.Socket }> {
  const { fd: listening, port } = openListening(5);
  const accepted = new Promise<number>((resolve) => {
    const listener = accept(listening, (result) => {
      binding.operation_cancel(listener);
      resolve(check(result));
    });
  });
  const peer = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(peer, 'connect');
  return { fd: await accepted, peer };
}

function start(first: number, second: number, onEnd: (...result: Result) => void, sizes = [65536, 0]): Pump {
  const started = binding.pump_start(first, second, sizes[0] as number, sizes[1] as number, false, onEnd);
  assert.equal(typeof started, 'object', typeof started === 'number' ? `errno ${started}` : undefined);
  return started as Pump;
}

/** A pump between two sockets of this process. */
async function openPump(onEnd: (...result: Result) => void, sizes?: number[]) {
  const [first, second] = await Promise.all([openPair(), openPair()]);
  const pump = start(first.fd, second.fd, onEnd, sizes);
  return { pump, peers: [first.peer, second.peer] as const };
}

/** The same, whose end is awaited. */
async function openPumpToEnd(sizes?: number[]) {
  let settle: (result: Result) => void;
  const ended = new Promise<Result>((resolve) => {
    settle = resolve;
  });
  return { ...(await openPump((...[result, side]) => settle([result, side]), sizes)), ended };
}

/** All that a socket is sent; unlike stream/consumers', it leaves the socket open. */
async function readAll(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(chunks);
}

/** A carrier between a connection and a pair: the connection's peer, and the holder of the pair's other end. */
async function openCarrier() {
  const { fd, peer } = await openPair();
  const pair = new Int32Array(2);
  check(binding.socket_pair(new Uint8Array(pair.buffer)));
  const [ours, theirs] = pair as unknown as [number, number];
  const holder = new net.Socket({ fd: theirs, readable: true, writable: true, allowHalfOpen: true });
  let settle: (result: Result) => void;
  const ended = new Promise<Result>((resolve) => {
    settle = resolve;
  });
  const pump = binding.pump_start(fd, ours, 65536, 0, true, (...[result, side]) => settle([result, side])) as Pump;
  return { pump, peer, holder, ended };
}

const pattern = (length: number, step: number) => Buffer.from(Array.from({ length }, (_, index) => index * step));

const stages: Record<string, () => Promise<void> | void> = {
  async 'carries both directions to their ends'() {
    for (const sizes of [
      [65536, 0],
      [1000, 77],
    ]) {
      const { pump, peers, ended } = await openPumpToEnd(sizes);
      const [there, back] = [pattern(700_000, 7), pattern(300_000, 11)];
      peers[0].end(there);
      assert.ok(there.equals(await readAll(peers[1])));
      assert.equal(binding.pump_count(pump, 0), there.length);
      peers[1].end(back);
      assert.ok(back.equals(await readAll(peers[0])));
      assert.deepEqual(await ended, [0, 0]);
      assert.deepEqual([binding.pump_count(pump, 0), binding.pump_count(pump, 1)], [there.length, back.length]);
    }
  },
  async 'takes sockets from libuv, what was read goes first'() {
    for (const watched of [false, true]) {
      const links = await Promise.all([openPair(), openPair()]);
      const options = { readable: true, writable: true, manualStart: true };
      const sockets = links.map(({ fd }) => new net.Socket({ fd, ...options }));
      // Then libuv has registered them.
      if (watched) for (const socket of sockets) socket.resume();
      await turn();
      const [first, second] = links.map(({ fd }) =>
        check(binding.socket_exchange(fd, check(binding.socket_open(AF_UNIX, SOCK_DGRAM, 0)))),
      ) as [number, number];
      const heads = [Buffer.from('head, '), new Uint8Array(0)] as const;
      const ended = new Promise<Result>((resolve) => {
        const onEnd = (...[result, side]: Result) => resolve([result, side]);
        check(typeof binding.pump_start(first, second, 65536, 0, false, onEnd, ...heads) === 'object' ? 0 : EINVAL);
      });
      const [there, back] = links.map(({ peer }) => peer) as [net.Socket, net.Socket];
      there.end('body');
      assert.equal(String(await readAll(back)), 'head, body');
      for (const socket of sockets) assert.equal(socket.resume().bytesRead, 0);
      back.end('back');
      assert.equal(String(await readAll(there)), 'back');
      assert.deepEqual(await ended, [0, 0]);
      for (const socket of sockets) socket.destroy();
    }
    assert.equal(binding.socket_exchange(1 << 30, check(binding.socket_open(AF_UNIX, SOCK_DGRAM, 0))), EBADF);
  },
  async 'carries for the holder of a pair, half close included'() {
    const { peer, holder, ended } = await openCarrier();
    const [there, back] = [pattern(700_000, 7), pattern(300_000, 11)];
    holder.end(there);
    assert.ok(there.equals(await readAll(peer)));
    peer.end(back);
    assert.ok(back.equals(await readAll(holder)));
    assert.deepEqual(await ended, [0, 0]);
  },
  async 'the holder of a pair is told of a failure before an end'() {
    const { peer, holder, ended } = await openCarrier();
    const events: string[] = [];
    holder.on('end', () => events.push('end')).on('error', () => {});
    holder.resume();
    peer.resetAndDestroy();
    const [result, side] = await ended;
    events.push('failure');
    holder.destroy();
    await turn();
    assert.ok(result < 0 && side === 0, `${result} of ${side}`);
    assert.deepEqual(events, ['failure']);
  },
  async 'the holder of a pair is gone: what it has sent still arrives'() {
    for (const readsLate of [false, true]) {
      const { pump, peer, holder, ended } = await openCarrier();
      const sent = pattern(3_000_000, 7);
      holder.end(sent);
      await once(holder, 'finish');
      if (!readsLate) assert.ok(sent.equals(await readAll(peer)));
      holder.destroy();
      binding.pump_finish(pump);
      binding.pump_finish(pump);
      if (readsLate) assert.ok(sent.equals(await readAll(peer)));
      assert.deepEqual(await ended, [0, 0]);
      binding.pump_finish(pump);
      peer.destroy();
    }
  },
  async 'a peer that goes'() {
    const { peers, ended } = await openPumpToEnd();
    for (const peer of peers) peer.on('error', () => {});
    const told = once(peers[0].resume(), 'end');
    peers[1].resetAndDestroy();
    const [result, side] = await ended;
    assert.ok(result < 0 && side === 1, `${result} of ${side}`);
    await told;
    peers[0].destroy();
  },
  async 'is cancelled: idle, when nobody reads, twice, in its own callback and after it'() {
    for (const bytes of [0, 20e6]) {
      const result = await new Promise<Result>((resolve) => {
        const opened = openPump(async (...[result, side]) => {
          binding.pump_cancel((await opened).pump);
          resolve([result, side]);
        });
        void opened.then(async ({ pump, peers }) => {
          for (const peer of peers) peer.on('error', () => {});
          peers[0].write(Buffer.alloc(bytes));
          while (binding.pump_count(pump, 0) < bytes / 100) await turn();
          const told = once(peers[1], 'end');
          binding.pump_cancel(pump);
          binding.pump_cancel(pump);
          peers[1].resume();
          await told;
          for (const peer of peers) peer.destroy();
        });
      });
      assert.deepEqual(result, [ECANCELED, 0]);
    }
  },
  async 'goes on when JavaScript forgets it'() {
    const [first, second] = await Promise.all([openPair(), openPair()]);
    const ended = new Promise<Result>((resolve) => {
      (() => start(first.fd, second.fd, (...[result, side]) => resolve([result, side])))();
    });
    for (let i = 0; i < 20; i++) {
      gc();
      await turn();
      first.peer.write('x'.repeat(1000));
    }
    first.peer.end();
    assert.equal((await readAll(second.peer)).length, 20_000);
    second.peer.end();
    assert.deepEqual(await ended, [0, 0]);
    first.peer.destroy();
    gc();
  },
  async 'calls back into a function that throws'() {
    const messages: string[] = [];
    process.on('uncaughtException', (error) => messages.push(error.message));
    const { pump, peers } = await openPump(() => {
      throw new Error('on purpose');
    });
    for (const peer of peers) peer.resume().end();
    while (messages.length === 0) await turn();
    assert.deepEqual(messages, ['on purpose']);
    binding.pump_cancel(pump);
    binding.pump_set_ref(pump, true);
  },
  async 'closes both descriptors when it cannot start, or what it got is no socket'() {
    const before = openDescriptors();
    const [file, other] = [openSync('/dev/null', 'r'), openSync('/dev/null', 'r')];
    assert.deepEqual(await new Promise((resolve) => start(file, other, (...result) => resolve(result[0]))), ENOTSOCK);
    assert.equal(
      binding.pump_start(openSync('/dev/null', 'r'), openSync('/dev/null', 'r'), 0, 0, false, never),
      EINVAL,
    );
    const closed = openSync('/dev/null', 'r');
    closeSync(closed);
    assert.equal(binding.pump_start(openSync('/dev/null', 'r'), closed + 1, 65536, 0, false, never), EBADF);
    assert.deepEqual(openDescriptors(), before);
  },
  async 'many at once'() {
    const pumps = await Promise.all(Array.from({ length: 50 }, () => openPumpToEnd()));
    await Promise.all(
      pumps.map(async ({ peers, ended }, index) => {
        peers[0].end('x'.repeat(1000 * index));
        peers[1].end('y'.repeat(1000 * index));
        const read = await Promise.all(peers.map((peer) => readAll(peer)));
        assert.deepEqual(
          read.map(({ length }) => length),
          [1000 * index, 1000 * index],
        );
        assert.deepEqual(await ended, [0, 0]);
      }),
    );
  },
  async 'process.exit() while it is under way'() {
    const { peers } = await openPump(never);
    await openPump(never);
    peers[0].write(Buffer.alloc(20e6));
    await once(peers[1], 'readable');
    process.exit();
  },
  async 'process.exit() in its callback'() {
    const { peers } = await openPump(() => process.exit());
    for (const peer of peers) peer.resume().end();
    await new Promise(() => {});
  },
  async 'the process ends by itself once it is not referenced'() {
    const { pump, peers } = await openPump(never);
    peers[0].write('x');
    for (const peer of peers) peer.unref();
    binding.pump_set_ref(pump, false);
  },
  async 'a worker ends by itself, is terminated, exits or throws, idle and under way'() {
    await runWorker({ ending: 'nothing', bytes: 0 });
    await runWorker({ ending: 'terminate', bytes: 20e6 });
    const before = { threads: threadCount(), descriptors: openDescriptors() };
    // By itself only when idle: a write under way would keep it.
    await runWorker({ ending: 'nothing', bytes: 0 });
    for (const bytes of [0, 20e6]) {
      for (const ending of ['terminate', 'exit', 'throw', 'callback'] as const) await runWorker({ ending, bytes });
    }
    assert.deepEqual({ threads: threadCount(), descriptors: openDescriptors() }, before);
  },
};

interface Work {
  readonly ending: 'nothing' | 'terminate' | 'exit' | 'throw' | 'callback';
  readonly bytes: number;
}

async function runWorker(work: Work): Promise<void> {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: work });
  worker.on('error', (error) => assert.equal(work.ending, 'throw', error.message));
  // Not once(): it would reject on 'error'.
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  await new Promise((resolve) => worker.once('message', resolve));
  if (work.ending === 'terminate') await worker.terminate();
  await exited;
}

async function workInWorker(): Promise<void> {
  const { ending, bytes } = workerData as Work;
  const onEnd = ending === 'callback' ? () => process.exit() : never;
  const pumps = await Promise.all([openPump(onEnd), openPump(onEnd)]);
  for (const { pump, peers } of pumps) {
    for (const peer of peers) peer.unref().on('error', () => {});
    peers[0].write(Buffer.alloc(bytes));
    while (binding.pump_count(pump, 0) < bytes / 100) await turn();
    if (ending === 'nothing') binding.pump_set_ref(pump, false);
  }
  parentPort?.postMessage('ready');
  await turn();
  if (ending === 'exit') process.exit();
  if (ending === 'throw') throw new Error('thrown on purpose');
  if (ending === 'callback') for (const peer of pumps[0].peers) peer.destroy();
}

await runStages(stages, workInWorker);
