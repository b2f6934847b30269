// The addon at every stage of its operations' and pumps' lives, each in a process of its own. HVSOCK_CHECKER puts a
// memory checker before node; see scripts/test.js.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const checker = (process.env['HVSOCK_CHECKER'] ?? '').split(' ').filter((word) => word !== '');

for (const [subject, name] of Object.entries({ 'an operation': 'lifetimes', 'a pump': 'pump-lifetimes' })) {
  const program = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  const stages = JSON.parse(execFileSync(process.execPath, [program], { encoding: 'utf8' })) as string[];
  for (const stage of stages) {
    test(`${subject}: ${stage}`, { timeout: 300_000 }, async () => {
      const [command = '', ...rest] = [...checker, process.execPath, '--expose-gc', program, stage];
      const child = spawn(command, rest, { stdio: ['ignore', 'inherit', 'pipe'] });
      const [output, [status, signal]] = await Promise.all([text(child.stderr), once(child, 'close')]);
      assert.deepEqual({ status, signal }, { status: 0, signal: null }, output);
    });
  }
}
