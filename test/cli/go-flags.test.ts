import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '#src/cli/arguments.js';
import { readGoFlags, readSwitch } from '#src/cli/go-flags.js';

const read = (...args: string[]) => readGoFlags(args, { i: 'value', seed: 'value', e: 'switch', v: 'level' } as const);

test('one hyphen or two, a value behind = or as the next word', () => {
  for (const args of [['-i', '5'], ['--i', '5'], ['-i=5'], ['--i=5']]) assert.deepEqual(read(...args), { i: '5' });
  assert.deepEqual(read('-seed', '7', '--e'), { seed: '7', e: 'true' });
  assert.deepEqual(read('-i', '-5', '-i=6'), { i: '6' });
  assert.deepEqual(read('-i='), { i: '' });
  assert.deepEqual(read(), {});
});

test('a switch takes a value only behind =, a level only a number', () => {
  assert.deepEqual(read('-e=false', '-v', '2', '-e'), { e: 'true', v: '2' });
  assert.deepEqual(read('-v', '-e'), { v: '1', e: 'true' });
  assert.deepEqual(read('-v'), { v: '1' });
  assert.deepEqual(
    [readSwitch('-e', undefined), readSwitch('-e', 'false'), readSwitch('-e', 'true')],
    [false, false, true],
  );
});

test('what is not known is refused', () => {
  for (const [args, problem] of [
    [['-x'], 'there is no option -x'],
    [['--seeed=3'], 'there is no option --seeed'],
    [['-i5'], 'there is no option -i5'],
    [['-ev'], 'there is no option -ev'],
    [['--constructor'], 'there is no option --constructor'],
    [['vsock'], '"vsock" is no option'],
    [['-'], '"-" is no option'],
    [['--'], '"--" is no option'],
    [['-i'], '-i needs a value'],
    [['-e', 'yes'], '"yes" is no option'],
  ] as [string[], string][]) {
    assert.throws(
      () => read(...args),
      (error) => error instanceof UsageError && error.message === problem,
      problem,
    );
  }
  assert.throws(() => readSwitch('-e', 'yes'), /-e is true or false, not "yes"/);
});
