// A host and its guest: two kernels, vhost on one side and virtio on the other. Runs in the host of test/vm/pair.sh,
// while the guest runs test/vsock/guest-shell.py. The last test cuts the guest's power.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect, connectAsync, type HvsockError, localCid, type Socket, VMADDR_CID_HOST, VsockAddress } from 'hvsock';
import { diagnose } from '#src/doctor/diagnose.js';
import { testTransport } from '#src/testing/contract.js';
import { peerProgram } from '../support/commands.ts';
import { makePair } from '../support/pairs.ts';
import { readAll, serve } from '../support/servers.ts';
import { runThrough, testInterop } from './interop.ts';
import { answerDigest, noise, sendForDigest } from './peer.ts';

const GUEST = 3;
const SHELL_PORT = 9999;
const BULK = 200_000_000;
const unboundProgram = fileURLToPath(new URL('../doctor/unbound.js', import.meta.url));
const halfOpen = { allowHalfOpen: true };
const soon = { ...halfOpen, retry: { for: 120_000 } };

const guest = (port: number) => new VsockAddress({ cid: GUEST, port });

/** Runs a script in the guest: what it prints. */
async function run(script: string): Promise<string> {
  const shell = connect(guest(SHELL_PORT), soon);
  return runThrough(shell, shell, script);
}

/** Runs the peer program there, in the background: its process id. */
async function runPeer(...args: (string | number)[]): Promise<string> {
  return (await run(`'${process.execPath}' '${peerProgram}' ${args.join(' ')} >/dev/null 2>&1 & echo $!`)).trim();
}

/** Asks until the answer is yes; a failure is none, while the guest cannot be reached. */
async function until(ask: () => Promise<boolean>): Promise<void> {
  while (!(await ask().catch(() => false))) await setTimeout(500);
}

const stop = (pid: string) => run(`kill -9 ${pid}`);
const qemu = () => Number(readFileSync('/run/guest/pid', 'utf8'));

describe('a host and its guest', { timeout: 900_000 }, () => {
  before(async () => {
    assert.equal(await run('echo up'), 'up\n');
  });

  test('the CIDs of both, as both see them', async (t) => {
    assert.equal(localCid(), VMADDR_CID_HOST);
    const { server, address } = await serve(t, (socket) => socket.end('seen'));
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    assert.equal(await run(`socat -u VSOCK-CONNECT:2:${address.port} -`), 'seen');
    const [peer] = await accepted;
    assert.equal(peer.remoteAddress, `vsock://${GUEST}:${peer.remotePort}`);
    assert.equal(peer.localAddress, `vsock://2:${address.port}`);
    const socket = await connectAsync(guest(SHELL_PORT), soon);
    assert.equal(socket.localAddress, `vsock://2:${socket.localPort}`);
    socket.destroy();
  });

  test('refused, from the host and from the guest', async () => {
    await assert.rejects(connectAsync(guest(4)), { code: 'ECONNRESET', kind: 'refused' });
    const program = `const { connectAsync, localCid } = await import('hvsock');
      console.log(localCid());
      await connectAsync('vsock://host:4').catch((error) => console.log(error.code, error.kind));`;
    assert.equal(await run(`'${process.execPath}' --input-type=module -e "${program}"`), '3\nECONNRESET refused\n');
  });

  test('what the doctor says of the driver of either, and of one whose device was taken from it', async () => {
    const ids = (await diagnose()).map(({ id }) => id);
    assert.ok(ids.includes('host.ready'), ids.join(' '));
    // The connection that starts it does not outlive the device.
    await run(`'${process.execPath}' '${unboundProgram}' >/tmp/found 2>&1 &`);
    await until(async () => (await run('cat /tmp/found')) === 'guest.virtio-idle guest.virtio\n');
  });

  test('no such machine', async () => {
    await assert.rejects(connectAsync({ cid: 44, port: 80 }), { code: 'ENODEV', kind: 'no-vm' });
  });

  test('200 MB from the host to the guest, with equal digests', async () => {
    const pid = await runPeer('answer-digest', 0, 5001);
    await sendForDigest(await connectAsync(guest(5001), soon), BULK);
    await stop(pid);
  });

  test('200 MB from the guest to the host, with equal digests', async (t) => {
    const { address } = await serve(t, answerDigest, halfOpen);
    const script = `'${process.execPath}' '${peerProgram}' send-for-digest 2 ${address.port} ${BULK}`;
    assert.equal(await run(script), 'same\n');
  });

  test('500 connections at once', async () => {
    const pid = await runPeer('echo', 0, 5002);
    await Promise.all(
      Array.from({ length: 500 }, async (_, i) => {
        const socket = connect(guest(5002), soon);
        socket.end(`connection ${i}`);
        assert.equal(String(await readAll(socket)), `connection ${i}`);
      }),
    );
    await stop(pid);
  });

  test('a sender in the guest killed with SIGKILL: the stream ends', async (t) => {
    const { server, address } = await serve(t, (socket) => socket.resume());
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const pid = await runPeer('send-for-ever', 2, address.port);
    const [socket] = await accepted;
    while (socket.bytesRead < 5_000_000) await once(socket, 'data');
    const closed = once(socket, 'close');
    await stop(pid);
    await closed;
  });

  test('a guest that does not answer: ETIMEDOUT after our time, or after the 2 s of the kernel', async (t) => {
    process.kill(qemu(), 'SIGSTOP');
    t.after(() => process.kill(qemu(), 'SIGCONT'));
    for (const [timeout, least] of [
      [300, 290],
      [3000, 2900],
      [undefined, 1900],
    ] as const) {
      const started = performance.now();
      await assert.rejects(connectAsync(guest(SHELL_PORT), { timeout }), { code: 'ETIMEDOUT', kind: 'timeout' });
      const took = performance.now() - started;
      assert.ok(took >= least && took < least + 1500, `${timeout}: ${took} ms`);
    }
    const socket = connect(guest(SHELL_PORT), { signal: AbortSignal.timeout(200) });
    await assert.rejects(once(socket, 'connect'), { kind: 'aborted' });
  });
});

