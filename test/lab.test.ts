// That no test of AF_VSOCK reaches out of the lab.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

test('every test of AF_VSOCK begins with the look for loopback', () => {
  const files = readdirSync('test', { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.vsock.test.ts'),
  );
  assert.ok(files.length > 5, `${files}`);
  for (const name of files) {
    const [first] = readFileSync(`test/${name}`, 'utf8').match(/^import .*$/m) ?? [];
    assert.match(`${first}`, /support\/lab\.ts';$/, name);
  }
});

test('which fails where there is none', { skip: process.platform === 'win32' && 'AF_VSOCK is not of Windows' }, (t) => {
  const lab = fileURLToPath(new URL('support/lab.js', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [lab], { encoding: 'utf8' });
  if (status === 0) t.skip('this machine has vsock loopback');
  else assert.match(stderr, /npm run vm/);
});
