import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Progress } from '#src/cli/progress.js';

function terminal(isTTY: boolean, columns = 20) {
  const written: string[] = [];
  return { written, isTTY, columns, write: (text: string) => written.push(text) };
}

test('the line is drawn over itself, no wider than the terminal, and erased at the end', () => {
  const screen = terminal(true, 10);
  let text = 'one';
  const progress = new Progress(screen, () => text);
  progress.show();
  text = 'longer than the terminal';
  progress.show();
  progress.clear();
  progress.stop();
  assert.deepEqual(screen.written, ['\rone\x1b[K', '\rlonger th\x1b[K', '\r\x1b[K']);
});

test('where there is no terminal nothing is written', () => {
  const pipe = terminal(false);
  const progress = new Progress(pipe, () => 'text');
  progress.show();
  progress.stop();
  assert.deepEqual(pipe.written, []);
});