testInterop({ cid: GUEST, ourCid: VMADDR_CID_HOST, run }, 6000);

// Through the guest and back: a relay there connects to us again, so that both ends are here and both kernels between.
const [RELAY_PORT, OUR_PORT] = [7001, 7000];
before(async () => {
  await run(
    `socat -t 600 VSOCK-LISTEN:${RELAY_PORT},fork VSOCK-CONNECT:${VMADDR_CID_HOST}:${OUR_PORT} >/dev/null 2>&1 &`,
  );
});
testTransport({
  name: 'vsock, through a guest and back',
  capabilities: { halfClose: true, addresses: false },
  bulk: 2_000_000,
  makePair: (options) => makePair({ port: OUR_PORT }, () => guest(RELAY_PORT), options),
});

test('the guest powered off in mid-transfer: the writer is told, and the reader ends', {
  timeout: 300_000,
}, async (t) => {
  const { server, address } = await serve(t, (socket) => socket.resume());
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  // The reader first: beside one that sends for ever, a program is long in starting.
  await runPeer('sit', 0, 5003);
  const writing = await connectAsync(guest(5003), soon);
  const writerIsTold = assert.rejects(pipeline(Readable.from(noise(BULK)), writing), { kind: 'reset' });
  await runPeer('send-for-ever', 2, address.port);
  const [reading] = await accepted;
  while (reading.bytesRead < 1_000_000) await once(reading, 'data');
  const readerEnds = new Promise<Error | undefined>((resolve) => {
    let failure: Error | undefined;
    reading.on('error', (error) => {
      failure = error;
    });
    reading.once('close', () => resolve(failure));
  });
  process.kill(qemu(), 'SIGKILL');
  await writerIsTold;
  const failure = (await readerEnds) as HvsockError | undefined;
  assert.ok(failure === undefined || failure.kind === 'reset', `${failure}`);
  await assert.rejects(connectAsync(guest(SHELL_PORT), { timeout: 5000 }), (error: HvsockError) =>
    ['no-vm', 'refused', 'timeout'].includes(error.kind),
  );
});
