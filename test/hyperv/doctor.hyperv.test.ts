// What the doctor finds where there is AF_HYPERV, and where it fails; test/doctor has the rest of Windows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createServer, type HypervAddress } from 'hvsock';
import { diagnose } from '#src/doctor/diagnose.js';
import { type Fault, freshAddress, inject, noFaults } from '../support/hyperv.ts';
import { echo } from '../support/servers.ts';

async function found(machine?: HypervAddress): Promise<string[]> {
  const findings = await diagnose({ io: { machine } });
  return findings.map(({ id }) => id).filter((id) => /^(hyperv|io)\./.test(id));
}

test('sockets, and bytes by both ways', async () => {
  assert.deepEqual(await found(), ['hyperv.ready', 'io.direct', 'io.threads']);
});

test('a service that echoes, and one that nobody offers', async (t) => {
  const server = createServer({ allowHalfOpen: true }, echo);
  t.after(() => server.close());
  const address = freshAddress();
  await server.listen(address);
  assert.deepEqual((await found(address)).slice(3), ['io.machine', 'io.machine']);
  assert.deepEqual((await found(freshAddress())).slice(3), ['io.machine-failed', 'io.machine-failed']);
});

for (const [fault, expected] of [
  ['no-family', ['hyperv.missing', 'io.unsupported']],
  ['net-down', ['hyperv.missing', 'io.unsupported']],
  ['not-allowed', ['hyperv.idle', 'io.direct-failed', 'io.threads-failed', 'io.none']],
  ['zero-lost', ['hyperv.ready', 'io.direct-failed', 'io.threads']],
] as [Fault, string[]][]) {
  test(`what fails: ${fault}`, { skip: noFaults }, async (t) => {
    inject(t, fault);
    assert.deepEqual(await found(), expected);
  });
}
