import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import { test } from 'node:test';
import { pump } from '#src/cli/pump.js';

test('a sink that does not take anything stops the source soon', async () => {
  const source = new PassThrough();
  let take: (() => void) | undefined;
  const sink = new Writable({
    write(_chunk, _encoding, callback) {
      take = callback;
    },
  });
  let taken = 0;
  pump(source, sink, (bytes) => {
    taken += bytes;
  });
  const chunk = Buffer.alloc(64 * 1024);
  for (let i = 0; i < 16; i++) source.write(chunk);
  await new Promise(setImmediate);
  assert.equal(taken, 0);
  assert.equal(source.isPaused(), true);
  assert.ok(sink.writableLength <= 192 * 1024, `${sink.writableLength} bytes wait`);
  while (taken < 16 * chunk.length) {
    take?.();
    await new Promise(setImmediate);
  }
  assert.equal(source.isPaused(), false);
});

test('everything arrives in order, and only what was taken is told', async () => {
  const source = new PassThrough();
  const sink = new PassThrough();
  let taken = 0;
  pump(source, sink, (bytes) => {
    taken += bytes;
  });
  source.once('end', () => sink.end());
  const sent = Array.from({ length: 1000 }, (_, i) => Buffer.alloc(1000, i));
  for (const chunk of sent) source.write(chunk);
  source.end();
  assert.deepEqual(Buffer.concat(await sink.toArray()), Buffer.concat(sent));
  assert.equal(taken, 1_000_000);
});

test('stopped, it leaves the source paused with what it has not read', async () => {
  const source = new PassThrough();
  const sink = new PassThrough();
  const stop = pump(source, sink, () => {});
  source.write('first');
  await once(sink, 'readable');
  assert.equal(String(sink.read()), 'first');
  stop();
  source.write('second');
  await new Promise(setImmediate);
  assert.equal(sink.read(), null);
  assert.equal(source.isPaused(), true);
  assert.equal(String(source.read()), 'second');
});
