import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCommandLine, readSeconds, UsageError } from '#src/cli/arguments.js';

const options = {
  retry: { type: 'string' },
  exec: { type: 'string', short: 'e' },
  listen: { type: 'boolean' },
} as const;
const read = (...args: string[]) => readCommandLine(args, options, ['retry']);

test('an option with an optional value takes it only after =', () => {
  assert.equal(read('--retry', '3:1024').values.retry, '');
  assert.deepEqual(read('--retry', '3:1024').positionals, ['3:1024']);
  assert.equal(read('--retry=5', '3:1024').values.retry, '5');
  assert.equal(read('3:1024').values.retry, undefined);
  assert.deepEqual(read('--', '--retry').positionals, ['--retry']);
});

test('what cannot be meant is refused in one line', () => {
  for (const args of [['--nonsense'], ['-x'], ['--exec'], ['--exec', '--listen'], ['--listen=yes']]) {
    assert.throws(
      () => read(...args),
      (error) => error instanceof UsageError && !error.message.includes('\n') && /^option|^unknown/.test(error.message),
      args.join(' '),
    );
  }
});

test('seconds become milliseconds', () => {
  assert.equal(readSeconds('-q', '1'), 1000);
  assert.equal(readSeconds('-q', '0.25'), 250);
  assert.equal(readSeconds('-q', '.5'), 500);
  assert.equal(readSeconds('-q', '0', { zero: true }), 0);
});

test('what is no number of seconds is refused, quoted and by the name of its option', () => {
  for (const text of ['', '-1', '0', '1e3', 'soon', '0x10', '1 ', '2147484', 'Infinity', 'NaN', '.']) {
    assert.throws(
      () => readSeconds('--timeout', text),
      (error) =>
        error instanceof UsageError &&
        error.message.startsWith('--timeout must be') &&
        error.message.includes(JSON.stringify(text)),
      text,
    );
  }
});
