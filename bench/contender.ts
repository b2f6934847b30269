// A process that is measured: `contender.js net|hvsock WORKLOAD ADDRESS COUNT SIZE`. It says "ready", runs one round for
// each line of its input and prints the result, which is seconds unless the workload has another.
// With the workload `accept` it is a server, and another process measures.
import net from 'node:net';
import { createInterface } from 'node:readline';
import { connect, createServer } from 'hvsock';
import { type SocketOptions, type Subject, workloads } from './workload.ts';

const [layer = '', name = '', address = '', count = '1', size = '65536'] = process.argv.slice(2);

/** The path of a unix address. */
function pathOf(unixAddress: string): string {
  return new URL(unixAddress).pathname;
}

function connectNet(options: SocketOptions): net.Socket {
  return net.connect({ path: pathOf(address), ...options });
}

function connectHvsock(options: SocketOptions): net.Socket {
  return connect(address, options);
}

async function listen(): Promise<void> {
  const socketOnConnection = (socket: net.Socket) => {
    socket.resume();
  };
  if (layer === 'hvsock') await createServer(socketOnConnection).listen(address, { backlog: 4096 });
  else await new Promise<void>((resolve) => net.createServer(socketOnConnection).listen(pathOf(address), resolve));
}

async function runRounds(): Promise<void> {
  const workload = workloads[name];
  if (workload === undefined) throw new Error(`no workload ${name}`);
  const subject: Subject = {
    connect: layer === 'hvsock' ? connectHvsock : connectNet,
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

if (name === 'accept') {
  await listen();
  console.log('ready');
  // Not to be left behind by a benchmark that was killed.
  process.stdin.resume().on('end', () => process.exit());
} else {
  await runRounds();
}
