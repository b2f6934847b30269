// How Hyper-V connections end with their environment: each stage in a process of its own, which must end by itself.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const program = fileURLToPath(new URL('lifetimes.js', import.meta.url));
const stages = JSON.parse(execFileSync(process.execPath, [program], { encoding: 'utf8' })) as string[];

describe('a Hyper-V connection and the end of its environment', () => {
  for (const stage of stages) {
    test(stage, { timeout: 60_000 }, async () => {
      const { stderr } = await run(process.execPath, ['--expose-gc', program, stage], { timeout: 50_000 });
      assert.equal(stderr, '');
    });
  }
});
