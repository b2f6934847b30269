// hvcat over AF_VSOCK: runs in a kernel of its own (test/vm), over loopback.
import '../support/lab.ts';

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { connect, createServer, type Socket } from 'hvsock';
import { HvcatProcess, hvcatPath, runHvcat } from './hvcat-process.ts';

const MEMORY_MAX = 120; // MB
const MIB = 1024 * 1024;

// Only where loopback is CID 1's owner may anything connect: elsewhere the requests go to the host of this machine.
const probe = createServer();
await probe.listen('vsock://1:any');
probe.close();

const folder = mkdtempSync(join(tmpdir(), 'hvcat-'));
after(() => rmSync(folder, { recursive: true }));

/** A listener in this process; the port. */
async function serve(t: TestContext, onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    onConnection(socket);
  });
  await server.listen('vsock://1:any');
  t.after(() => {
    if (server.listening) server.close();
  });
  const address = server.address();
  assert.ok(address?.family === 'vsock');
  return address.port;
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer();
  await server.listen('vsock://1:any');
  const address = server.address();
  server.close();
  assert.ok(address?.family === 'vsock');
  return address.port;
}

/** hvcat as it listens; it is killed when the test is done, if it is still there. */
function start(t: TestContext, args: string[], stdio?: ConstructorParameters<typeof HvcatProcess>[1]): HvcatProcess {
  const hvcat = new HvcatProcess(args, stdio);
  t.after(() => hvcat.child.kill('SIGKILL'));
  return hvcat;
}

/** Another program; what it wrote, when it has ended well. */
async function output(program: ChildProcess): Promise<string> {
  const chunks: Buffer[] = [];
  program.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [status] = await once(program, 'close');
  assert.equal(status, 0, `${program.spawnfile} ended with ${status}`);
  return Buffer.concat(chunks).toString('latin1');
}

