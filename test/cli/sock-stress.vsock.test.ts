// sock_stress over AF_VSOCK: runs in a kernel of its own (test/vm), over loopback.
import '../support/lab.ts';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createServer } from 'hvsock';
import { testStressInterop } from './sock-stress-interop.ts';
import { runClient, startServer } from './sock-stress-process.ts';

// Only where loopback is CID 1's owner may anything connect: elsewhere the requests go to the host of this machine.
const probe = createServer();
await probe.listen('vsock://1:any');
probe.close();

test('two thousand connections side by side, and nothing is lost', { timeout: 120_000 }, async (t) => {
  const { server, address } = await startServer(t, ['-s', 'vsock://1:any']);
  const { status, summary, stderr } = await runClient(t, ['-c', address, '-i', '2000', '-p', '32', '-B', '1']);
  assert.deepEqual(summary.connections, { succeeded: 2000, failed: 0, unfinished: 0 }, stderr);
  assert.equal(summary.received, summary.sent);
  assert.equal(status, 0);
  const ending = await server.stop();
  assert.match(ending.stdout, /^connections {2}2,000 succeeded, 0 failed, 0 unfinished\nfailures {5}none\n/m);
  assert.equal(ending.status, 0);
});

test('nobody listens: each connection is refused', { timeout: 60_000 }, async (t) => {
  const { status, summary } = await runClient(t, ['-c', 'vsock://1:2', '-i', '20', '-p', '4']);
  assert.deepEqual([summary.failures, status], [{ refused: 20 }, 1]);
});

let port = 30_000;

describe('with the programs that everybody has', () => {
  testStressInterop({
    freshAddress: () => `vsock://1:${++port}`,
    socat: (address, verb) => `VSOCK-${verb}:${verb === 'LISTEN' ? '' : '1:'}${portOf(address)}`,
    python: (address) => ['AF_VSOCK', `(1, ${portOf(address)})`],
    ncat: (address) => ['--vsock', '1', portOf(address)],
  });
});

const portOf = (address: string) => address.slice(address.lastIndexOf(':') + 1);
