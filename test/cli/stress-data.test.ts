import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Plan, StressData } from '#src/cli/stress-data.js';

const lengths = { least: 0, most: 3_000_000 };
const sizes = { least: 1, most: 100_000 };

/** All that a plan sends, in its writes. */
function everything(plan: Plan): Buffer {
  const writes: Buffer[] = [];
  for (let position = 0; position < plan.length; ) {
    const bytes = plan.bytes(position, Math.min(plan.nextWrite(), plan.length - position));
    writes.push(bytes);
    position += bytes.length;
  }
  return Buffer.concat(writes);
}

test('the same seed and number, the same lengths, writes and bytes, in any order', () => {
  const [one, other] = [new StressData(7, lengths, sizes), new StressData(7, lengths, sizes)];
  other.plan(5).nextRead();
  for (const number of [2, 0, 1]) {
    const [a, b] = [one.plan(number), other.plan(number)];
    b.nextRead();
    assert.deepEqual([a.length, a.nextWrite(), a.nextWrite()], [b.length, b.nextWrite(), b.nextWrite()]);
    assert.ok(everything(a).equals(everything(b)));
  }
});

test('other seeds and numbers, other lengths and bytes', () => {
  const plans = [0, 1, 2, 3].flatMap((seed) => [0, 1, 2, 3].map((n) => new StressData(seed, lengths, sizes).plan(n)));
  assert.equal(new Set(plans.map(({ length }) => length)).size, 16);
  assert.equal(new Set(plans.map((plan) => plan.bytes(0, 64).toString('hex'))).size, 16);
});

test('both ends of a range occur', () => {
  const data = new StressData(1, { least: 2, most: 4 }, { least: 1, most: 2 });
  const plans = Array.from({ length: 200 }, (_, number) => data.plan(number));
  assert.deepEqual(new Set(plans.map(({ length }) => length)), new Set([2, 3, 4]));
  assert.deepEqual(new Set(plans.map((plan) => plan.nextWrite())), new Set([1, 2]));
  assert.deepEqual(new Set(plans.map((plan) => plan.nextRead())), new Set([1, 2]));
});

test('the bytes do not repeat at the sizes of blocks, and the first wrong one is found', () => {
  const plan = new StressData(3, { least: 3_000_000, most: 3_000_000 }, { least: 65_536, most: 65_536 }).plan(0);
  const sent = everything(plan);
  assert.equal(sent.length, 3_000_000);
  for (const block of [4096, 65_536, 2 ** 20]) {
    assert.notEqual(plan.firstDifference(block, sent.subarray(0, 4096)), undefined, `${block}`);
  }
  const received = Buffer.from(sent.subarray(65_536, 2 * 65_536));
  assert.equal(plan.firstDifference(65_536, received), undefined);
  received[1000] = (received[1000] as number) ^ 1;
  assert.equal(plan.firstDifference(65_536, received), 66_536);
});
