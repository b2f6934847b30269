// The contract suite over framed connections: to their users they are what sockets are, half close included, also where
// the socket beneath has none and loses its last bytes.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { type AddressLike, connectAsync, createServer, type FramedSocket, type StreamOptions } from 'hvsock';
import { Emulator, type Pair } from 'hvsock/testing';
import { testTransport } from '#src/testing/contract.js';

const emulator = await Emulator.create();
const directory = mkdtempSync(join(tmpdir(), 'hvsock-'));
after(async () => {
  await emulator.close();
  rmSync(directory, { recursive: true });
});
const [sound, lossy, exposed] = [3, 4, 5].map((cid) => emulator.guest(cid)) as [Guest, Guest, Guest];
type Guest = ReturnType<typeof emulator.guest>;
await lossy.setFaults({ halfClose: false, loseAtShutdown: 1000 });
const firecracker = join(directory, 'vm.sock');
await exposed.expose({ firecracker });

let port = 1000;

async function makePair(guest: Guest, reach: () => AddressLike, options: StreamOptions): Promise<Pair> {
  port++;
  const framed = { ...options, framed: true } as const;
  const listener = await createServer(framed).listen({ port }, { partition: guest.partition });
  const accepted = once(listener, 'connection') as Promise<[FramedSocket]>;
  const client = await connectAsync(reach(), { ...framed, partition: emulator.host });
  const [server] = await accepted;
  return {
    // A stream.Duplex with as much of net.Socket as the suite asks for.
    client: client as unknown as net.Socket,
    server: server as unknown as net.Socket,
    async close() {
      client.destroy();
      server.destroy();
      await listener[Symbol.asyncDispose]();
    },
  };
}

testTransport({
  name: 'framed, over emulated vsock',
  capabilities: { halfClose: true, addresses: true },
  makePair: (options) => makePair(sound, () => ({ cid: 3, port }), options),
});

testTransport({
  name: 'framed, over a guest that has no half close and loses the last 1000 bytes',
  capabilities: { halfClose: true, addresses: true },
  makePair: (options) => makePair(lossy, () => ({ cid: 4, port }), options),
  bulk: 1024 * 1024,
});

testTransport({
  name: "framed, over Firecracker's socket",
  capabilities: { halfClose: true, addresses: false },
  makePair: (options) => makePair(exposed, () => `firecracker://:${port}${firecracker}`, options),
});
