// docs/troubleshooting.md has the doctor's table of findings: every row, word for word, and no other.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FindingRow, findingRows } from '#src/doctor/finding-rows.js';
import { readPage } from './manual.js';

const cell = (text: string) => text.replaceAll('|', '\\|');

test('every finding is in the manual as it is in the source', () => {
  const expected = Object.entries(findingRows).map(([id, { level, why, command }]: [string, FindingRow]) => {
    const mends = command === undefined ? '' : `\`${cell(command)}\``;
    return `| \`${id}\` | ${level} | ${cell(why)} | ${mends} |`;
  });
  const rows = readPage('docs/troubleshooting.md')
    .text.split('\n')
    .filter((line) => line.startsWith('| `'));
  assert.deepEqual(rows, expected);
});
