import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counters, formatBytes, formatSeconds } from '#src/cli/counters.js';

test('bytes have at most four digits before the point, and a binary unit', () => {
  const expected: [number, string][] = [
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [1024 * 1024 - 1, '1.0 MiB'],
    [64 * 1024 * 1024, '64.0 MiB'],
    [2 ** 31, '2.0 GiB'],
    [Number.MAX_SAFE_INTEGER, '8.0 PiB'],
  ];
  for (const [bytes, text] of expected) assert.equal(formatBytes(bytes), text);
});

test('seconds have three digits, from a minute on they are a clock', () => {
  const expected: [number, string][] = [
    [0, '0.000 s'],
    [0.0123, '0.012 s'],
    [1.207, '1.21 s'],
    [59, '59.0 s'],
    [59.96, '1:00'],
    [125, '2:05'],
    [3607, '1:00:07'],
  ];
  for (const [seconds, text] of expected) assert.equal(formatSeconds(seconds), text);
});

test('a connection counts for the total, and its clock stops', () => {
  let now = 0;
  const clock = () => now;
  const total = new Counters(undefined, clock);
  const one = new Counters(total, clock);
  const other = new Counters(total, clock);
  now = 1000;
  other.restart();
  one.addSent(2048);
  other.addReceived(100);
  now = 3000;
  one.stop();
  other.stop();
  now = 10_000;
  one.stop();
  assert.equal(`${one}`, 'sent 2.0 KiB (683 B/s), received 0 B in 3.00 s');
  assert.deepEqual(JSON.parse(JSON.stringify(one)), {
    sent: 2048,
    received: 0,
    seconds: 3,
    sendRate: 683,
    receiveRate: 0,
  });
  assert.equal(`${other}`, 'sent 0 B, received 100 B (50 B/s) in 2.00 s');
  assert.deepEqual(total.toJSON(), { sent: 2048, received: 100, seconds: 10, sendRate: 205, receiveRate: 10 });
});

test('the rate of no time at all is a number', () => {
  const counters = new Counters(undefined, () => 0);
  counters.addSent(5);
  assert.equal(counters.toJSON().sendRate, 5000);
});
