// The examples that need no kernel of their own, or cannot have one here: the emulated hypervisor stands in for
// Firecracker and for Hyper-V.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Emulator } from 'hvsock/testing';
import { runWell } from '../package/command.js';
import { noUnixSockets } from '../support/capabilities.js';
import { examples, runExample, serveExample } from './example.js';

test('demo.ts, over an emulated hypervisor', { timeout: 60_000 }, async () => {
  await using emulator = await Emulator.create();
  const output = await runExample('demo.js', [], { HVSOCK_EMULATOR: emulator.directory });
  assert.match(output, /^kernel +emulated, where this machine is CID 2$/m);
  assert.match(output, /^hvcat +hello from hvcat$/m);
  assert.ok(existsSync(emulator.directory));
});

test('emulated.test.ts', { timeout: 60_000 }, async () => {
  // Not a part of this run of node:test, but one of its own.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const output = await runWell(process.execPath, ['--test', join(examples, 'emulated.test.js')], { env });
  assert.match(output, /^# pass 5$|^ℹ pass 5$/m);
});

test('firecracker: the agent reports, and runs a command', {
  timeout: 60_000,
  skip: noUnixSockets,
}, async (context) => {
  await using emulator = await Emulator.create();
  const path = join(emulator.directory, 'vm.sock');
  await emulator.guest(3).expose({ firecracker: path });
  const host = serveExample(context, 'firecracker/host.js', [path, 'sh', '-c', 'echo "in $PLACE"; exit 3']);
  assert.equal(await host.line(), `waiting for the agent behind ${path}`);
  const place = { HVSOCK_EMULATOR: emulator.directory, HVSOCK_EMULATOR_CID: '3', PLACE: 'the guest' };
  serveExample(context, 'firecracker/agent.js', [], place);
  assert.match(await host.line(), /^the guest has \{ cpus: \d+, memory: \d+ \}$/);
  assert.equal(await host.line(), 'in the guest');
  const [status] = host.process.exitCode === null ? await once(host.process, 'exit') : [host.process.exitCode];
  assert.equal(status, 3);
});

test('hyperv: a guest by its GUID', { timeout: 60_000 }, async (context) => {
  await using emulator = await Emulator.create();
  const { vmId } = emulator.guest(3).partition;
  const guest = serveExample(context, 'hyperv/guest.js', [], {
    HVSOCK_EMULATOR: emulator.directory,
    HVSOCK_EMULATOR_CID: '3',
  });
  assert.match(await guest.line(), /^listening on hvsock:\/\//);
  const output = await runExample('hyperv/host.js', [vmId], { HVSOCK_EMULATOR: emulator.directory });
  assert.match(output, /^\{ hostname: '.+', uptime: [\d.]+ \}$/m);
});
