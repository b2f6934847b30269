// hvcat from end to end, its own processes on both sides, over the emulated hypervisor: on every system that has Node.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, type TestContext, test } from 'node:test';
import { Emulator } from 'hvsock/testing';
import { HvcatProcess, runHvcat } from './hvcat-process.ts';

const emulator = await Emulator.create();
const folder = mkdtempSync(join(tmpdir(), 'hvcat-'));
after(async () => {
  await emulator.close();
  rmSync(folder, { recursive: true });
});
// hvcat's processes are the host, which reaches itself.
process.env['HVSOCK_EMULATOR'] = emulator.directory;

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** A listening hvcat, and the address at which it is reached. */
async function listening(
  context: TestContext,
  ...parameters: ConstructorParameters<typeof HvcatProcess>
): Promise<[hvcat: HvcatProcess, address: string]> {
  const [args, stdio] = parameters;
  const hvcat = new HvcatProcess(['-lv', ...args, ':any'], stdio);
  context.after(() => hvcat.child.kill('SIGKILL'));
  return [hvcat, `host:${await hvcat.port()}`];
}

describe('hvcat, over an emulated hypervisor', { timeout: 60_000 }, () => {
  test('files both ways: all of them, and each end knows that it was', async (t) => {
    const [question, answer] = [randomBytes(3_500_000), randomBytes(2_500_000)];
    const paths = Object.fromEntries(
      ['question', 'answer', 'question-got', 'answer-got'].map((name) => [name, join(folder, name)]),
    ) as Record<string, string>;
    writeFileSync(paths['question'] as string, question);
    writeFileSync(paths['answer'] as string, answer);
    const open = (from: string, to: string) => {
      const stdio = { stdin: openSync(paths[from] as string, 'r'), stdout: openSync(paths[to] as string, 'w') };
      t.after(() => Object.values(stdio).forEach(closeSync));
      return stdio;
    };
    const [server, address] = await listening(t, [], open('answer', 'question-got'));
    const client = new HvcatProcess([address], open('question', 'answer-got'));
    for (const { ended } of [client, server]) assert.equal((await ended).status, 0);
    assert.equal(digest(readFileSync(paths['question-got'] as string)), digest(question));
    assert.equal(digest(readFileSync(paths['answer-got'] as string)), digest(answer));
  });

  test('pipes both ways, each longer than what may be on its way', async (t) => {
    const [question, answer] = [randomBytes(3_000_000), randomBytes(2_000_000)];
    const [server, address] = await listening(t, []);
    server.child.stdin?.end(answer);
    const asked = await runHvcat([address], question);
    const answered = await server.ended;
    assert.deepEqual([asked.status, answered.status], [0, 0]);
    assert.equal(digest(Buffer.from(answered.stdout, 'latin1')), digest(question));
    assert.equal(digest(Buffer.from(asked.stdout, 'latin1')), digest(answer));
  });

  test('--echo serves many at a time', async (t) => {
    const [, address] = await listening(t, ['--echo']);
    const sent = Array.from({ length: 4 }, (_, i) => `${i}`.repeat(300_000));
    const answers = await Promise.all(sent.map((text) => runHvcat([address], text)));
    for (const [i, { status, stdout }] of answers.entries()) {
      assert.equal(status, 0);
      assert.ok(stdout === sent[i]);
    }
  });

  test('--exec: a command of the system’s shell, which knows whom it serves', async (t) => {
    const script = join(folder, 'serve.cjs');
    writeFileSync(script, "process.stdout.write(process.env.HVSOCK_REMOTE + ' '); process.stdin.pipe(process.stdout);");
    const [, address] = await listening(t, ['-k', '-e', `"${process.execPath}" "${script}"`]);
    const { status, stdout } = await runHvcat([address], 'hello');
    assert.match(stdout, /^vsock:\/\/2:\d+ hello$/);
    assert.equal(status, 0);
  });

  test('nobody listens: status 1, one line; --retry waits for one', async (t) => {
    const refused = await runHvcat(['host:4242']);
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /^hvcat: connect ECONNRESET vsock:\/\/2:4242: [^\n]*\(refused\)\n$/);
    const client = new HvcatProcess(['-v', '--retry=20', 'host:4242']);
    client.child.stdin?.end('patience');
    await client.stderr(/refused/);
    const server = new HvcatProcess(['-l', '--echo', ':4242']);
    t.after(() => server.child.kill('SIGKILL'));
    const { status, stdout } = await client.ended;
    assert.deepEqual([status, stdout], [0, 'patience']);
  });

  test('--json: each line of stderr is an object', async (t) => {
    const [, address] = await listening(t, ['--echo']);
    const { status, stderr } = await runHvcat(['--json', address], 'hello');
    const events = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; sent?: number; received?: number });
    assert.equal(status, 0);
    assert.ok(events.some(({ event }) => event === 'connected'));
    assert.ok(
      events.some(({ event }) => event === 'closed'),
      stderr,
    );
  });
});
