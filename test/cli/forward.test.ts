// hvsock forward between TCP, unix sockets, emulated vsock and stdio.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { UsageError } from '#src/cli/arguments.js';
import { readForwardCommandLine } from '#src/cli/forward-arguments.js';
import { formatEnd } from '#src/cli/forward-end.js';
import { forwardUsage } from '#src/cli/forward-usage.js';
import { noSignals, noUnixSockets } from '../support/capabilities.ts';
import { activated, ForwardProcess } from './forward-process.ts';
import { HvcatProcess, runHvcat } from './hvcat-process.ts';

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'hvsock-forward-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Sends back what it got, but only once it has it all. */
async function serveAfterEnd(t: TestContext, options: net.ListenOptions = { port: 0, host: '127.0.0.1' }) {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const chunks: Buffer[] = [];
    socket.on('error', () => {});
    socket.on('data', (chunk) => chunks.push(chunk)).on('end', () => socket.end(Buffer.concat(chunks)));
  });
  server.listen(options);
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  return address === null || typeof address === 'string' ? `unix://${address}` : `tcp://127.0.0.1:${address.port}`;
}

function dial(address: string): net.Socket {
  const [, host = '', port = ''] = /^tcp:\/\/(.*):(\d+)$/.exec(address) ?? [];
  const socket = net.connect(port === '' ? { path: address.replace('unix://', '') } : { host, port: Number(port) });
  socket.allowHalfOpen = true;
  return socket.on('error', () => {});
}