function program(command: string, ...args: string[]): ChildProcess {
  return spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const digest = (data: Buffer) => createHash('sha256').update(data).digest('hex');

// --- bytes ---

test('an echo comes back, to many at once', async (t) => {
  const echo = start(t, ['-l', '--echo', '-v', ':any']);
  const port = await echo.port();
  const endings = await Promise.all(['one', 'two', 'three'].map((text) => runHvcat([`1:${port}`], text)));
  assert.deepEqual(endings, [
    { status: 0, signal: null, stdout: 'one', stderr: '' },
    { status: 0, signal: null, stdout: 'two', stderr: '' },
    { status: 0, signal: null, stdout: 'three', stderr: '' },
  ]);
});

test('an echo server keeps one client while others come and go', async (t) => {
  const echo = start(t, ['-l', '--echo', '-v', ':any']);
  const port = await echo.port();
  const patient = start(t, [`1:${port}`]);
  patient.child.stdin?.write('first ');
  await once(patient.child.stdout!, 'data');
  assert.equal((await runHvcat([`1:${port}`], 'other')).stdout, 'other');
  patient.child.stdin?.end('last');
  assert.equal((await patient.ended).stdout, 'first last');
});

test('64 MB go both ways at once, between files', { timeout: 60_000 }, async (t) => {
  const size = 64 * 1000 * 1000;
  const names = ['up', 'down', 'up.out', 'down.out'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ];
  const [up, down, upOut, downOut] = names;
  const sent = [up, down].map((name) => {
    const data = randomBytes(size);
    writeFileSync(name, data);
    return digest(data);
  });
  const descriptors = [openSync(down, 'r'), openSync(upOut, 'w'), openSync(up, 'r'), openSync(downOut, 'w')] as const;
  const listener = start(t, ['-l', '-v', ':any'], { stdin: descriptors[0], stdout: descriptors[1] });
  const port = await listener.port();
  const client = start(t, [`1:${port}`], { stdin: descriptors[2], stdout: descriptors[3] });
  assert.equal((await client.ended).status, 0);
  assert.equal((await listener.ended).status, 0);
  for (const descriptor of descriptors) closeSync(descriptor);
  assert.deepEqual(
    [upOut, downOut].map((name) => digest(readFileSync(name))),
    sent,
  );
  for (const name of names) rmSync(name);
});

test('a large answer arrives whole through a pipe that is read late', async (t) => {
  const data = randomBytes(8 * MIB);
  const port = await serve(t, (socket) => socket.end(data));
  const reader = spawn('sh', ['-c', `exec "$0" "$1" 1:${port} </dev/null`, process.execPath, hvcatPath]);
  t.after(() => reader.kill('SIGKILL'));
  // Nothing is read before hvcat cannot go on: the pipe is full, and so is the connection.
  reader.stdout.pause();
  await once(reader.stdout, 'readable');
  const chunks: Buffer[] = [];
  for await (const chunk of reader.stdout) chunks.push(chunk);
  assert.equal(digest(Buffer.concat(chunks)), digest(data));
});

// --- memory ---

test('sending 256 MB to a slow reader takes little memory', { timeout: 60_000 }, async (t) => {
  const size = 256 * MIB;
  const file = join(folder, 'sparse');
  writeFileSync(file, '');
  truncateSync(file, size);
  const descriptor = openSync(file, 'r');
  let finish: (received: number) => void = () => {};
  const received = new Promise<number>((resolve) => {
    finish = resolve;
  });
  let answer: Socket | undefined;
  const port = await serve(t, (socket) => {
    answer = socket;
    let count = 0;
    let pauseAt = MIB;
    socket.on('data', (chunk) => {
      count += chunk.length;
      if (count < pauseAt) return;
      pauseAt += MIB;
      socket.pause();
      setImmediate(() => socket.resume());
    });
    socket.on('end', () => finish(count));
  });
  const client = start(t, [`1:${port}`], { stdin: descriptor });
  assert.equal(await received, size);
  // Alive still: it waits for the answer.
  const { peakMemory } = client;
  answer?.end();
  assert.equal((await client.ended).status, 0);
  closeSync(descriptor);
  rmSync(file);
  assert.ok(peakMemory < MEMORY_MAX, `${peakMemory} MB`);
});

test('receiving 256 MB takes little memory', { timeout: 60_000 }, async (t) => {
  const total = 256 * MIB;
  const chunk = Buffer.alloc(256 * 1024);
  const port = await serve(t, async (socket) => {
    socket.resume();
    for (let sent = 0; sent < total; sent += chunk.length) if (!socket.write(chunk)) await once(socket, 'drain');
    socket.end();
  });
  const client = spawn(process.execPath, [hvcatPath, `1:${port}`], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => client.kill('SIGKILL'));
  let count = 0;
  let peakMemory = 0;
  for await (const data of client.stdout) {
    count += data.length;
    // The last bytes are in this process: it may have ended when they are counted.
    if (count > total - MIB && peakMemory === 0) {
      const status = readFileSync(`/proc/${client.pid}/status`, 'utf8');
      peakMemory = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1000;
    }
  }
  assert.equal(count, total);
  assert.ok(peakMemory > 0 && peakMemory < MEMORY_MAX, `${peakMemory} MB`);
});

test('an echo of 128 MB takes little memory', { timeout: 60_000 }, async (t) => {
  const echo = start(t, ['-l', '--echo', '-v', ':any']);
  const socket = connect(`vsock://1:${await echo.port()}`, { allowHalfOpen: true });
  const chunk = Buffer.alloc(256 * 1024);
  let count = 0;
  socket.on('data', (data) => {
    count += data.length;
  });
  for (let sent = 0; sent < 128 * MIB; sent += chunk.length) if (!socket.write(chunk)) await once(socket, 'drain');
  socket.end();
  await once(socket, 'end');
  assert.equal(count, 128 * MIB);
  assert.ok(echo.peakMemory < MEMORY_MAX, `${echo.peakMemory} MB`);
});

// --- half close and the end ---

test('the end of stdin ends sending, and the answer is read to its end', async (t) => {
  const port = await serve(t, async (socket) => {
    const question = await readAll(socket);
    socket.write(`answer to ${question}: `);
    setImmediate(() => socket.end('yes'));
  });
  const ending = await runHvcat([`1:${port}`], 'question');
  assert.deepEqual(ending, { status: 0, signal: null, stdout: 'answer to question: yes', stderr: '' });
});

test('what stdin brings after the end of the other side is still sent', async (t) => {
  let received: Promise<Buffer> | undefined;
  const port = await serve(t, (socket) => {
    received = readAll(socket);
    socket.end('I am done');
  });
  const client = start(t, ['-q', '20', `1:${port}`]);
  await once(client.child.stdout!, 'data');
  client.child.stdin?.write('but I ');
  client.child.stdin?.end('am not');
  assert.equal((await client.ended).status, 0);
  assert.equal(String(await received), 'but I am not');
});

test('after the end of the other side, a pipe that brings nothing holds nobody up', async (t) => {
  const port = await serve(t, (socket) => socket.end('bye'));
  const client = start(t, [`1:${port}`]);
  assert.deepEqual(await client.ended, { status: 0, signal: null, stdout: 'bye', stderr: '' });
  const listener = start(t, ['-l', '-v', ':any']);
  connect(`vsock://1:${await listener.port()}`).end('bye');
  const { status, stdout } = await listener.ended;
  assert.deepEqual({ status, stdout }, { status: 0, stdout: 'bye' });
});

test('at a terminal, the end of the other side is the end', async (t) => {
  const port = await serve(t, (socket) => socket.end('bye'));
  // script gives it a terminal; nobody types.
  const command = `exec "${process.execPath}" "${hvcatPath}" 1:${port}`;
  const terminal = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => terminal.kill('SIGKILL'));
  assert.equal(await output(terminal), 'bye');
});

