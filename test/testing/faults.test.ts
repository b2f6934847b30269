// What goes wrong on purpose between emulated machines.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, afterEach, describe, test } from 'node:test';
import {
  connect,
  connectAsync,
  createServer,
  type HvsockError,
  type Server,
  type Socket,
  VMADDR_PORT_ANY,
  type VsockAddress,
} from 'hvsock';
import { Emulator, type Faults, testTransport } from 'hvsock/testing';
import { media } from '../support/capabilities.ts';
import { makePair } from '../support/pairs.ts';

/** All that comes; unlike node:stream/consumers, leaves the other direction open. */
async function received(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(chunks);
}

const text = async (socket: Socket) => `${await received(socket)}`;

for (const medium of media) {
  const emulator = await Emulator.create(undefined, { medium });
  after(() => emulator.close());
  const { host } = emulator;
  const guest = emulator.guest(3);

  /** Connects from the host to a port of the guest. */
  async function pair(server: Server, port: number): Promise<[Socket, Socket]> {
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = await connectAsync({ cid: guest.partition.cid, port }, { partition: host, allowHalfOpen: true });
    return [client, (await accepted)[0]];
  }

  const serve = (port: number) =>
    createServer({ allowHalfOpen: true }).listen({ port }, { partition: guest.partition });

  for (const [name, faults] of [
    ['nothing', {}],
    ['pieces and delay', { split: 30_000, delay: 1, seed: 7 }],
    ['merging', { merge: 5000 }],
  ] as [string, Faults][]) {
    testTransport({
      name: `through a gate over ${medium}, with ${name}`,
      capabilities: { halfClose: true, addresses: true },
      async makePair(options) {
        await guest.setFaults(faults);
        const reach = (server: Server) => ({ cid: 3, port: (server.address() as VsockAddress).port });
        const places = { server: guest.partition, client: host };
        return makePair({ port: VMADDR_PORT_ANY }, reach, options, places);
      },
    });
  }

  describe(`faults over ${medium}`, { timeout: 30_000 }, () => {
    afterEach(() => guest.setFaults({}));

    test('refuse, always or by chance, the same chances for the same seed', async () => {
      await using server = await serve(2001);
      server.on('connection', (socket: Socket) => socket.end());
      await guest.setFaults({ refuse: true });
      const options = { partition: host };
      await assert.rejects(connectAsync('vsock://3:2001', options), { kind: 'refused', code: 'ECONNRESET' });
      const runs: string[] = [];
      for (const seed of [1, 1, 2]) {
        await guest.setFaults({ refuse: 0.5, seed });
        let run = '';
        for (let i = 0; i < 40; i++) {
          run += await connectAsync('vsock://3:2001', options).then(
            (socket) => {
              socket.destroy();
              return '+';
            },
            () => '-',
          );
        }
        runs.push(run);
      }
      const [first, second, other] = runs;
      assert.equal(first, second);
      assert.notEqual(first, other);
      assert.match(first ?? '', /^(?=.*\+)(?=.*-)/);
      await guest.setFaults({ refuse: 0.5, seed: 1 });
      (await connectAsync('vsock://3:2001', { ...options, retry: { for: 30_000 } })).destroy();
    });

    test('delay: of connects, bytes and ends', async () => {
      await using server = await serve(2002);
      await guest.setFaults({ delay: 150 });
      const before = performance.now();
      await assert.rejects(connectAsync('vsock://3:2002', { partition: host, timeout: 50 }), { kind: 'timeout' });
      const [client, socket] = await pair(server, 2002);
      assert.ok(performance.now() - before >= 200);
      const sent = performance.now();
      client.end('late');
      assert.equal(await text(socket), 'late');
      assert.ok(performance.now() - sent >= 149);
      socket.end('later');
      assert.equal(await text(client), 'later');
      assert.ok(performance.now() - sent >= 298);
    });

    test('drop: what comes after is lost, and nobody is told', async () => {
      await using server = await serve(2003);
      await guest.setFaults({ dropAfter: 10 });
      const [client, socket] = await pair(server, 2003);
      client.end('0123456789abcdef');
      const [data] = await once(socket, 'data');
      assert.equal(`${data}`, '0123456789');
      socket.end('answer');
      assert.equal(await text(client), 'answer');
      assert.ok(!socket.readableEnded);
      socket.destroy();
    });

    test('reset after so many bytes', async () => {
      await using server = await serve(2004);
      await guest.setFaults({ resetAfter: 10 });
      const [client, socket] = await pair(server, 2004);
      // Where a reset cannot be told, the end is.
      const told = [client, socket].map(
        (end) =>
          new Promise<HvsockError | undefined>((resolve) => end.resume().on('error', resolve).once('end', resolve)),
      );
      client.write('0123456789abcdef');
      for (const error of await Promise.all(told)) assert.ok(error === undefined || error.kind === 'reset');
      assert.ok(socket.bytesRead <= 10);
      client.destroy();
      socket.destroy();
    });

    test('segments: split into many, merged into few', async () => {
      await using server = await serve(2005);
      const payload = randomBytes(20_000);
      const counts: number[] = [];
      for (const faults of [{ split: 100, seed: 3 }, { merge: 20_000 }]) {
        await guest.setFaults(faults);
        const [client, socket] = await pair(server, 2005);
        let segments = 0;
        const received: Buffer[] = [];
        socket.on('data', (data: Buffer) => {
          segments++;
          received.push(data);
        });
        for (let i = 0; i < payload.length; i += 1000) client.write(payload.subarray(i, i + 1000));
        client.end();
        await once(socket, 'end');
        assert.deepEqual(Buffer.concat(received), payload);
        counts.push(segments);
        socket.end();
        client.resume();
        await once(client, 'close');
      }
      const [split = 0, merged = 0] = counts;
      assert.ok(split > 100, `${split} segments`);
      assert.ok(merged <= 2, `${merged} segments`);
    });

    test('no half close: the answer to an end is lost', async () => {
      await using server = await serve(2006);
      await guest.setFaults({ halfClose: false });
      const [client, socket] = await pair(server, 2006);
      // Either end may come first.
      const answered = text(client);
      client.end('question');
      assert.equal(await text(socket), 'question');
      assert.equal(await answered, '');
      const closed = new Promise((resolve) => socket.on('error', () => {}).once('close', resolve));
      socket.end('answer');
      await closed;
    });

    test('bytes in flight are lost at shutdown, and no more than these', async () => {
      await using server = await serve(2007);
      await guest.setFaults({ loseAtShutdown: 1000 });
      const payload = randomBytes(300_000);
      const [client, socket] = await pair(server, 2007);
      client.end(payload);
      assert.deepEqual(await received(socket), payload.subarray(0, -1000));
      socket.end('short');
      assert.equal(await text(client), '');
      // What has had its time arrives.
      const [again, other] = await pair(server, 2007);
      again.write('hello');
      assert.equal(`${(await once(other, 'data'))[0]}`, 'hello');
      again.end();
      other.resume().end();
      await once(other, 'close');
    });

    test('suspended, a machine is silent; resumed, nothing is lost', async () => {
      await using server = await serve(2008);
      await guest.setFaults({});
      const [client, socket] = await pair(server, 2008);
      await guest.suspend();
      // In pieces: Windows may take a single send of any length.
      const pieces = Array.from({ length: 300 }, () => randomBytes(65_536));
      let received = 0;
      socket.on('data', (data: Buffer) => {
        received += data.length;
      });
      Readable.from(pieces).pipe(client);
      // Longer than the two seconds that a connect waits.
      await assert.rejects(connectAsync('vsock://3:2008', { partition: host }), { code: 'ETIMEDOUT' });
      assert.equal(received, 0);
      assert.ok(client.writableLength > 0, 'the sender is held back');
      // The one whose client has given up may be among them, as an end or as a reset.
      server.on('connection', (other: Socket) => {
        other.on('error', () => {});
        other.resume().end();
      });
      const waiting = connectAsync('vsock://3:2008', { partition: host, timeout: 10_000 });
      await guest.resume();
      (await waiting).resume();
      await once(socket, 'end');
      assert.equal(received, pieces.length * 65_536);
      socket.end();
      client.resume();
    });

    test('a machine whose CID changes: connections end, listeners are reached under the new one', async () => {
      await using server = await serve(2009);
      await guest.setFaults({});
      const [client, socket] = await pair(server, 2009);
      const ended = Promise.all(
        [client, socket].map((end) => new Promise((resolve) => end.on('error', resolve).resume().once('end', resolve))),
      );
      await guest.changeCid(9);
      await ended;
      client.destroy();
      socket.destroy();
      assert.equal(guest.partition.cid, 9);
      await assert.rejects(connectAsync('vsock://3:2009', { partition: host }), { kind: 'no-vm' });
      await using onHost = await createServer().listen('vsock://:2009', { partition: host });
      const met = once(onHost, 'connection') as Promise<[Socket]>;
      const out = await connectAsync('vsock://2:2009', { partition: guest.partition });
      assert.match((await met)[0].remoteAddress ?? '', /^vsock:\/\/9:/);
      out.destroy();
      (await met)[0].destroy();
      const [renamed, other] = await pair(server, 2009);
      assert.equal(other.localAddress, 'vsock://9:2009');
      renamed.destroy();
      other.destroy();
      await assert.rejects(guest.changeCid(9), /cid must be a CID that no machine has/);
      await guest.changeCid(3);
      (await pair(server, 2009)).forEach((end) => {
        end.destroy();
      });
    });

    test('who makes faults is killed: the next connect goes as if there had been none', async () => {
      const machine = emulator.guest(10).partition;
      await using server = await createServer().listen({ port: 2010 }, { partition: machine });
      server.on('connection', (socket: Socket) => socket.end('here'));
      const script = `
        import { Emulator } from 'hvsock/testing';
        const emulator = await Emulator.create(process.env.HVSOCK_EMULATOR);
        await emulator.guest(10).setFaults({ refuse: true });
        console.log('refusing');
      `;
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        env: { ...process.env, HVSOCK_EMULATOR: emulator.directory },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      const options = { partition: host, allowHalfOpen: false };
      await assert.rejects(connectAsync('vsock://10:2010', options), { kind: 'refused' });
      child.kill('SIGKILL');
      await once(child, 'close');
      // At once: both find it so.
      for (const socket of await Promise.all([1, 2].map(() => connectAsync('vsock://10:2010', options)))) {
        assert.equal(await text(socket), 'here');
      }
      assert.deepEqual(readdirSync(join(emulator.directory, '10')).sort(), ['2010', 'vm-id']);
    });

    test('what cannot be meant is refused, and named', async () => {
      for (const [faults, message] of [
        [{ refuse: 2 }, /refuse must be true, or a number from 0 to 1/],
        [{ delay: -1 }, /delay must be an integer from 0/],
        [{ split: 0 }, /split must be an integer from 1/],
        [{ loseAtShutdown: 0.5 }, /loseAtShutdown must be/],
        [{ halfClose: 'no' as never }, /halfClose must be a boolean/],
      ] as [Faults, RegExp][]) {
        await assert.rejects(guest.setFaults(faults), message);
      }
      const socket = connect('vsock://2:9', { partition: guest.partition });
      const [error] = await once(socket, 'error');
      assert.equal(error.kind, 'refused');
    });
  });
}
