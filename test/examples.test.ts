// Every example runs.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { Emulator } from 'hvsock/testing';
import { runWell } from './package/command.js';

test('demo.ts, over an emulated hypervisor', { timeout: 60_000 }, async () => {
  await using emulator = await Emulator.create();
  const env = { ...process.env, HVSOCK_EMULATOR: emulator.directory };
  const output = await runWell(process.execPath, ['build/ts/examples/demo.js'], { env });
  assert.match(output, /^kernel +emulated, where this machine is CID 2$/m);
  assert.match(output, /^hvcat +hello from hvcat$/m);
  assert.ok(existsSync(emulator.directory));
});

test('emulated.test.ts', { timeout: 60_000 }, async () => {
  // Not a part of this run of node:test, but one of its own.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const output = await runWell(process.execPath, ['--test', 'build/ts/examples/emulated.test.js'], { env });
  assert.match(output, /^# pass 5$|^ℹ pass 5$/m);
});