test('a stdin that is closed, empty or a folder', async (t) => {
  const port = await serve(t, (socket) => socket.resume().once('end', () => socket.end('heard')));
  const run = (redirection: string) =>
    spawn('sh', ['-c', `exec "$0" "$1" 1:${port} ${redirection}`, process.execPath, hvcatPath]);
  for (const redirection of ['<&-', '</dev/null']) assert.equal(await output(run(redirection)), 'heard');
  const folderRun = run('</');
  const text = folderRun.stderr.setEncoding('utf8').toArray();
  assert.deepEqual(await once(folderRun, 'close'), [1, null]);
  assert.match((await text).join(''), /^hvcat: stdin: EISDIR[^\n]*\n$/);
});

test('-q bounds the wait for the answer, and loses nothing that was sent', async (t) => {
  let received: Promise<Buffer> | undefined;
  const port = await serve(t, (socket) => {
    received = readAll(socket);
  });
  const data = randomBytes(2 * MIB);
  const { status, stderr } = await runHvcat(['-q', '0', `1:${port}`], data);
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  assert.equal(digest((await received)!), digest(data));
});

test('--no-shutdown keeps sending open until the other side ends', async (t) => {
  const echo = start(t, ['-l', '--echo', '-v', ':any']);
  const echoPort = await echo.port();
  let hasEnded = false;
  const port = await serve(t, (socket) => {
    socket.once('data', async (data) => {
      // Had hvcat shut down, its end would be here by the time that another process has come and gone.
      await runHvcat([`1:${echoPort}`], 'data');
      socket.end(`${data}, ${hasEnded ? 'ended' : 'open'}`);
    });
    socket.once('end', () => {
      hasEnded = true;
    });
  });
  const { status, stdout } = await runHvcat(['--no-shutdown', `1:${port}`], 'data');
  assert.deepEqual({ status, stdout }, { status: 0, stdout: 'data, open' });
});

