// The framed shutdown: its bytes, its ends, and what it is for.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { connectAsync, createServer, FramedSocket, HvsockError, type Socket } from 'hvsock';
import { Emulator } from 'hvsock/testing';
import { encodeControl, encodeData, FrameParser } from '#src/framing/shutdown-protocol.js';
import { noUnixSockets } from '../support/capabilities.ts';

const emulator = await Emulator.create();
after(() => emulator.close());
const { host } = emulator;
const guest = emulator.guest(3);
const peerProgram = fileURLToPath(new URL('../../../../test/framing/peer.py', import.meta.url));
let port = 2000;

/** Both ends of a connection through the guest's gate: unframed. */
async function rawPair(): Promise<[Socket, Socket]> {
  const options = { allowHalfOpen: true };
  const server = await createServer(options).listen({ port: ++port }, { partition: guest.partition });
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = await connectAsync({ cid: 3, port }, { ...options, partition: host });
  const [socket] = await accepted;
  server.close();
  return [client, socket];
}

async function framedPair(): Promise<[FramedSocket, FramedSocket]> {
  const [client, server] = await rawPair();
  return [new FramedSocket(client), new FramedSocket(server)];
}

/** All that comes; leaves the other direction open. */
async function received(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return Buffer.concat(chunks);
}

const errorOf = async (stream: NodeJS.EventEmitter) => (await once(stream, 'error'))[0] as HvsockError;

describe('the bytes', () => {
  test('golden vectors', () => {
    assert.equal(encodeControl('shutdown-read').toString('hex'), 'efbeadde');
    assert.equal(encodeControl('shutdown-write').toString('hex'), 'addeefbe');
    assert.equal(encodeControl('close').toString('hex'), 'addeadde');
    assert.equal(Buffer.concat([...encodeData(Buffer.from('hello'))]).toString('hex'), '0500000068656c6c6f');
    const lengths = [...encodeData(Buffer.alloc(4097))]
      .filter((_, index) => index % 2 === 0)
      .map((piece) => Buffer.from(piece).readUInt32LE());
    assert.deepEqual(lengths, [4096, 1]);
    assert.deepEqual([...encodeData(Buffer.alloc(0))], []);
  });

  test('whatever was encoded is parsed, cut anywhere', () => {
    const item = fc.oneof(
      fc.constantFrom('shutdown-read' as const, 'shutdown-write' as const, 'close' as const),
      fc.uint8Array({ maxLength: 5000, size: 'max' }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(fc.array(item, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 3000 })), (items, cuts) => {
        const bytes = Buffer.concat(
          items.flatMap((item) => (typeof item === 'string' ? [encodeControl(item)] : [...encodeData(item)])),
        );
        const parser = new FrameParser();
        let shown = '';
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          for (const frame of parser.parse(bytes.subarray(at, at + cut))) {
            shown += typeof frame === 'string' ? `<${frame}>` : Buffer.from(frame).toString('hex');
          }
          at = Math.min(bytes.length, at + cut);
        }
        parser.end();
        assert.equal(
          shown,
          items.map((item) => (typeof item === 'string' ? `<${item}>` : item.toString('hex'))).join(''),
        );
      }),
      { numRuns: 2000 },
    );
  });

  test('any bytes are frames or a protocol error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const parser = new FrameParser();
        try {
          for (const frame of parser.parse(bytes)) assert.ok(frame.length > 0);
          parser.end();
        } catch (error) {
          assert.ok(error instanceof HvsockError, String(error));
          assert.equal(error.code, 'ERR_HVSOCK_PROTOCOL');
        }
      }),
      { numRuns: 20_000 },
    );
    assert.throws(() => [...new FrameParser().parse(Buffer.from('GET '))], /0x20544547 begins no frame/);
    assert.throws(() => [...new FrameParser().parse(Buffer.from([1, 16, 0, 0]))], /0x00001001/);
  });
});

