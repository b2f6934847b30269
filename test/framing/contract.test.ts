// The contract suite over framed connections: to their users they are what sockets are, half close included, also where
// the socket beneath has none and loses its last bytes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { AddressLike, StreamOptions } from 'hvsock';
import { Emulator } from 'hvsock/testing';
import { testTransport } from '#src/testing/contract.js';
import { noUnixSockets } from '../support/capabilities.ts';
import { makePair } from '../support/pairs.ts';

const emulator = await Emulator.create();
const directory = mkdtempSync(join(tmpdir(), 'hvsock-'));
after(async () => {
  await emulator.close();
  rmSync(directory, { recursive: true });
});
const firecracker = join(directory, 'vm.sock');
await emulator.guest(4).setFaults({ halfClose: false, loseAtShutdown: 1000 });
if (noUnixSockets === false) await emulator.guest(5).expose({ firecracker });

let port = 1000;

/** To the next port of a guest. */
const framedPair = (cid: number, reach: () => AddressLike) => (options: StreamOptions) => {
  const places = { server: emulator.guest(cid).partition, client: emulator.host };
  return makePair({ port: ++port }, reach, { ...options, framed: true }, places);
};

testTransport({
  name: 'framed, over emulated vsock',
  capabilities: { halfClose: true, addresses: true },
  makePair: framedPair(3, () => ({ cid: 3, port })),
});

testTransport({
  name: 'framed, over a guest that has no half close and loses the last 1000 bytes',
  capabilities: { halfClose: true, addresses: true },
  makePair: framedPair(4, () => ({ cid: 4, port })),
  bulk: 1024 * 1024,
});

testTransport({
  name: "framed, over Firecracker's socket",
  skip: noUnixSockets,
  capabilities: { halfClose: true, addresses: false },
  makePair: framedPair(5, () => `firecracker://:${port}${firecracker}`),
});