test('--no-shutdown ends with -q', async (t) => {
  const port = await serve(t, (socket) => socket.resume());
  assert.equal((await runHvcat(['--no-shutdown', '-q', '0.1', `1:${port}`], 'data')).status, 0);
});

test('a reader that leaves ends it quietly', async (t) => {
  const endless = (socket: Socket) => {
    const more = () => {
      while (!socket.destroyed && socket.write(Buffer.alloc(65536)));
    };
    socket.on('drain', more);
    more();
  };
  const port = await serve(t, endless);
  const script = `"$0" "$1" 1:${port} </dev/null | head -c 10 | wc -c; echo "\${PIPESTATUS[@]}"`;
  const ran = spawn('bash', ['-c', script, process.execPath, hvcatPath]);
  const errors = ran.stderr.toArray();
  assert.equal(await output(ran), '10\n0 0 0\n');
  assert.equal(Buffer.concat(await errors).toString(), '');
});

test('a full disk is told', async (t) => {
  const port = await serve(t, (socket) => socket.end('data'));
  const full = openSync('/dev/full', 'w');
  const { status, stderr } = await start(t, [`1:${port}`], { stdin: 'ignore', stdout: full }).ended;
  closeSync(full);
  assert.match(stderr, /^hvcat: stdout: ENOSPC[^\n]*\n$/);
  assert.equal(status, 1);
});

// --- failures and retries ---

test('failures to connect and to listen are one line each', async (t) => {
  const nobody = await freePort();
  const taken = await serve(t, () => {});
  const failures: [string[], RegExp][] = [
    [[`1:${nobody}`], new RegExp(`ECONNRESET vsock://1:${nobody}: nobody listens .* \\(refused\\)`)],
    [['77:1024'], /ENODEV vsock:\/\/77:1024: no such virtual machine.* \(no-vm\)/],
    [['-l', `1:${taken}`], /bind EADDRINUSE vsock:\/\/1:\d+: .*choose another port \(address-in-use\)/],
    [['-l', '77:1024'], /bind EADDRNOTAVAIL vsock:\/\/77:1024: .* \(address-not-available\)/],
    [['--retry=0.2', `1:${nobody}`], /ECONNRESET/],
  ];
  for (const [args, problem] of failures) {
    const { status, stdout, stderr } = await runHvcat(args, 'data');
    assert.match(stderr, /^hvcat: [^\n]+\n$/);
    assert.match(stderr, problem);
    assert.deepEqual({ status, stdout }, { status: 1, stdout: '' });
  }
});

test('--retry waits for a listener that comes late, and has lost nothing of stdin', async (t) => {
  const port = await freePort();
  const client = start(t, ['-v', '--retry', `1:${port}`]);
  client.child.stdin?.end('patience');
  await client.stderr(/ECONNRESET .* \(refused\); next try in \d+ ms\n/);
  const listener = start(t, ['-l', '-v', `1:${port}`], { stdin: 'ignore' });
  assert.equal((await listener.ended).stdout, 'patience');
  assert.equal((await client.ended).status, 0);
});

test('a connection that breaks while stdin goes on is a failure', async (t) => {
  const port = await serve(t, (socket) => socket.once('data', () => socket.destroy()));
  const endless = openSync('/dev/zero', 'r');
  const { status, stderr } = await start(t, [`1:${port}`], { stdin: endless }).ended;
  closeSync(endless);
  assert.match(stderr, /^hvcat: write (EPIPE|ECONNRESET) vsock:\/\/1:\d+: .* \(reset\)\n$/);
  assert.equal(status, 1);
});

// --- listening ---

