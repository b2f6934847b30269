// hvcat from end to end over AF_HYPERV's loopback, its own processes on both sides.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import { HvcatProcess, hvcatPath } from '../cli/hvcat-process.ts';
import { freshAddress, shim } from '../support/hyperv.ts';

// Where AF_HYPERV is the stand-in's, the processes need it too.
const support = new URL('../support/hyperv.js', import.meta.url).href;
const command = [process.execPath, ...(shim === undefined ? [] : ['--import', support]), hvcatPath];

const start = (args: readonly string[]) => new HvcatProcess(args, { command });

/** A listening hvcat, and the address at which it is reached. */
async function listening(context: TestContext, ...args: string[]): Promise<[hvcat: HvcatProcess, address: string]> {
  const address = `${freshAddress()}`;
  const hvcat = start(['-lv', ...args, address]);
  context.after(() => hvcat.child.kill('SIGKILL'));
  await hvcat.stderr(/listening on hvsock:/);
  return [hvcat, address];
}

describe('hvcat, over AF_HYPERV', { timeout: 60_000 }, () => {
  test('pipes both ways, each longer than what may be on its way', async (t) => {
    const [question, answer] = [randomBytes(3_000_000), randomBytes(2_000_000)];
    const [server, address] = await listening(t);
    server.child.stdin?.end(answer);
    const client = start([address]);
    client.child.stdin?.end(question);
    const [asked, answered] = await Promise.all([client.ended, server.ended]);
    assert.deepEqual([asked.status, answered.status], [0, 0], asked.stderr + answered.stderr);
    assert.deepEqual([answered.stdout.length, asked.stdout.length], [question.length, answer.length]);
    assert.ok(Buffer.from(answered.stdout, 'latin1').equals(question));
    assert.ok(Buffer.from(asked.stdout, 'latin1').equals(answer));
  });

  test('--echo serves many, whether they name the service by GUID or by port', async (t) => {
    const [, address] = await listening(t, '--echo');
    const [, port] = /\/([0-9a-f]{8})-/.exec(address) ?? [];
    const byPort = `hvsock://loopback/${Number.parseInt(`${port}`, 16)}`;
    const clients = [address, byPort, byPort].map((name, index) => {
      const client = start([name]);
      client.child.stdin?.end(`${index}`.repeat(200_000));
      return client.ended;
    });
    for (const [index, { status, stdout }] of (await Promise.all(clients)).entries()) {
      assert.equal(status, 0);
      assert.ok(stdout === `${index}`.repeat(200_000));
    }
  });

  test('nobody listens: status 1, and one line', async () => {
    const client = start(['--timeout=5', `${freshAddress()}`]);
    client.child.stdin?.end();
    const { status, stderr } = await client.ended;
    assert.equal(status, 1);
    assert.match(stderr, /^hvcat: connect E\w+ hvsock:[^\n]* \((refused|timeout)\)\n$/);
  });
});
