import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatencyHistogram } from '#src/cli/latency-histogram.js';

test('percentiles are within half a percent, the ends and the mean exact', () => {
  const histogram = new LatencyHistogram();
  for (let i = 10_000; i >= 1; i--) histogram.add(i / 100);
  const { min, max, mean, ...percentiles } = histogram.toJSON();
  assert.deepEqual({ min, max, mean }, { min: 0.01, max: 100, mean: 50.005 });
  for (const [name, expected] of Object.entries({ p50: 50, p90: 90, p99: 99, p999: 99.9 })) {
    const value = percentiles[name as keyof typeof percentiles] as number;
    assert.ok(Math.abs(value / expected - 1) <= 0.0051, `${name} is ${value}`);
  }
});

test('nothing measured, one measurement, and those beyond its bounds', () => {
  const histogram = new LatencyHistogram();
  assert.ok(Object.values(histogram.toJSON()).every((value) => value === null));
  assert.ok(Number.isNaN(histogram.percentile(0.5)));
  histogram.add(3.21);
  assert.deepEqual(new Set(Object.values(histogram.toJSON())), new Set([3.21]));
  histogram.add(0);
  histogram.add(1e12);
  assert.equal(histogram.toJSON().min, 0);
  assert.equal(histogram.toJSON().max, 1e12);
  assert.equal(histogram.count, 3);
});