async function readAll(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function exchange(address: string, bytes: Buffer): Promise<void> {
  const socket = dial(address);
  socket.end(bytes);
  const hash = (value: Buffer) => createHash('sha256').update(value).digest('hex');
  assert.equal(hash(await readAll(socket)), hash(bytes));
}

test('every kind of address to every other, many connections at once', { timeout: 120_000 }, async (t) => {
  const folder = makeFolder(t);
  const env = { HVSOCK_EMULATOR: join(folder, 'machines') };
  const overPaths = [
    ['tcp://127.0.0.1:0', `unix://${folder}/a`],
    // Where Firecracker looks for the host's side of port 7.
    [`unix://${folder}/a`, `unix://${folder}/vm_7`],
    [`firecracker://:7${folder}/vm`, '2:1024'],
  ];
  const chain = [
    ...(noUnixSockets === false ? overPaths : [['tcp://127.0.0.1:0', '2:1024']]),
    [':1024', 'hvsock://loopback/1025'],
    ['hvsock://wildcard/1025', await serveAfterEnd(t)],
  ];
  const forwards: ForwardProcess[] = [];
  for (const [listen = '', connect = ''] of chain.reverse()) {
    const forward = new ForwardProcess(t, [listen, connect], { env });
    await forward.address();
    forwards.unshift(forward);
  }
  const address = await (forwards[0] as ForwardProcess).address();
  await Promise.all(Array.from({ length: 20 }, (_, index) => exchange(address, randomBytes(100_000 * index))));
  for (const forward of forwards) {
    await forward.stderr(/( closed: sent .*){20}/s);
    const { status, stderr } = await forward.stop();
    if (noSignals !== false) continue;
    assert.equal(status, 0);
    assert.match(stderr, /stopped by SIGTERM: sent 18\.\d MiB/);
  }
});

test('stdin and stdout on either side', { timeout: 60_000 }, async (t) => {
  const target = await serveAfterEnd(t);
  for (const args of [
    ['-', target],
    ['--retry=5', '--timeout=5', '-', target],
  ]) {
    const forward = new ForwardProcess(t, args);
    forward.child.stdin?.end('hello');
    const { status, stdout, stderr } = await forward.ended;
    assert.deepEqual([status, stdout], [0, 'hello'], stderr);
  }
  const listening = new ForwardProcess(t, ['tcp://127.0.0.1:0', '-']);
  const socket = dial(await listening.address());
  socket.end('to stdout');
  listening.child.stdin?.end('from stdin');
  assert.equal(String(await readAll(socket)), 'from stdin');
  const { status, stdout } = await listening.ended;
  assert.deepEqual([status, stdout], [0, 'to stdout']);
});

test('it waits for the far side, with --retry; without, the client is let go', { timeout: 60_000 }, async (t) => {
  const folder = makeFolder(t);
  for (const target of [...(noUnixSockets === false ? [`unix://${folder}/late`] : []), 'tcp']) {
    let port = 0;
    if (target === 'tcp') {
      const server = net.createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      port = (server.address() as net.AddressInfo).port;
      server.close();
    }
    const connect = port === 0 ? target : `tcp://127.0.0.1:${port}`;
    const hasty = new ForwardProcess(t, ['tcp://127.0.0.1:0', connect]);
    await readAll(dial(await hasty.address()));
    await hasty.stderr(/ closed: /);
    assert.match((await hasty.stop()).stderr, /connection from tcp:.*\n.*(ENOENT|ECONNREFUSED).*\n.* closed: sent 0 B/);
    const patient = new ForwardProcess(t, ['--retry', 'tcp://127.0.0.1:0', connect]);
    const done = exchange(await patient.address(), Buffer.from('early'));
    await patient.stderr(/next try in/);
    await serveAfterEnd(t, port === 0 ? { path: join(folder, 'late') } : { port, host: '127.0.0.1' });
    await done;
    await patient.stop();
  }
});

test('--max-connections and --idle-timeout', { timeout: 60_000 }, async (t) => {
  const target = await serveAfterEnd(t);
  const args = ['--max-connections', '2', '--idle-timeout', '1', 'tcp://127.0.0.1:0', target];
  const forward = new ForwardProcess(t, args);
  const address = await forward.address();
  const sockets = [dial(address), dial(address)];
  await forward.stderr(/(connection from.*\n.*){2}/);
  await readAll(dial(address));
  await forward.stderr(/was turned away: --max-connections is 2/);
  await Promise.all(sockets.map((socket) => once(socket.resume(), 'end')));
  await forward.stderr(/carried nothing for 1000 ms \(timeout\)/);
  await exchange(address, Buffer.from('there is room again'));
  await forward.stop();
});

test('SIGTERM: no more are taken, those that there are end, or are cut after --grace', {
  timeout: 60_000,
  skip: noSignals,
}, async (t) => {
  const target = await serveAfterEnd(t);
  const forward = new ForwardProcess(t, ['tcp://127.0.0.1:0', target]);
  const address = await forward.address();
  const socket = dial(address);
  socket.write('begun, ');
  await forward.stderr(/connection from/);
  forward.child.kill('SIGTERM');
  await forward.stderr(/1 connection has 10 s to end/);
  await new Promise((resolve) => dial(address).once('close', resolve));
  socket.end('ended');
  assert.equal(String(await readAll(socket)), 'begun, ended');
  assert.deepEqual((await forward.ended).status, 0);

  const hard = new ForwardProcess(t, ['--grace', '0.1', 'tcp://127.0.0.1:0', target]);
  const closed = once(dial(await hard.address()).resume(), 'end');
  await hard.stderr(/connection from/);
  const { status, stderr } = await hard.stop();
  assert.equal(status, 0);
  assert.match(stderr, /ended by the signal/);
  await closed;
});

test('--json tells the same for programs', { timeout: 60_000 }, async (t) => {
  const forward = new ForwardProcess(t, ['--json', 'tcp://127.0.0.1:0', await serveAfterEnd(t)]);
  const [, address = ''] = await forward.stderr(/"address":"([^"]+)"/);
  await exchange(address, Buffer.from('12345'));
  await forward.stderr(/"event":"closed"/);
  const events = (await forward.stop()).stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    events.map(({ event }) => event),
    ['listening', 'connection', 'closed', ...(noSignals === false ? ['stopped'] : [])],
  );
  const { from, sent, received, failed } = events[2];
  assert.deepEqual([sent, received, failed], [5, 5, false]);
  assert.match(from, /^tcp:\/\/127\.0\.0\.1:\d+$/);
});

test("systemd's sockets: a unix one, blocking as it comes", { timeout: 60_000, skip: noUnixSockets }, async (t) => {
  const path = join(makeFolder(t), 'activated');
  const expression = `socket.socket(socket.AF_UNIX); s.bind(${JSON.stringify(path)})`;
  const command = activated(expression);
  const forward = new ForwardProcess(t, ['systemd', await serveAfterEnd(t)], { command });
  await forward.stderr(/listening on a unix socket of systemd/);
  for (let i = 0; i < 3; i++) await exchange(`unix://${path}`, Buffer.from(`activated ${i}`));
  await forward.stop();
  const { status, stderr } = await new ForwardProcess(t, ['systemd', '3:1'], {
    env: { LISTEN_PID: '1', LISTEN_FDS: '1' },
  }).ended;
  assert.equal(status, 2);
  assert.match(stderr, /systemd has passed no sockets to listen on; LISTEN_PID is 1/);
});

