// One round of each measure, as a JavaScript program does it. It does not know whose sockets they are: `connect` makes
// them, of node:net or of hvsock.
import { once } from 'node:events';
import type net from 'node:net';

export interface SocketOptions {
  readonly onread?: net.OnReadOpts;
}

/** What a round needs. */
export interface Subject {
  readonly connect: (options: SocketOptions) => net.Socket;
  /** The event that says that the connection is there. */
  readonly opened: 'connect' | 'data';
  /** Bytes or repetitions in one round. */
  readonly count: number;
  /** Bytes in one read or write. */
  readonly size: number;
}

/** Runs one round. A number is the result; else the round's time is. */
export type Workload = (subject: Subject) => Promise<number | undefined>;

function closed(socket: net.Socket): Promise<unknown> {
  return once(socket, 'close');
}

function checkReceived(received: number, { count }: Subject): undefined {
  if (received !== count) throw new Error(`${received} bytes came instead of ${count}`);
}

async function receive(subject: Subject): Promise<undefined> {
  let received = 0;
  const callback = (length: number) => {
    received += length;
    return true;
  };
  await closed(subject.connect({ onread: { buffer: Buffer.allocUnsafe(subject.size), callback } }));
  return checkReceived(received, subject);
}

async function receiveData(subject: Subject): Promise<undefined> {
  let received = 0;
  const socket = subject.connect({});
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  await closed(socket);
  return checkReceived(received, subject);
}

async function send({ connect, count, size }: Subject): Promise<undefined> {
  const chunk = Buffer.alloc(size);
  const socket = connect({});
  let left = count;
  const socketOnDrain = () => {
    while (left > 0) {
      left -= size;
      if (!socket.write(chunk)) return;
    }
    socket.end();
  };
  socket.on('drain', socketOnDrain);
  socketOnDrain();
  // The sink closes when it has read the end.
  socket.resume();
  await closed(socket);
}

async function pingpong({ connect, count, size }: Subject): Promise<undefined> {
  const byte = Buffer.alloc(1);
  let left = count;
  const callback = () => {
    if (--left > 0) socket.write(byte);
    else socket.destroy();
    return true;
  };
  const socket = connect({ onread: { buffer: Buffer.allocUnsafe(size), callback } });
  socket.write(byte);
  await closed(socket);
}

async function pingpongData({ connect, count }: Subject): Promise<undefined> {
  const byte = Buffer.alloc(1);
  let left = count;
  const socket = connect({});
  socket.on('data', () => {
    if (--left > 0) socket.write(byte);
    else socket.destroy();
  });
  socket.write(byte);
  await closed(socket);
}

// The last one is seen through to the other side's end: by then that has taken all those before it too.
function connectAndClose({ connect, opened, count }: Subject): Promise<undefined> {
  return new Promise((resolve, reject) => {
    let left = count;
    const next = () => {
      const isLast = --left === 0;
      const socket = connect({});
      socket.on('error', reject);
      socket.once(opened, () => (isLast ? socket.resume().end() : socket.destroy()));
      socket.on('close', () => (isLast ? resolve(undefined) : next()));
    };
    next();
  });
}

/** Connects that wait at once; a backlog holds no more than net.core.somaxconn of them. */
const WAITING_AT_ONCE = 1000;

/** Once all are open, each sends some bytes of its own and gets them back, or the round fails. */
async function crowd({ connect, count }: Subject): Promise<undefined> {
  const sockets: net.Socket[] = [];
  while (sockets.length < count) {
    const wave = Array.from({ length: Math.min(WAITING_AT_ONCE, count - sockets.length) }, () => connect({}));
    await Promise.all(wave.map((socket) => once(socket, 'connect')));
    sockets.push(...wave);
  }
  const one = async (socket: net.Socket, number: number) => {
    socket.end(`connection ${number}`);
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    if (answer !== `connection ${number}`) throw new Error(`connection ${number} got back ${JSON.stringify(answer)}`);
  };
  await Promise.all(sockets.map(one));
  return undefined;
}

const OPENED_AT_ONCE = 32;

/** Resident bytes for each of `count` connections that lie idle. For one round in a fresh process. */
async function idle({ connect, count }: Subject): Promise<number> {
  const sockets: net.Socket[] = [];
  const open = async (upTo: number) => {
    while (sockets.length < upTo) {
      const socket = connect({});
      sockets.push(socket);
      await once(socket, 'connect');
    }
  };
  const openAll = (upTo: number) => Promise.all(Array.from({ length: OPENED_AT_ONCE }, () => open(upTo)));
  // What the first connections load and compile is not the cost of one more.
  await openAll(OPENED_AT_ONCE * 4);
  const opened = sockets.length;
  const before = await residentBytes();
  await openAll(opened + count);
  const after = await residentBytes();
  const result = (after - before) / (sockets.length - opened);
  for (const socket of sockets) socket.destroy();
  return result;
}

async function residentBytes(): Promise<number> {
  if (gc === undefined) throw new Error('this needs --expose-gc');
  for (let i = 0; i < 3; i++) {
    gc();
    await new Promise(setImmediate);
  }
  return process.memoryUsage.rss();
}

export const workloads: Readonly<Record<string, Workload>> = {
  receive,
  'receive-data': receiveData,
  send,
  pingpong,
  'pingpong-data': pingpongData,
  connect: connectAndClose,
  crowd,
  idle,
};
