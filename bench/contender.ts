// A process that is measured: `contender.js net|hand|hvsock WORKLOAD ADDRESS COUNT SIZE`. It says "ready", runs one round for
// each line of its input and prints the result, which is seconds unless the workload has another.
// With the workload `accept` or `echo` it is a server, and another process measures.
import { once } from 'node:events';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { connect, createServer } from 'hvsock';
import { type SocketOptions, type Subject, workloads } from './workload.ts';

const [layer = '', name = '', address = '', count = '1', size = '65536'] = process.argv.slice(2);

const BACKLOG = 8192;

/** The path of a unix or firecracker address. */
function pathOf(hybridAddress: string): string {
  return hybridAddress.replace(/^\w+:\/\/(:\d+)?/, '');
}

function connectNet(options: SocketOptions): net.Socket {
  return net.connect({ path: pathOf(address), ...options });
}

/** Firecracker's handshake as one writes it for a start: whatever is answered means that it is over. */
function connectByHand(options: SocketOptions): net.Socket {
  const socket = connectNet(options);
  socket.write('CONNECT 52\n');
  return socket;
}

function connectHvsock(options: SocketOptions): net.Socket {
  return connect(address, options);
}

async function listen(): Promise<void> {
  const socketOnConnection = (socket: net.Socket) => {
    if (name === 'echo') socket.pipe(socket);
    else socket.resume();
  };
  const options = { allowHalfOpen: name === 'echo' };
  if (layer === 'hvsock') await createServer(options, socketOnConnection).listen(address, { backlog: BACKLOG });
  else {
    const server = net.createServer(options, socketOnConnection);
    server.listen({ path: pathOf(address), backlog: BACKLOG });
    await once(server, 'listening');
  }
}

async function runRounds(): Promise<void> {
  const workload = workloads[name];
  if (workload === undefined) throw new Error(`no workload ${name}`);
  const subject: Subject = {
    connect: { hvsock: connectHvsock, hand: connectByHand }[layer] ?? connectNet,
    opened: layer === 'hand' ? 'data' : 'connect',
    count: Number(count),
    size: Number(size),
  };
  console.log('ready');
  for await (const _ of createInterface({ input: process.stdin })) {
    const start = performance.now();
    const result = await workload(subject);
    console.log(String(result ?? (performance.now() - start) / 1000));
  }
}

if (name === 'accept' || name === 'echo') {
  await listen();
  console.log('ready');
  // Not to be left behind by a benchmark that was killed.
  process.stdin.resume().on('end', () => process.exit());
} else {
  await runRounds();
}