test('without -k one connection is served, and the next is refused', async (t) => {
  const listener = start(t, ['-l', '-v', ':any']);
  const port = await listener.port();
  const first = connect(`vsock://1:${port}`, { allowHalfOpen: true });
  first.write('first');
  await once(listener.child.stdout!, 'data');
  assert.match((await runHvcat([`1:${port}`], 'second')).stderr, /\(refused\)/);
  first.end();
  const answer = readAll(first);
  listener.child.stdin?.end('answer');
  assert.equal(String(await answer), 'answer');
  const { status, stdout } = await listener.ended;
  assert.deepEqual({ status, stdout }, { status: 0, stdout: 'first' });
});

test('-k serves one after another, in the order in which they came, until it is stopped', async (t) => {
  const listener = start(t, ['-lkv', ':any'], { stdin: 'ignore' });
  const port = await listener.port();
  const first = connect(`vsock://1:${port}`);
  await listener.stderr(/connection from/);
  const second = runHvcat(['-v', `1:${port}`], 'second ');
  const third = runHvcat([`1:${port}`], 'third ');
  first.end('first ');
  first.resume();
  await once(first, 'close');
  assert.equal((await second).status, 0);
  assert.equal((await third).status, 0);
  listener.child.kill('SIGTERM');
  const { status, stdout, stderr } = await listener.ended;
  assert.equal(status, 0);
  assert.deepEqual(stdout.trim().split(' ').sort(), ['first', 'second', 'third']);
  assert.ok(stdout.startsWith('first '));
  assert.match(stderr, /stopped by SIGTERM: sent 0 B, received 19 B \(\d+ B\/s\) in \d\.\d+ s\n$/);
});

test('a service GUID is a port here', async (t) => {
  const port = 0x5653;
  const guid = `${port.toString(16).padStart(8, '0')}-FACB-11E6-BD58-64006A7986D3`;
  const echo = start(t, ['-l', '-v', '--echo', guid]);
  assert.equal(await echo.port(), port);
  assert.equal((await runHvcat(['--vmid', 'loopback', guid], 'GUIDs')).stdout, 'GUIDs');
  assert.equal((await runHvcat([`hvsock://loopback/${port}`], 'port')).stdout, 'port');
});

// --- commands ---

test('--exec runs a command for each connection, many at once', async (t) => {
  const listener = start(t, [
    '-l',
    '-v',
    '--exec',
    'echo "$HVSOCK_REMOTE to $HVSOCK_LOCAL"; tr a-z A-Z; exit 3',
    ':any',
  ]);
  const port = await listener.port();
  const patient = connect(`vsock://1:${port}`, { allowHalfOpen: true });
  await once(patient, 'readable');
  const { status, stdout } = await runHvcat([`1:${port}`], 'loud');
  assert.equal(status, 0);
  assert.match(stdout, new RegExp(`^vsock://1:\\d+ to vsock://1:${port}\nLOUD$`));
  patient.end('also');
  assert.match(String(await readAll(patient)), /\nALSO$/);
  await listener.stderr(/vsock:\/\/1:\d+: the command exited with status 3\n/);
});

test('the end of a command ends its connection, whether or not it has read everything', async (t) => {
  const listener = start(t, ['-l', '-v', '-e', 'head -c 3', ':any']);
  const port = await listener.port();
  const socket = connect(`vsock://1:${port}`, { allowHalfOpen: true });
  socket.on('error', () => {});
  socket.write('abcdef');
  assert.equal(String(await readAll(socket)), 'abc');
  socket.destroy();
  const { status } = await runHvcat([`1:${port}`], Buffer.alloc(4 * MIB));
  assert.ok(status === 0 || status === 1);
  // It lives.
  assert.equal((await runHvcat([`1:${port}`], 'xyz')).stdout, 'xyz');
});

test('a connection that breaks hangs up the command, with all that the shell has started', async (t) => {
  const listener = start(t, ['-l', '-v', '-e', 'yes | cat', ':any']);
  const socket = connect(`vsock://1:${await listener.port()}`);
  await once(socket, 'data');
  socket.destroy();
  await listener.stderr(/the command was ended by SIGHUP\n/);
});