describe('the reader', () => {
  /** A framed socket over a stream that only this test writes into. */
  function framedOverNothing(): {
    framed: FramedSocket;
    sent: () => string;
    receive(bytes: Buffer): void;
    end(): void;
  } {
    const chunks: Buffer[] = [];
    const beneath = new Duplex({
      read() {},
      write(chunk, _encoding, callback) {
        chunks.push(chunk);
        callback();
      },
    });
    return {
      framed: new FramedSocket(beneath),
      sent: () => Buffer.concat(chunks).toString('hex'),
      receive: (bytes) => beneath.emit('data', bytes),
      end: () => beneath.push(null),
    };
  }

  /** A 'data' listener starts the flow in the next turn. */
  const flowing = () => new Promise((resolve) => setImmediate(resolve));

  test('keeps no data: each byte of a frame is handed on when it is there', () => {
    const parser = new FrameParser();
    const [header = Buffer.alloc(0)] = encodeData(Buffer.alloc(4096));
    for (let round = 0; round < 3; round++) {
      for (const byte of header) assert.deepEqual([...parser.parse(Buffer.of(byte))], []);
      for (let at = 0; at < 4096; at++) assert.deepEqual([...parser.parse(Buffer.of(at & 255))], [Buffer.of(at & 255)]);
    }
  });

  test('a listener that throws costs no byte behind', async () => {
    const { framed, receive } = framedOverNothing();
    let read = '';
    framed.on('data', (data) => {
      read += data;
      if (`${data}` === 'one') throw new Error('mine');
    });
    await flowing();
    const frames = ['one', 'two', 'three'].flatMap((word) => [...encodeData(Buffer.from(word))]);
    assert.throws(() => receive(Buffer.concat([...frames, encodeControl('shutdown-write')])), /^Error: mine$/);
    await once(framed, 'end');
    assert.equal(read, 'onetwothree');
  });

  test('shutdownRead() in the middle of frames: said once, and the rest is dropped', async () => {
    const { framed, sent, receive } = framedOverNothing();
    framed.once('data', () => framed.shutdownRead().shutdownRead());
    await flowing();
    receive(Buffer.concat(['one', 'two'].flatMap((word) => [...encodeData(Buffer.from(word))])));
    await once(framed, 'end');
    assert.equal(sent(), 'efbeadde');
    assert.equal(framed.bytesRead, 3);
  });

  test('a Close says that all was read, and ShutdownRead comes before one that does not', async () => {
    const question = Buffer.concat([...encodeData(Buffer.from('question')), encodeControl('shutdown-write')]);
    const [reader, quitter] = [framedOverNothing(), framedOverNothing()];
    for (const { receive } of [reader, quitter]) receive(question);
    reader.framed.resume();
    await once(reader.framed, 'end');
    for (const { framed, receive } of [reader, quitter]) {
      framed.destroy();
      receive(encodeControl('close'));
      await once(framed, 'close');
    }
    assert.equal(reader.sent(), 'addeadde');
    assert.equal(quitter.sent(), 'efbeaddeaddeadde');
  });

  test('a close waits for Close, ShutdownRead or the end, and for nothing else', async () => {
    for (const close of ['close', 'shutdown-read', 'end'] as const) {
      const { framed, receive, end } = framedOverNothing();
      framed.destroy();
      receive(Buffer.concat([...encodeData(Buffer.from('unwanted')), encodeControl('shutdown-write')]));
      await flowing();
      assert.equal(framed.closed, false);
      if (close === 'end') end();
      else receive(encodeControl(close));
      await once(framed, 'close');
      await assert.rejects(framed.drained, { kind: 'reset' });
    }
  });

  test('a Close is answered when what came before it has been read', async () => {
    const { framed, sent, receive } = framedOverNothing();
    receive(Buffer.concat([...encodeData(Buffer.from('last words')), encodeControl('close')]));
    await flowing();
    assert.equal(sent(), '');
    assert.equal(`${framed.read()}`, 'last words');
    await once(framed.resume(), 'end');
    assert.equal(sent(), 'addeadde');
    const told = new Promise((resolve) => framed.write('nobody reads this', resolve));
    await once(framed, 'close');
    assert.equal(((await told) as HvsockError).code, 'EPIPE');
  });
});