test('an address that cannot be listened on is a failure', { timeout: 60_000 }, async (t) => {
  const target = await serveAfterEnd(t);
  const { status, stderr } = await new ForwardProcess(t, [target, target]).ended;
  assert.equal(status, 1);
  assert.match(stderr, /EADDRINUSE/);
});

test('what the ends mean', () => {
  const shown = (listen: string, connect: string) => {
    const run = readForwardCommandLine([listen, connect]);
    return run && [formatEnd(run.listen), formatEnd(run.connect)];
  };
  assert.deepEqual(shown(':22', '3:22'), ['vsock://:22', 'vsock://3:22']);
  assert.deepEqual(shown('tcp://:80', 'tcp://[::1]:80'), ['tcp://:80', 'tcp://[::1]:80']);
  assert.deepEqual(shown('systemd', 'tcp://a.example:1'), ['systemd', 'tcp://a.example:1']);
  assert.deepEqual(shown('-', 'unix:///a'), ['stdin and stdout', 'unix:///a']);
  assert.equal(readForwardCommandLine(['--help']), undefined);
});

test('a command line that cannot be meant is refused in a sentence', () => {
  const refused = (pattern: RegExp, ...args: string[]) =>
    assert.throws(
      () => readForwardCommandLine(args),
      (error) => error instanceof UsageError && pattern.test(error.message),
    );
  refused(/needs two addresses/, ':1');
  refused(/"3:3" is a third/, ':1', '3:1', '3:3');
  refused(/one of the two only/, '-', '-');
  refused(/names no machine/, ':1', ':2');
  refused(/names no host/, ':1', 'tcp://:2');
  refused(/nothing to connect to/, ':1', 'systemd');
  refused(/"tcp:\/\/a" is no address/, 'tcp://a', '3:1');
  refused(/"tcp:\/\/a:65536" is no address/, 'tcp://a:65536', '3:1');
  refused(/port 0/, ':1', 'tcp://a:0');
  refused(/"nonsense" is no address/, 'nonsense', '3:1');
  refused(/--allow must be CIDs/, '--allow', '3,x', ':1', '3:1');
  refused(/--allow is about vsock/, '--allow', '3', 'tcp://:1', '3:1');
  refused(/--max-connections must be a number above 0, not "0"/, '--max-connections', '0', ':1', '3:1');
  refused(/--max-connections is about listening/, '--max-connections', '1', '-', '3:1');
  refused(/--timeout must be/, '--timeout', 'x', ':1', '3:1');
  refused(/--retry is about connecting/, '--retry', ':1', '-');
  refused(/--idle-timeout must be/, '--idle-timeout', '0', ':1', '3:1');
});

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../../../${path}`, import.meta.url)), 'utf8');

test('the manual shows the usage, and its commands are understood', () => {
  const manual = read('docs/forward.md');
  assert.ok(manual.includes(forwardUsage));
  const unit = read('examples/systemd/hvsock-forward.service');
  const commands = [...`${manual}${unit}`.matchAll(/hvsock forward ((?:[^`'#\n]|(?<=-)\n)+)/g)]
    .map(([, command = '']) => command.trim().split(/\s+/))
    .filter((words) => words[0] !== '[options]');
  assert.ok(commands.length >= 8);
  for (const words of commands) {
    // Within another command, what follows is not ours.
    readForwardCommandLine(words.at(-1)?.includes('@') ? words.slice(0, -1) : words);
  }
});

test('hvcat and forward get along', { timeout: 60_000 }, async (t) => {
  process.env['HVSOCK_EMULATOR'] = makeFolder(t);
  const server = new HvcatProcess(['-l', '--echo', '-v', ':1024']);
  t.after(() => server.child.kill('SIGKILL'));
  await server.stderr(/listening/);
  const forward = new ForwardProcess(t, [':1025', '2:1024']);
  await forward.address();
  assert.equal((await runHvcat(['2:1025'], 'through')).stdout, 'through');
});