test('a command that is running does not keep a listener that is stopped', async (t) => {
  const listener = start(t, ['-l', '-v', '-e', 'trap "" HUP; echo ready; sleep 100 <&- >&- 2>&-', ':any']);
  const socket = connect(`vsock://1:${await listener.port()}`);
  await once(socket, 'data');
  socket.resume();
  listener.child.kill('SIGTERM');
  assert.deepEqual(await once(listener.child, 'exit'), [0, null]);
});

test('--exec also runs over a connection of its own', async (t) => {
  let received: Promise<Buffer> | undefined;
  const port = await serve(t, (socket) => {
    received = readAll(socket);
    socket.end('question');
  });
  assert.equal((await runHvcat(['-e', 'cat; echo "!"', `1:${port}`])).status, 0);
  assert.equal(String(await received), 'question!\n');
});

// --- signals and messages ---

test('a signal ends a connection with its counters', async (t) => {
  for (const [signal, expected] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const port = await serve(t, (socket) => socket.write('some data'));
    const client = start(t, ['-v', `1:${port}`]);
    await once(client.child.stdout!, 'data');
    client.child.kill(signal);
    const { status, stdout, stderr } = await client.ended;
    assert.deepEqual({ status, stdout }, { status: expected, stdout: 'some data' });
    assert.match(stderr, /closed: sent 0 B, received 9 B \([\d.]+ \w+\/s\) in [\d.]+ s\n$/);
  }
});

test('a signal ends waiting: for a connection, and for a listener', async (t) => {
  const listener = start(t, ['-l', '-v', ':any']);
  await listener.port();
  listener.child.kill('SIGINT');
  assert.equal((await listener.ended).status, 130);
  const client = start(t, ['-v', '--retry', `1:${await freePort()}`]);
  await client.stderr(/next try/);
  client.child.kill('SIGTERM');
  assert.equal((await client.ended).status, 143);
});

test('an echo server with clients is stopped with its counters and status 0', async (t) => {
  const echo = start(t, ['-l', '-v', '--echo', ':any']);
  const socket = connect(`vsock://1:${await echo.port()}`);
  socket.on('error', () => {});
  socket.write('hello');
  await once(socket, 'data');
  echo.child.kill('SIGINT');
  const { status, stderr } = await echo.ended;
  assert.equal(status, 0);
  assert.match(
    stderr,
    /closed: sent 5 B .*\nhvcat: stopped by SIGINT: sent 5 B \(\d+ B\/s\), received 5 B \(\d+ B\/s\) in/,
  );
});

test('--json tells the same as objects', async (t) => {
  const echo = start(t, ['-l', '--echo', '--json', ':any']);
  const [, port] = await echo.stderr(/"address":"vsock:\/\/:(\d+)"/);
  const client = await runHvcat(['--json', '--progress', `1:${port}`], 'twelve bytes');
  await echo.stderr(/"closed"/);
  echo.child.kill('SIGTERM');
  const parse = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => {
        const { time, seconds, sendRate, receiveRate, ...rest } = JSON.parse(line);
        assert.equal(new Date(time).toISOString(), time);
        if (seconds !== undefined) for (const value of [seconds, sendRate, receiveRate]) assert.ok(value > 0);
        return rest;
      });
  const events = parse(client.stderr);
  const local = events[0].local;
  const remote = `vsock://1:${port}`;
  const counted = { sent: 12, received: 12 };
  assert.deepEqual(events, [
    { event: 'connected', local, remote },
    { event: 'closed', local, remote, ...counted, failed: false },
  ]);
  assert.deepEqual(parse((await echo.ended).stderr), [
    { event: 'listening', address: `vsock://:${port}` },
    { event: 'connection', local: remote, remote: local },
    { event: 'closed', local: remote, remote: local, ...counted, failed: false },
    { event: 'stopped', signal: 'SIGTERM', ...counted },
  ]);
  const failed = JSON.parse((await runHvcat(['--json', '77:1024'])).stderr);
  assert.equal(failed.kind, 'no-vm');
  assert.equal(failed.address, 'vsock://77:1024');
});

