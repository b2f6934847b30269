import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HvsockError } from 'hvsock';
import { Counters } from '#src/cli/counters.js';
import { EchoError } from '#src/cli/stress-exchange.js';
import { failureKind, StressTally } from '#src/cli/stress-tally.js';

/** A tally after ten seconds. */
function tally(): StressTally {
  let now = 0;
  const counters = new Counters(undefined, () => now);
  now = 10_000;
  return new StressTally(counters);
}

test('the line of progress, with an end and without', () => {
  const done = tally();
  for (let i = 0; i < 1199; i++) done.addSuccess(1);
  done.addFailure('reset');
  done.counters.addSent(6 * 2 ** 20);
  done.counters.addReceived(4 * 2 ** 20);
  const rest = '1 failed, 8 open, 10.0 MiB (1.0 MiB/s)';
  assert.equal(done.progressLine(8, 2000, 0.6), `[============        ] 1,200 of 2,000 connections, ${rest}`);
  assert.equal(
    done.progressLine(8, Number.POSITIVE_INFINITY, 1.2),
    `[====================] 1,200 connections, ${rest}`,
  );
  assert.equal(done.progressLine(8, Number.POSITIVE_INFINITY, undefined), `1,200 connections, ${rest}`);
});

test('failures are counted by kind, and the first of each is told apart', () => {
  const failing = tally();
  const kinds = [
    new EchoError('', 'mismatch'),
    new HvsockError('', { code: 'ETIMEDOUT', kind: 'timeout' }),
    new EchoError('', 'mismatch'),
    Object.assign(new Error(), { code: 'ECONNREFUSED' }),
    new Error(),
  ].map(failureKind);
  assert.deepEqual(
    kinds.map((kind) => failing.addFailure(kind)),
    [true, true, false, true, true],
  );
  assert.equal(failing.failed, 5);
  assert.deepEqual(failing.toJSON().failures, { mismatch: 2, timeout: 1, ECONNREFUSED: 1, unknown: 1 });
  assert.match(`${failing}`, /^failures {5}2 mismatch, 1 timeout, 1 ECONNREFUSED, 1 unknown$/m);
  assert.doesNotMatch(`${failing}`, /NaN|Infinity|null|^ms/m);
});
