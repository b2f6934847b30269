// The contract suite: what every connection of every transport must do, whatever carries the bytes.
// Gated by declared capabilities, never by a transport's name.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, test } from 'node:test';
import type { StreamOptions } from '../socket.ts';

/** Two ends of one connection, both established. */
export interface Pair {
  readonly client: net.Socket;
  readonly server: net.Socket;
  /** Ends what is left of both, and whatever made them. */
  close(): Promise<void>;
}

/** What a transport can do; a suite's cases run where it can. */
export interface Capabilities {
  /** Ending one direction leaves the other open. */
  readonly halfClose: boolean;
  /** Both ends know the addresses of both ends: `localEndpoint`, `remoteEndpoint`. */
  readonly addresses: boolean;
}

export interface ContractOptions {
  /** Named in the report. */
  readonly name: string;
  readonly capabilities: Capabilities;
  /** A fresh connection, with these options on both ends. */
  makePair(options: StreamOptions): Promise<Pair>;
  /** Why it cannot run on this machine; it is then skipped, with this reason. Default: false, it can. */
  readonly skip?: string | false | undefined;
  /** Bytes that the bulk cases send. Default: 8 MiB; less for a slow machine. */
  readonly bulk?: number | undefined;
}

const MiB = 1024 * 1024;

/** Registers the suite with `node:test`. */
export function testTransport(options: ContractOptions): void {
  const { name, capabilities, skip = false, bulk = 8 * MiB } = options;

  const withPair = (streamOptions: StreamOptions, run: (pair: Pair) => Promise<void>) => async () => {
    const pair = await options.makePair(streamOptions);
    try {
      await run(pair);
    } finally {
      await pair.close();
    }
  };
  const halfOpen = { allowHalfOpen: true };
  const needsHalfClose = capabilities.halfClose ? {} : { skip: `${name} has no half close` };
  const needsAddresses = capabilities.addresses ? {} : { skip: `${name} tells no addresses` };

  describe(`contract: ${name}`, { timeout: 60_000, skip }, () => {
    test(
      'carries bytes both ways at once, unchanged and in order',
      needsHalfClose,
      withPair(halfOpen, async ({ client, server }) => {
        const [up, down] = [randomBytes(bulk), randomBytes(bulk)];
        const [gotUp, gotDown] = await Promise.all([
          digestOf(server),
          digestOf(client),
          pipeline(chunksOf(up, 65_536), client),
          pipeline(chunksOf(down, 10_007), server),
        ]);
        assert.equal(gotUp, digest(up));
        assert.equal(gotDown, digest(down));
      }),
    );

    test(
      'carries one byte to and fro',
      withPair({}, async ({ client, server }) => {
        server.on('data', (chunk) => server.write(chunk));
        for (let i = 0; i < 30; i++) {
          client.write(Uint8Array.of(i));
          const [answer] = (await once(client, 'data')) as [Buffer];
          assert.deepEqual([...answer], [i]);
        }
      }),
    );

    test(
      'sends everything that was written before end()',
      withPair({}, async ({ client, server }) => {
        const sent = randomBytes(MiB);
        client.end(sent);
        assert.equal(await digestOf(server), digest(sent));
      }),
    );

    test(
      'half closes: the answer that follows an end() arrives whole',
      needsHalfClose,
      withPair(halfOpen, async ({ client, server }) => {
        const answer = randomBytes(MiB);
        client.end('question');
        assert.equal(await textOf(server), 'question');
        assert.equal(client.destroyed, false);
        server.end(answer);
        assert.equal(await digestOf(client), digest(answer));
      }),
    );

    test(
      'half closes in lock-step, the serving side first',
      needsHalfClose,
      withPair(halfOpen, async ({ client, server }) => {
        server.end('a');
        assert.equal(await textOf(client), 'a');
        client.write('b');
        assert.equal(String((await once(server, 'data'))[0]), 'b');
        client.end('c');
        assert.equal(await textOf(server), 'c');
      }),
    );

    test(
      'without allowHalfOpen, an end is answered with an end',
      withPair({}, async ({ client, server }) => {
        const closed = Promise.all([once(client, 'close'), once(server, 'close')]);
        server.resume();
        client.resume();
        client.end();
        await closed;
      }),
    );

    test(
      'a reader that does not read makes the writer wait',
      withPair({}, async ({ client, server }) => {
        server.pause();
        // More than any transport may keep in flight; what is accepted is counted by the write callbacks.
        const total = 64;
        let accepted = 0;
        const allAccepted = new Promise<void>((resolve) => {
          for (let i = 0; i < total; i++) {
            client.write(Buffer.alloc(MiB, i), () => {
              if (++accepted === total) resolve();
            });
          }
        });
        assert.equal(client.writableNeedDrain, true);
        await quiet(() => accepted);
        assert.ok(accepted < total, `${accepted} MiB were accepted, and nobody has read a byte`);
        let read = 0;
        server.on('data', (chunk) => {
          read += chunk.length;
        });
        server.resume();
        await allAccepted;
        client.end();
        await once(server, 'end');
        assert.equal(read, total * MiB);
      }),
    );

    test(
      'pause() stops the flow and resume() continues it, with nothing lost',
      withPair({}, async ({ client, server }) => {
        const sent = randomBytes(2 * MiB);
        const hash = createHash('sha256');
        server.on('data', (chunk) => {
          hash.update(chunk);
          server.pause();
          setImmediate(() => server.resume());
        });
        client.end(sent);
        await once(server, 'end');
        assert.equal(hash.digest('hex'), digest(sent));
      }),
    );

    test(
      'keeps the order of many small writes, corked or not, empty ones included',
      withPair({}, async ({ client, server }) => {
        let expected = '';
        // All may become one call, which under Wine takes no more than 1024 pieces.
        for (let i = 0; i < 1000; i++) {
          if (i % 7 === 0) client.cork();
          const text = i % 5 === 0 ? '' : `${i},`;
          expected += text;
          client.write(text);
          if (i % 7 === 6) process.nextTick(() => client.uncork());
        }
        for (let i = 0; i < 2; i++) client.uncork();
        client.end();
        assert.equal(await textOf(server), expected);
      }),
    );

    test('reads through onread into one buffer', async () => {
      const sent = randomBytes(MiB);
      const hash = createHash('sha256');
      const pair = await options.makePair({
        onread: {
          buffer: Buffer.alloc(16_384),
          callback: (length, buffer) => {
            hash.update(buffer.subarray(0, length));
            return true;
          },
        },
      });
      try {
        const ended = once(pair.client, 'end');
        pair.server.end(sent);
        await ended;
        assert.equal(hash.digest('hex'), digest(sent));
      } finally {
        await pair.close();
      }
    });

    test(
      'counts bytes',
      withPair({}, async ({ client, server }) => {
        client.end(Buffer.alloc(100_000));
        server.resume();
        await once(server, 'end');
        assert.equal(client.bytesWritten, 100_000);
        assert.equal(server.bytesRead, 100_000);
      }),
    );

    test(
      'destroy() here is an end there, at the latest when everything has been read',
      withPair({}, async ({ client, server }) => {
        const closed = onceClosed(server);
        server.resume();
        client.destroy();
        await closed;
      }),
    );

    test(
      'destroy() with unread bytes ends both sides',
      withPair({}, async ({ client, server }) => {
        const closed = onceClosed(client);
        client.write(Buffer.alloc(MiB));
        client.resume();
        await once(server, 'readable');
        server.destroy();
        await closed;
      }),
    );

    test(
      'destroy(error) tells the error once, then closes',
      withPair({}, async ({ client }) => {
        const error = new Error('mine');
        const told = once(client, 'error');
        const closed = new Promise<boolean>((resolve) => client.once('close', resolve));
        client.destroy(error);
        assert.equal((await told)[0], error);
        assert.equal(await closed, true);
      }),
    );

    test(
      'a write after end() fails and sends nothing',
      withPair(halfOpen, async ({ client, server }) => {
        client.end('last');
        const told = once(client, 'error');
        client.write('more');
        assert.equal(((await told)[0] as NodeJS.ErrnoException).code, 'ERR_STREAM_WRITE_AFTER_END');
        server.end();
        assert.match(await textOf(server).catch(() => ''), /^(last)?$/);
      }),
    );

    test(
      'writing to a side that is gone fails, and does not hang',
      withPair(halfOpen, async ({ client, server }) => {
        const closed = onceClosed(client);
        const serverClosed = once(server, 'close');
        server.destroy();
        await serverClosed;
        client.resume();
        const write = () => {
          if (!client.destroyed) client.write(Buffer.alloc(65_536), () => setImmediate(write));
        };
        write();
        await closed;
      }),
    );

    test(
      'setTimeout() tells of idleness, and activity puts it off',
      withPair({}, async ({ client, server }) => {
        server.resume();
        client.setTimeout(50);
        client.write('x');
        await once(client, 'timeout');
        client.setTimeout(0);
        assert.equal(client.destroyed, false);
      }),
    );

    test(
      'an established socket is open, and is closed when it is closed',
      withPair({}, async ({ client, server }) => {
        for (const socket of [client, server]) {
          assert.equal(socket.connecting, false);
          assert.equal(socket.pending, false);
          assert.equal(socket.readyState, 'open');
          assert.equal(socket.setNoDelay(true), socket);
          assert.equal(socket.setKeepAlive(true, 1000), socket);
          assert.equal(socket.unref(), socket);
          assert.equal(socket.ref(), socket);
        }
        const closed = once(client, 'close');
        client.destroy();
        await closed;
        assert.equal(client.readyState, 'closed');
      }),
    );

    test(
      'each end tells the addresses of both, which mirror each other',
      needsAddresses,
      withPair({}, async ({ client, server }) => {
        const endpoints = (socket: net.Socket) => {
          const { localEndpoint, remoteEndpoint } = socket as unknown as Record<string, { toString(): string }>;
          assert.equal(socket.localAddress, localEndpoint?.toString());
          assert.equal(socket.remoteAddress, remoteEndpoint?.toString());
          return { local: localEndpoint?.toString(), remote: remoteEndpoint?.toString() };
        };
        const [here, there] = [endpoints(client), endpoints(server)];
        assert.equal(here.remote, there.local);
        assert.equal(there.remote, here.local);
        client.destroy();
        assert.equal(endpoints(client).remote, here.remote, 'addresses stay after the end');
      }),
    );

    test(
      'serves http with keep-alive',
      withPair({}, async ({ client, server }) => {
        const httpServer = http.createServer((request, response) => {
          request.pipe(response);
        });
        httpServer.emit('connection', server);
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        agent.createConnection = () => client;
        for (const body of ['one', 'x'.repeat(300_000), 'three']) {
          const request = http.request({ agent, method: 'POST' });
          request.end(body);
          const [response] = (await once(request, 'response')) as [http.IncomingMessage];
          assert.equal(await textOf(response), body);
        }
        agent.destroy();
      }),
    );
  });
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function digestOf(stream: Readable): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function textOf(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) text += String(chunk);
  return text;
}

function chunksOf(bytes: Buffer, size: number): Readable {
  return Readable.from(
    (function* () {
      for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
    })(),
  );
}

/** Closed in whichever way: a reset is an error first. */
async function onceClosed(socket: net.Socket): Promise<void> {
  socket.on('error', () => {});
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}

/** Until `value` has stood still for a while: the only way to see that nothing happens any more. */
async function quiet(value: () => number): Promise<void> {
  for (let last = -1; last !== value(); ) {
    last = value();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}