test('--progress draws on a terminal, and nowhere else', async (t) => {
  const echo = start(t, ['-l', '-v', '--echo', ':any']);
  const port = await echo.port();
  assert.equal((await runHvcat(['--progress', `1:${port}`], 'data')).stderr, '');
  // script gives it a terminal; the connection stays until the line has been seen.
  const command = `"${process.execPath}" "${hvcatPath}" --progress 1:${port}`;
  const terminal = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => terminal.kill('SIGKILL'));
  let seen = '';
  for await (const text of terminal.stdout.setEncoding('utf8')) {
    seen += text;
    if (seen.includes('\x1b[K')) break;
  }
  assert.match(seen, /\rsent 0 B, received 0 B in [\d.]+ s/);
});

// --- other programs at the other end ---

const question = 'who is there?';
const others: {
  name: string;
  towardsServer?: string[];
  client: (port: number) => ChildProcess;
  server: (port: number) => ChildProcess;
}[] = [
  {
    name: 'python3',
    client: (port) =>
      program(
        'python3',
        '-c',
        `import socket, sys
s = socket.socket(socket.AF_VSOCK); s.connect((1, ${port}))
s.sendall(sys.stdin.buffer.read()); s.shutdown(socket.SHUT_WR)
while data := s.recv(65536): sys.stdout.buffer.write(data)`,
      ),
    server: (port) =>
      program(
        'python3',
        '-c',
        `import socket, sys
l = socket.socket(socket.AF_VSOCK); l.bind((socket.VMADDR_CID_ANY, ${port})); l.listen()
s, peer = l.accept()
while data := s.recv(65536): sys.stdout.buffer.write(data)
s.sendall(sys.stdin.buffer.read()); s.close()`,
      ),
  },
  {
    name: 'socat',
    client: (port) => program('socat', '-t', '30', '-', `VSOCK-CONNECT:1:${port}`),
    server: (port) => program('socat', '-t', '30', '-', `VSOCK-LISTEN:${port}`),
  },
  {
    name: 'ncat',
    // A listening ncat closes when the other side ends sending, before it has answered.
    towardsServer: ['--no-shutdown'],
    client: (port) => program('ncat', '--vsock', '1', `${port}`),
    server: (port) => program('ncat', '-l', '--vsock', `${port}`),
  },
];

for (const { name, towardsServer = [], client, server } of others) {
  test(`${name} as the client`, async (t) => {
    const data = randomBytes(MIB).toString('latin1');
    const listener = start(t, ['-l', '-v', ':any']);
    const other = client(await listener.port());
    listener.child.stdin?.end(Buffer.from(data, 'latin1'));
    other.stdin?.end(question);
    assert.equal(await output(other), data);
    const { status, stdout } = await listener.ended;
    assert.deepEqual({ status, stdout }, { status: 0, stdout: question });
  });

  test(`${name} as the server`, async (t) => {
    const data = randomBytes(MIB).toString('latin1');
    const port = await freePort();
    const other = server(port);
    t.after(() => other.kill('SIGKILL'));
    const received = output(other);
    other.stdin?.end(Buffer.from(data, 'latin1'));
    // It says nothing when it is ready.
    const { status, stdout, stderr } = await runHvcat(['--retry', ...towardsServer, `1:${port}`], question);
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.equal(stdout === data, true);
    assert.equal(await received, question);
  });
}

test('an echo server answers python3, socat and ncat', async (t) => {
  const echo = start(t, ['-l', '-v', '--echo', ':any']);
  const port = await echo.port();
  for (const { client } of others) {
    const other = client(port);
    other.stdin?.end(question);
    assert.equal(await output(other), question);
  }
});
