// hvcat --framed, over unix sockets, and over an emulated guest that loses what a raw connection ends with.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Emulator } from 'hvsock/testing';
import { noUnixSockets } from '../support/capabilities.ts';
import { HvcatProcess, runHvcat } from './hvcat-process.ts';

const directory = mkdtempSync(join(tmpdir(), 'hvsock-'));
after(() => rmSync(directory, { recursive: true }));
const peerProgram = fileURLToPath(new URL('../../../../test/framing/peer.py', import.meta.url));
let sockets = 0;

/** A listening hvcat, and the address that it listens on. */
async function listening(context: TestContext, ...args: string[]): Promise<[hvcat: HvcatProcess, address: string]> {
  const address = `unix://${join(directory, `${sockets++}`)}`;
  const hvcat = new HvcatProcess(['-lv', ...args, address]);
  context.after(() => hvcat.child.kill('SIGKILL'));
  await hvcat.stderr(/listening on/);
  return [hvcat, address];
}

describe('hvcat --framed', { timeout: 60_000, skip: noUnixSockets }, () => {
  test('half close both ways', async (t) => {
    const [question, answer] = [randomBytes(500_000), randomBytes(700_000)];
    const [server, address] = await listening(t, '--framed');
    server.child.stdin?.end(answer);
    const client = await runHvcat(['--framed', address], question);
    assert.deepEqual([client.status, client.stderr], [0, '']);
    assert.ok(client.stdout === answer.toString('latin1'));
    const { status, stdout } = await server.ended;
    assert.equal(status, 0);
    assert.ok(stdout === question.toString('latin1'));
  });

  test('--echo, many at once', async (t) => {
    const [server, address] = await listening(t, '--framed', '--echo');
    const sent = [0, 1, 100_000, 1_000_000].map((length) => randomBytes(length));
    const ends = await Promise.all(sent.map((bytes) => runHvcat(['--framed', address], bytes)));
    for (const [index, { status, stdout, stderr }] of ends.entries()) {
      assert.deepEqual([status, stderr], [0, '']);
      assert.ok(stdout === sent[index]?.toString('latin1'));
    }
    server.child.kill('SIGTERM');
    assert.equal((await server.ended).status, 0);
  });

  test('--exec, in both roles', async (t) => {
    const [, address] = await listening(t, '--framed', '--exec', 'tr a-z A-Z');
    const { status, stdout } = await runHvcat(['--framed', address], 'words'.repeat(10_000));
    assert.deepEqual([status, stdout], [0, 'WORDS'.repeat(10_000)]);

    const [server, second] = await listening(t, '--framed');
    server.child.stdin?.end('words');
    assert.equal((await runHvcat(['--framed', '--exec', 'tr a-z A-Z', second])).status, 0);
    const { status: serverStatus, stdout: answer } = await server.ended;
    assert.deepEqual([serverStatus, answer], [0, 'WORDS']);
  });

  test('status 1 when the other side has closed before it had everything', async (t) => {
    const [server, address] = await listening(t, '--framed', '--exec', 'head -c 10');
    const { status, stdout, stderr } = await runHvcat(['--framed', address], Buffer.alloc(10_000_000, 'x'));
    assert.equal(stdout, 'x'.repeat(10));
    assert.match(stderr, /^hvcat: [^\n]*the other side of the framed connection reads no more[^\n]*\(reset\)\n$/);
    assert.equal(status, 1);
    await server.stderr(/closed/);
    // Also when it is not known yet whether there is more to come.
    const client = new HvcatProcess(['--framed', address]);
    client.child.stdin?.write(Buffer.alloc(100_000, 'x'));
    const { status: unended, stderr: told } = await client.ended;
    assert.match(told, /reads no more[^\n]*\(reset\)\n$/);
    assert.equal(unended, 1);
    // Who has nothing to send has lost nothing.
    assert.equal((await runHvcat(['--framed', address])).status, 0);
  });

  test('a reader that leaves ends it quietly, and both sides', async (t) => {
    const [, address] = await listening(t, '--framed', '--exec', 'yes');
    const client = new HvcatProcess(['--framed', address]);
    client.child.stdin?.end();
    await once(client.child.stdout as NodeJS.EventEmitter, 'data');
    client.child.stdout?.destroy();
    const { status, stderr } = await client.ended;
    assert.deepEqual([status, stderr], [0, '']);
  });

  test('the other side must be framed, too', async (t) => {
    const [server, address] = await listening(t, '--exec', 'echo hello');
    const { status, stderr } = await runHvcat(['--framed', address]);
    assert.match(stderr, /^hvcat: [^\n]*is the other side framed, too\? \(protocol\)\n$/);
    assert.equal(status, 1);
    server.child.kill();
  });

  test('a signal ends it, and one that is framed with it', async (t) => {
    const [server, address] = await listening(t, '--framed');
    const client = new HvcatProcess(['--framed', '-v', address]);
    await client.stderr(/connected to/);
    await server.stderr(/connection from/);
    client.child.kill('SIGINT');
    assert.equal((await client.ended).status, 130);
    server.child.stdin?.end();
    assert.equal((await server.ended).status, 0);
  });

  test('Python, who has only read the description', async () => {
    const path = join(directory, 'python');
    const python = spawn('/usr/bin/python3', [peerProgram, 'listen', path]);
    await once(python.stdout, 'data');
    const printed = text(python.stdout);
    const words = 'framed '.repeat(5000);
    const { status, stdout, stderr } = await runHvcat(['--framed', `unix://${path}`], words);
    assert.deepEqual([status, stderr], [0, '']);
    assert.equal(stdout, words.toUpperCase());
    assert.equal((await printed).trim(), `${words.length}`);
  });

  test('where a raw connection loses the answer and the last bytes', async (t) => {
    const emulator = await Emulator.create();
    t.after(() => emulator.close());
    await emulator.guest(3).setFaults({ halfClose: false, loseAtShutdown: 1000 });
    const inMachine = (cid: string) => ({ env: { HVSOCK_EMULATOR: emulator.directory, HVSOCK_EMULATOR_CID: cid } });
    for (const framed of [[], ['--framed']]) {
      const server = new HvcatProcess(['-lv', ...framed, ':1024'], inMachine('3'));
      t.after(() => server.child.kill('SIGKILL'));
      await server.port();
      const client = new HvcatProcess([...framed, '3:1024'], inMachine('2'));
      client.child.stdin?.end('x'.repeat(50_000));
      server.child.stdin?.end('answer');
      const [{ stdout: answer }, { stdout: question }] = await Promise.all([client.ended, server.ended]);
      if (framed.length > 0) assert.deepEqual([question.length, answer], [50_000, 'answer']);
      else assert.notDeepEqual([question.length, answer], [50_000, 'answer']);
    }
  });
});