describe('a framed connection', { timeout: 30_000 }, () => {
  test('half close: question, answer, and both know that all has arrived', async () => {
    const [client, server] = await framedPair();
    assert.equal(`${client.remoteEndpoint}`, `vsock://3:${port}`);
    const question = randomBytes(300_000);
    client.end(question);
    assert.deepEqual(await received(server), question);
    server.end('answer');
    assert.equal(`${await received(client)}`, 'answer');
    await Promise.all([client.drained, server.drained]);
  });

  test('where the socket loses half close and its last bytes, raw and framed side by side', async () => {
    await guest.setFaults({ halfClose: false, loseAtShutdown: 1000 });
    const question = randomBytes(50_000);
    const [rawClient, rawServer] = await rawPair();
    rawServer.on('error', () => {});
    // Either end may come first.
    const answered = received(rawClient);
    rawClient.end(question);
    assert.equal((await received(rawServer)).length, 49_000);
    rawServer.end('answer');
    assert.equal((await answered).length, 0);

    const [client, server] = await framedPair();
    client.end(question);
    assert.deepEqual(await received(server), question);
    server.end('answer');
    assert.equal(`${await received(client)}`, 'answer');
    await Promise.all([client.drained, server.drained]);
    await guest.setFaults({});
  });

  test('backpressure both ways', async () => {
    const [client, server] = await framedPair();
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      const sent = createHash('sha256');
      const chunk = randomBytes(65_536);
      let chunks = 0;
      const fill = () => {
        do {
          chunks++;
          sent.update(chunk);
        } while (from.write(chunk));
      };
      fill();
      // It may drain into the kernel's buffers a few times; then it stops.
      while (await Promise.race([once(from, 'drain'), new Promise((resolve) => setTimeout(resolve, 200, false))]))
        fill();
      assert.ok(chunks < 200, `${chunks} chunks`);
      from.end();
      const hash = createHash('sha256');
      for await (const data of to.iterator({ destroyOnReturn: false })) hash.update(data);
      assert.equal(hash.digest('hex'), sent.digest('hex'));
    }
    await Promise.all([client.drained, server.drained]);
  });

  test('shutdownRead(): the other side’s writes fail, this side’s arrive', async () => {
    const [client, server] = await framedPair();
    client.shutdownRead();
    const failed = errorOf(server);
    server.resume();
    const timer = setInterval(() => server.write('unwanted'), 1);
    const error = await failed;
    clearInterval(timer);
    assert.deepEqual([error.code, error.kind], ['EPIPE', 'reset']);
    await assert.rejects(server.drained, { code: 'EPIPE' });
    client.on('error', () => {}).destroy();
  });

  test('drained: not before the other side’s program has read everything, and not when it never will', async () => {
    for (const readsIt of [true, false]) {
      const [client, server] = await framedPair();
      client.resume().end('question');
      let settled = false;
      client.drained
        .catch(() => {})
        .finally(() => {
          settled = true;
        });
      server.end();
      // The client has ended and has heard the end: it is closing, and waits.
      await once(client, 'end');
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(settled, false);
      if (readsIt) server.resume();
      else server.destroy();
      if (readsIt) await client.drained;
      else await assert.rejects(client.drained, { code: 'EPIPE', kind: 'reset' });
      if (!client.closed) await once(client, 'close');
    }
  });

  test('destroy() in the middle: the other side sees the end, and knows that it was not heard', async () => {
    const [client, server] = await framedPair();
    server.resume();
    const ended = once(server, 'end');
    client.destroy();
    await once(client, 'close');
    await assert.rejects(client.drained, { kind: 'reset' });
    await ended;
    await assert.rejects(server.drained, { code: 'EPIPE' });
    server.end();
    await once(server, 'close');
  });

  test('an end without frames is an error, in the middle of one too, and so are other bytes', async () => {
    for (const [bytes, code] of [
      ['', 'ECONNRESET'],
      ['\x05\x00', 'ERR_HVSOCK_PROTOCOL'],
      ['\x05\x00\x00\x00hel', 'ERR_HVSOCK_PROTOCOL'],
      ['HTTP/1.1 200 OK\r\n', 'ERR_HVSOCK_PROTOCOL'],
    ] as const) {
      const [client, server] = await rawPair();
      const framed = new FramedSocket(server);
      framed.resume();
      client.on('error', () => {}).end(bytes);
      assert.equal((await errorOf(framed)).code, code);
      await assert.rejects(framed.drained, { code });
      client.destroy();
    }
  });

  test('a peer that never closes: the deadline ends it', async () => {
    const [client, server] = await rawPair();
    const framed = new FramedSocket(client, { closeTimeout: 50 });
    server.on('error', () => {}).resume();
    framed.destroy();
    await once(framed, 'close');
    assert.ok(client.destroyed);
    server.destroy();
  });
});

test('what is no stream is refused, and named', () => {
  assert.throws(() => new FramedSocket({} as Socket), {
    code: 'ERR_HVSOCK_INVALID_ARGUMENT',
    message: 'socket must be a socket or another stream.Duplex, not {}',
  });
});

describe('Python', { timeout: 30_000, skip: noUnixSockets }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'hvsock-'));
  after(() => rmSync(folder, { recursive: true }));
  const words = 'framed '.repeat(5000);

  async function talk(socket: Socket): Promise<void> {
    const framed = new FramedSocket(socket);
    framed.end(words);
    assert.equal(`${await received(framed)}`, words.toUpperCase());
    await framed.drained;
  }

  test('as a server', async () => {
    const path = join(folder, 'server');
    const child = spawn('/usr/bin/python3', [peerProgram, 'listen', path]);
    await once(child.stdout, 'data');
    await talk(await connectAsync(`unix://${path}`, { allowHalfOpen: true }));
    assert.equal((await text(child.stdout)).trim(), `${words.length}`);
  });

  test('as a client', async () => {
    const path = join(folder, 'client');
    await using server = await createServer({ allowHalfOpen: true }).listen(`unix://${path}`);
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const child = spawn('/usr/bin/python3', [peerProgram, 'connect', path]);
    await talk((await accepted)[0]);
    assert.equal(await text(child.stdout), `${words.length}\n`, await text(child.stderr));
  });
});
