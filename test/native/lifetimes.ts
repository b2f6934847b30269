// Every stage of an operation's life at which its environment may end: run by lifetime.test.ts, each in a process of
// its own, plain or under a memory checker.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { openPlaceholder } from '#src/native/adopt.js';
import { loadBinding } from '#src/native/load.js';
import { accept, check, connectAndWait, open, openListening, sockaddr } from '../support/binding-sockets.ts';
import { openDescriptors } from '../support/descriptors.ts';
import { runStages } from '../support/stages.ts';

const ECONNREFUSED = -111;
const EBADF = -9;

const binding = loadBinding();
const gc = globalThis.gc as () => void;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Connects to a port that answers at once, or has been given up. */
function connect(port: number, onEnd: (result: number) => void): void {
  const fd = open();
  const started = binding.connect_start(fd, sockaddr(port), onEnd);
  if (typeof started === 'number') setImmediate(onEnd, started === 0 ? fd : started);
}

const never = () => assert.fail('called back');

/** Leaves a connect and a listener under way. */
async function leavePending(): Promise<void> {
  await connectAndWait(never);
  accept(openListening(5).fd, never);
}

const stages: Record<string, () => Promise<void> | void> = {
  async 'connects, accepts, adopts'() {
    const { fd, port } = openListening(5);
    const accepted: number[] = [];
    const listener = accept(fd, (result) => accepted.push(check(result)));
    const connected = await new Promise<number>((resolve) => connect(port, resolve));
    while (accepted.length === 0) await turn();
    const placeholder = check(openPlaceholder(binding));
    const socket = new net.Socket({ fd: placeholder, readable: true, writable: true });
    check(binding.socket_adopt(check(connected), placeholder));
    const peer = new net.Socket({ fd: accepted[0] as number, readable: true, writable: true });
    peer.end('adopted');
    assert.equal(String((await once(socket, 'data'))[0]), 'adopted');
    socket.destroy();
    binding.operation_cancel(listener);
  },
  async 'is refused'() {
    const { fd, port } = openListening(5);
    binding.socket_close(fd);
    for (let i = 0; i < 50; i++) {
      assert.equal(await new Promise<number>((resolve) => connect(port, resolve)), ECONNREFUSED);
    }
    const late = await new Promise<number>((resolve) => {
      void connectAndWait(resolve).then(({ close }) => close());
    });
    assert.equal(late, ECONNREFUSED);
  },
  async 'is cancelled, twice, and in its own callback'() {
    const { operation, close } = await connectAndWait(never);
    binding.operation_cancel(operation);
    binding.operation_cancel(operation);
    binding.operation_set_ref(operation, false);
    assert.equal(binding.listener_resume(operation), EBADF);
    close();
    const { fd, port } = openListening(5);
    await new Promise<void>((resolve) => {
      const listener = accept(fd, (result) => {
        binding.operation_cancel(listener);
        binding.socket_close(check(result));
        resolve();
      });
      connect(port, (result) => binding.socket_close(check(result)));
    });
    await new Promise<void>((resolve) => {
      const waiting = connectAndWait(async (result) => {
        binding.socket_close(check(result));
        binding.operation_cancel((await waiting).operation);
        (await waiting).close();
        resolve();
      });
      void waiting.then(({ letIn }) => letIn());
    });
  },
  async 'goes on when JavaScript forgets it'() {
    const { fd, port } = openListening(5);
    let accepted = 0;
    (() =>
      accept(fd, (result) => {
        accepted++;
        binding.socket_close(result);
      }))();
    for (let i = 0; i < 20; i++) {
      const connected = new Promise<number>((resolve) => {
        connect(port, resolve);
      });
      gc();
      await turn();
      gc();
      binding.socket_close(check(await connected));
    }
    while (accepted < 20) await turn();
    process.exit();
  },
  async 'calls back into a function that throws'() {
    const { fd, port } = openListening(5);
    const messages: string[] = [];
    process.on('uncaughtException', (error) => messages.push(error.message));
    const listener = accept(fd, (result) => {
      binding.socket_close(check(result));
      throw new Error('accept');
    });
    net.connect(port, '127.0.0.1').on('error', () => {});
    const { letIn, close } = await connectAndWait((result) => {
      binding.socket_close(check(result));
      throw new Error('connect');
    });
    letIn();
    while (messages.length < 2) await turn();
    binding.operation_cancel(listener);
    close();
    assert.deepEqual(messages.sort(), ['accept', 'connect']);
  },
  async 'closes what a function that throws has not taken'() {
    const { fd, port } = openListening(5);
    let thrown = 0;
    process.on('uncaughtException', () => thrown++);
    const listener = accept(fd, () => {
      throw new Error('not taken');
    });
    for (let i = 0; i < 5; i++) {
      const client = net.connect(port, '127.0.0.1').on('error', () => {});
      await once(client.resume(), 'close');
    }
    assert.equal(thrown, 5);
    binding.operation_cancel(listener);
  },
  async 'is called wrongly'() {
    const wrong = binding as unknown as Record<string, (...values: unknown[]) => unknown>;
    for (const name of Object.keys(wrong)) {
      assert.throws(() => wrong[name]?.(), { code: 'ERR_INVALID_ARG_TYPE' }, name);
      assert.throws(() => wrong[name]?.({}, 'x', null), { code: 'ERR_INVALID_ARG_TYPE' }, name);
    }
    assert.throws(() => wrong['connect_start']?.(open(), sockaddr(1), 'no function'));
    assert.throws(() => wrong['listener_start']?.(openListening(1).fd, undefined));
  },
  async 'process.exit() while it is under way'() {
    await leavePending();
    process.exit();
  },
  async 'process.exit() in its callback'() {
    const { fd, port } = openListening(5);
    await leavePending();
    accept(fd, () => process.exit());
    connect(port, () => {});
    await new Promise(() => {});
  },
  async 'the process ends by itself once nothing is referenced'() {
    const { operation, close } = await connectAndWait(() => {});
    binding.operation_set_ref(operation, false);
    binding.operation_set_ref(accept(openListening(5).fd, never), false);
    close();
  },
  async 'a worker ends by itself, is terminated, or exits, while it is under way'() {
    await runWorker('leave pending', 'nothing');
    // From its first stream on, a loop of libuv holds a descriptor in reserve.
    await runWorker('accept for ever', 'terminate while accepting');
    const before = openDescriptors().length;
    for (const how of ['terminate', 'exit', 'throw'] as const) await runWorker('leave pending', how);
    for (let i = 0; i < 5; i++) await runWorker('accept for ever', 'terminate while accepting');
    assert.deepEqual(openDescriptors().length, before, openDescriptors().join(' '));
  },
};

