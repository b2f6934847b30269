// The index of the examples names each of their files.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../package/command.js';

test('every file of an example is in the index', () => {
  const folder = join(root, 'examples');
  const index = readFileSync(join(folder, 'README.md'), 'utf8');
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'README.md')
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  assert.ok(files.length >= 15);
  assert.deepEqual(
    files.filter((file) => !index.includes(`](${file.replaceAll('\\', '/')})`)),
    [],
  );
});
