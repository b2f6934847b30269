// `messageSize`: what reaches the system, and that nothing else changes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { connect, createServer } from 'hvsock';
import { Emulator } from 'hvsock/testing';
import { messagesOf, writeInTurn } from '#src/messages.js';
import { testTransport } from '#src/testing/contract.js';
import { noProgram } from './support/capabilities.ts';
import { makePair } from './support/pairs.ts';

const directory = mkdtempSync(join(tmpdir(), 'hvsock-'));
after(() => rmSync(directory, { recursive: true }));

test('chunks are cut and put together: all but the last message have the size', () => {
  const chunk = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 8 }), fc.integer({ min: 1, max: 200 }), (chunks, size) => {
      const messages = [...messagesOf(chunks, size)].map((pieces) => Buffer.concat(pieces.map(({ chunk }) => chunk)));
      const [last, ...others] = messages.reverse();
      for (const { length } of others) assert.equal(length, size);
      assert.ok(last === undefined || (last.length > 0 && last.length <= size));
      assert.deepEqual(Buffer.concat(messages.reverse()), Buffer.concat(chunks));
    }),
  );
});

test('a hundred thousand messages that are taken at once stand on no stack; an error ends them', () => {
  const bytes = [Buffer.alloc(100_000)];
  let taken = 0;
  let ends = 0;
  writeInTurn(
    messagesOf(bytes, 1),
    (_pieces, onTaken) => {
      taken++;
      onTaken();
    },
    () => ends++,
  );
  assert.deepEqual([taken, ends], [100_000, 1]);
  const failure = new Error('full');
  let told: unknown;
  writeInTurn(
    messagesOf(bytes, 1),
    (_pieces, onTaken) => onTaken(failure),
    (error) => {
      assert.equal(told, undefined);
      told = error;
    },
  );
  assert.equal(told, failure);
});

test('a size that is none is refused', () => {
  for (const messageSize of [0, -1, 0.5, '8192'] as number[]) {
    assert.throws(() => connect('vsock://3:1', { messageSize }), /messageSize must be a positive number of bytes/);
    assert.throws(() => createServer({ messageSize }), /messageSize must be/);
  }
});

describe('what the system is asked to send', { timeout: 60_000, skip: noProgram('strace') }, () => {
  const program = fileURLToPath(new URL('support/echo-to-oneself.js', import.meta.url));

  let runs = 0;

  /** The bytes of each send on the program's sockets, by the system's own record. */
  function sends(options: object, ...relayed: 'relayed'[]): number[] {
    const record = join(directory, 'record');
    const trace = ['-f', '-v', '-y', '-s', '0', '-e', 'trace=write,writev,sendto,sendmsg', '-o', record];
    const path = join(directory, `${runs++}`);
    const { status, error } = spawnSync(
      'strace',
      [...trace, process.execPath, program, path, JSON.stringify(options), ...relayed],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    assert.ifError(error);
    assert.equal(status, 0);
    return readFileSync(record, 'utf8')
      .split('\n')
      .filter((line) => /\b(write|writev|sendto|sendmsg)\(\d+<(UNIX|socket)/.test(line))
      .map((line) => {
        const lengths = [...line.matchAll(/iov_len=(\d+)/g)].map(([, length]) => Number(length));
        return lengths.length > 0
          ? lengths.reduce((sum, length) => sum + length)
          : Number(/""(?:\.\.\.)?, (\d+)/.exec(line)?.[1]);
      });
  }

  const total = (lengths: readonly number[]) => lengths.reduce((sum, length) => sum + length, 0);

  test('no send has more than messageSize bytes, from either side, and all bytes come back in order', () => {
    const lengths = sends({ messageSize: 8192 });
    assert.ok(Math.max(...lengths) === 8192, `${Math.max(...lengths)}`);
    assert.ok(total(lengths) >= 2_000_000, `${total(lengths)}`);
    // Not by sending each chunk alone: small ones go together.
    assert.ok(lengths.length < 1.5 * (total(lengths) / 8192), `${lengths.length} sends`);
  });

  test('neither has a relay of such sockets', () => {
    const lengths = sends({ messageSize: 8192 }, 'relayed');
    assert.equal(Math.max(...lengths), 8192);
    assert.ok(total(lengths) >= 4_000_000, `${total(lengths)}`);
  });

  test('framed, too', () => {
    const lengths = sends({ messageSize: 4096, framed: true });
    assert.equal(Math.max(...lengths), 4096);
    assert.ok(total(lengths) >= 2_000_000);
  });

  test('without it, they are larger', () => {
    assert.ok(Math.max(...sends({})) >= 65_536);
  });
});

const emulator = await Emulator.create();
after(() => emulator.close());
const guest = emulator.guest(3).partition;
let port = 1000;
testTransport({
  name: 'emulated vsock with messages of 2000 bytes',
  capabilities: { halfClose: true, addresses: true },
  makePair: (options) =>
    makePair(
      { port: ++port },
      () => ({ cid: 3, port }),
      { ...options, messageSize: 2000 },
      { server: guest, client: emulator.host },
    ),
});