type Ending = 'nothing' | 'terminate' | 'exit' | 'throw' | 'terminate while accepting';

async function runWorker(task: string, ending: Ending): Promise<void> {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { task, ending } });
  worker.on('error', (error) => assert.equal(ending, 'throw', error.message));
  // Not once(): it would reject on 'error'.
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  if (ending.startsWith('terminate')) {
    const port = await new Promise<number>((resolve) => worker.once('message', resolve));
    const clients: net.Socket[] = [];
    const closed: Promise<unknown>[] = [];
    if (ending === 'terminate while accepting') {
      for (let i = 0; i < 30; i++) clients.push(net.connect(port, '127.0.0.1').on('error', () => {}));
      closed.push(...clients.map((client) => new Promise((resolve) => client.once('close', resolve))));
      await once(clients[3] as net.Socket, 'connect');
    }
    await worker.terminate();
    for (const client of clients) client.destroy();
    await Promise.all(closed);
  }
  await exited;
}

async function workInWorker(): Promise<void> {
  const { task, ending } = workerData as { task: string; ending: Ending };
  const { fd, port } = openListening(50);
  // Refused in the end, if this lasts: the port is given up here.
  const { operation, close } = await connectAndWait(() => {});
  close();
  const operations = [
    operation,
    accept(fd, (result) => {
      assert.equal(task, 'accept for ever');
      binding.socket_close(check(result));
    }),
  ];
  parentPort?.postMessage(port);
  if (ending === 'nothing') for (const operation of operations) binding.operation_set_ref(operation, false);
  if (ending === 'exit') process.exit();
  if (ending === 'throw') throw new Error('thrown on purpose');
}

await runStages(stages, workInWorker);
