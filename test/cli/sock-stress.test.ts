// sock_stress as far as it goes without a kernel of its own: unix sockets, TCP, and the emulated hypervisor.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connect, createServer, type Socket } from 'hvsock';
import { Emulator } from 'hvsock/testing';
import { UsageError } from '#src/cli/arguments.js';
import { readSockStressCommandLine, type StressClientRun } from '#src/cli/sock-stress-arguments.js';
import { usage } from '#src/cli/sock-stress-usage.js';
import { readManual } from '../docs/manual.ts';
import { noProgram, noSignals, noUnixSockets } from '../support/capabilities.ts';
import { testStressInterop } from './sock-stress-interop.ts';
import { runClient, runSockStress, SockStressProcess, sockStressPath, startServer } from './sock-stress-process.ts';

const packagePath = fileURLToPath(import.meta.resolve('hvsock/package.json'));
const documentation = readFileSync(new URL('docs/sock_stress.md', `file://${packagePath}`), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'sock-stress-'));
const emulator = await Emulator.create();
after(async () => {
  await emulator.close();
  rmSync(folder, { recursive: true });
});
const partition = emulator.host;
// Its processes are the host, which reaches itself, unless told otherwise.
process.env['HVSOCK_EMULATOR'] = emulator.directory;
/** A port that nobody uses. */
const fresh = 'vsock://local:any';
const limit = { timeout: 60_000 };

let sockets = 0;
const freshPath = () => join(folder, `${++sockets}.sock`);

/** A server that treats connections as it likes; its address. */
async function serve(context: TestContext, onConnection: (socket: Socket, number: number) => void): Promise<string> {
  const open = new Set<Socket>();
  let number = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('error', () => {});
    onConnection(socket, number++);
  });
  context.after(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  await server.listen(fresh, { partition });
  return `${server.address()}`;
}

/** Everything that comes until the end; what can be sent is left as it is. */
async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(chunks);
}

/** Sends back what `change` makes of everything that came. */
const answer = (change: (all: Buffer) => Buffer) => async (socket: Socket) => socket.end(change(await readAll(socket)));

// --- the command line ---

test('--help prints the usage text, which is the one in docs/sock_stress.md', limit, async (t) => {
  for (const flag of ['--help', '-h', '-help']) {
    const { status, stdout, stderr } = await runSockStress(t, [flag]);
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: usage, stderr: '' });
  }
  assert.equal(/## Usage\n+```text\n(.*?)```\n/s.exec(documentation)?.[1], usage);
});

test('the usage text fits a terminal, and the manual tells of every option in it', () => {
  for (const line of usage.split('\n')) assert.ok(line.length <= 80, line);
  const manual = documentation.replace(usage, '');
  const options = [...usage.matchAll(/^ {2,6}(?:(-\w)|(?:-\w, )?(--[a-z-]+))[ ,]/gm)].map(
    ([, short, long]) => long ?? short ?? '',
  );
  assert.ok(options.length >= 18, `${options}`);
  for (const option of options) assert.match(manual, new RegExp(`^(?:.*, )?\`${option}\\b`, 'm'));
});

test('--version prints the version of the package', limit, async (t) => {
  const { version } = JSON.parse(readFileSync(packagePath, 'utf8'));
  assert.equal((await runSockStress(t, ['--version'])).stdout, `${version}\n`);
  assert.match(readFileSync(sockStressPath, 'utf8'), /^#!\/usr\/bin\/env node\n/);
});

test('every command of the manual is understood', () => {
  const blocks = readManual().flatMap((page) => page.blocks.filter(({ language }) => language === 'sh'));
  const text = [...blocks.map((block) => block.text), usage.slice(usage.indexOf('Examples:'))].join('\n');
  const commands = [...text.matchAll(/\bsock_stress (-[cs] [^#\n]*?)(?= {2}|#|$)/gm)].map(([, args = '']) => args);
  assert.ok(commands.length >= 16);
  for (const command of commands) readSockStressCommandLine(command.trim().split(/ +/)).readRun();
});

const client = (...args: string[]) => readSockStressCommandLine(['-c', '3:1024', ...args]).readRun() as StressClientRun;

test('the defaults are those of virtsock', () => {
  const { target, seed, ...rest } = client();
  assert.equal(`${target}`, 'vsock://3:1024');
  assert.ok(seed >= 0 && seed < 2 ** 32);
  assert.deepEqual(rest, {
    role: 'client',
    timeout: 60_000,
    exitOnError: false,
    verbose: 0,
    connections: 100,
    parallel: 1,
    lengths: { least: 0, most: 65_536 },
    sizes: { least: 16_384, most: 16_384 },
    pause: 0,
    duration: undefined,
    halfClose: true,
  });
});

test('what the options say', () => {
  assert.deepEqual(client('-L', '5', '-l=9').lengths, { least: 5, most: 9 });
  assert.deepEqual(client('-B', '1', '--b', '70000').sizes, { least: 1, most: 70_000 });
  assert.equal(client('-l', '0').lengths.most, 0);
  assert.equal(client('-w', '0.5').pause, 500);
  assert.equal(client('-e').exitOnError, true);
  assert.equal(client('-v').verbose, 1);
  assert.equal(client('-v=2').verbose, 2);
  assert.equal(client('-seed', '4294967295').seed, 2 ** 32 - 1);
  assert.equal(client('--timeout', '1').timeout, 1000);
  assert.equal(client('--no-shutdown').halfClose, false);
  const { duration, connections } = client('--duration', '2');
  assert.deepEqual([duration, connections], [2000, Number.POSITIVE_INFINITY]);
  assert.equal(client('--duration', '2', '-i', '7').connections, 7);
});

test('addresses as virtsock, hvcat and this library write them', () => {
  const target = (flag: '-c' | '-s', text: string) => `${readSockStressCommandLine([flag, text]).readRun().target}`;
  const service = '3049197c-facb-11e6-bd58-64006a7986d3';
  const vm = '90db8b89-0d35-4f79-8ce9-49ea0ac8b7c1';
  for (const [text, expected] of [
    ['vsock', 'vsock://:22099'],
    ['vsock://', 'vsock://:22099'],
    ['vsock://:1235', 'vsock://:1235'],
    [':1235', 'vsock://:1235'],
    ['hvsock', `hvsock://wildcard/${service}`],
    ['tcp', 'tcp://:5303'],
    ['tcp6://[::1]:9', 'tcp6://[::1]:9'],
    ['unix:///run/x', 'unix:///run/x'],
    ['firecracker://:5/run/x', 'firecracker://:5/run/x'],
  ] as const) {
    assert.equal(target('-s', text), expected);
  }
  for (const [text, expected] of [
    ['vsock://3', 'vsock://3:22099'],
    ['vsock://host', 'vsock://2:22099'],
    ['3:1024', 'vsock://3:1024'],
    [`hvsock://${vm}`, `hvsock://${vm}/${service}`],
    [`hvsock://${vm}:${service}`, `hvsock://${vm}/${service}`],
    ['hvsock://parent', `hvsock://parent/${service}`],
    ['tcp4://localhost', 'tcp4://localhost:5303'],
    ['cloud-hypervisor://:5/run/x', 'firecracker://:5/run/x'],
    ['hyperkit://:5/run', 'hyperkit://:5/run'],
  ] as const) {
    assert.equal(target('-c', text), expected);
  }
});

const misuses: [args: string[], problem: RegExp][] = [
  [[], /-c ADDRESS or -s ADDRESS is needed/],
  [['-c', '3:1', '-s', ':1'], /-c and -s exclude each other/],
  [['-c'], /-c needs a value/],
  [['-c', 'vsock'], /vsock:\/\/:22099 names no machine to connect to/],
  [['-c', 'udp://3:1'], /unknown scheme "udp"/],
  [['-c', 'tcp://here:65536'], /TCP port 65536 out of range/],
  [['-c', '3:1', '--nonsense'], /there is no option --nonsense/],
  [['-c', '3:1', '-i', '0'], /-i must be an integer from 1 to 9007199254740991, not "0"/],
  [['-c', '3:1', '-p', '-1'], /-p must be an integer from 1 to 100000, not "-1"/],
  [['-c', '3:1', '-L', '9', '-l', '5'], /-L must be at most -l, 5, not 9/],
  [['-c', '3:1', '-B', '20000'], /-B must be at most -b, 16384, not 20000/],
  [['-c', '3:1', '-b', '0'], /-b must be an integer from 1/],
  [['-c', '3:1', '-l', '64k'], /-l must be an integer from 0 to 9007199254740991, not "64k"/],
  [['-c', '3:1', '-v', '3'], /-v must be an integer from 0 to 2, not "3"/],
  [['-c', '3:1', '-w', 'soon'], /-w must be a number of seconds, not "soon"/],
  [['-c', '3:1', '--seed', '4294967296'], /--seed must be an integer from 0 to 4294967295/],
  [['-c', '3:1', '--timeout', '0'], /--timeout must be a number of seconds above 0/],
  [['-c', '3:1', '-e=maybe'], /-e is true or false, not "maybe"/],
  [['-s', ':1', '-i', '5'], /-i is for the client, not with -s/],
  [['-s', ':1', '--duration', '5'], /--duration is for the client, not with -s/],
];

for (const [args, problem] of misuses) {
  test(`misuse: sock_stress ${args.join(' ')}`, () => {
    assert.throws(
      () => readSockStressCommandLine(args).readRun(),
      (error) => error instanceof UsageError && problem.test(error.message),
    );
  });
}

test('misuse is one line and status 2', limit, async (t) => {
  const { status, stdout, stderr } = await runSockStress(t, ['-c', '3:1', '-i', '0']);
  assert.match(stderr, /^sock_stress: -i must be [^\n]*; see sock_stress --help\n$/);
  assert.deepEqual([status, stdout], [2, '']);
});

// --- the test itself ---

describe('every kind of address, in both roles', limit, async () => {
  const guest = emulator.guest(3);
  const [firecracker, hyperkit] = [join(folder, 'v.sock'), join(folder, 'hyperkit')];
  mkdirSync(hyperkit);
  if (noUnixSockets === false) await guest.expose({ firecracker, hyperkit });
  const inGuest = { HVSOCK_EMULATOR: emulator.directory, HVSOCK_EMULATOR_CID: '3' };
  const onHost = { HVSOCK_EMULATOR: emulator.directory };
  const service = '3049197c-facb-11e6-bd58-64006a7986d3';
  const path = freshPath();
  const ways: [listen: string, connect: string, NodeJS.ProcessEnv, NodeJS.ProcessEnv][] = [
    [`unix://${path}`, `unix://${path}`, {}, {}],
    ['vsock', 'vsock://3', inGuest, onHost],
    ['vsock://:1024', 'host:1024', onHost, inGuest],
    ['hvsock', `hvsock://${guest.partition.vmId}/${service}`, inGuest, onHost],
    ['vsock://:1025', `firecracker://:1025${firecracker}`, inGuest, {}],
    ['vsock://:1026', `cloud-hypervisor://:1026${firecracker}`, inGuest, {}],
    ['vsock://:1027', `vsock-mux://:1027${firecracker}`, inGuest, {}],
    ['vsock://:1028', `hyperkit://:1028${hyperkit}`, inGuest, {}],
    [`firecracker://:1029${firecracker}`, '2:1029', {}, inGuest],
    ['tcp4://127.0.0.1:0', 'the port that it got', {}, {}],
  ];
  for (const [listen, connect, listenEnv, connectEnv] of ways) {
    const skip = `${listen} ${connect}`.includes(folder) && noUnixSockets;
    test(`${listen.replace(folder, '')} and ${connect.replace(folder, '')}`, { skip }, async (t) => {
      const { server, address } = await startServer(t, ['-s', listen], listenEnv);
      const target = listen.startsWith('tcp') ? address : connect;
      const { status, summary, stderr } = await runClient(t, ['-c', target, '-i', '60', '-p', '4'], connectEnv);
      assert.deepEqual(summary.connections, { succeeded: 60, failed: 0, unfinished: 0 }, stderr);
      assert.deepEqual(summary.failures, {});
      assert.ok(summary.sent > 0);
      assert.equal(summary.received, summary.sent);
      assert.equal(status, 0);
      if (noSignals !== false) return;
      const ending = await server.stop();
      assert.match(ending.stdout, /^connections {2}60 succeeded, 0 failed/m, ending.stderr);
      assert.equal(ending.status, 0);
    });
  }
});

test('the table of both roles', limit, async (t) => {
  const { server, address } = await startServer(t, ['-s', fresh]);
  const { status, stdout, stderr } = await runSockStress(t, [
    '-c',
    address,
    '-i',
    '1200',
    '-p',
    '20',
    '-l',
    '300',
    '-seed=7',
  ]);
  assert.equal(stderr, '');
  assert.equal(status, 0);
  const latencies = String.raw`(?: +[\d.]+){7}\n`;
  assert.match(
    stdout,
    new RegExp(
      String.raw`^client {7}vsock:\S+\nseed {9}7\nconnections {2}1,200 succeeded, 0 failed, 0 unfinished\n` +
        String.raw`failures {5}none\nbytes {8}\S+ KiB sent, \S+ KiB received\ntime {9}\S+ s\n` +
        String.raw`rate {9}\S+ connections/s, .*/s sent, .*/s received\n\n` +
        `ms +min +p50 +p90 +p99 +p99.9 +max +mean\nconnect${latencies}exchange${latencies}$`,
    ),
  );
  if (noSignals !== false) return;
  const ending = await server.stop();
  assert.match(ending.stdout, /^server {7}vsock:\S+\nconnections {2}1,200 succeeded, 0 failed, 0 unfinished\n/);
  assert.match(ending.stderr, /connection 1199: \d+ bytes sent back in \S+ ms\n/);
});

test('with -v each connection is told, with 2 its digest; with --json as objects', limit, async (t) => {
  const address = await serve(t, (socket) => socket.pipe(socket));
  const args = ['-c', address, '-i', '3', '-seed', '1'];
  assert.equal((await runSockStress(t, args)).stderr, '');
  assert.equal((await runSockStress(t, [...args, '-v'])).stderr.match(/bytes there and back in \S+ ms\n/g)?.length, 3);
  assert.match((await runSockStress(t, [...args, '-v', '2'])).stderr, /ms, SHA-256 [0-9a-f]{64}\n/);
  const { stderr, summary } = await runClient(t, [...args, '-v', '1']);
  const events = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    events.map(({ event, number }) => [event, number]),
    [
      ['exchange', 0],
      ['exchange', 1],
      ['exchange', 2],
    ],
  );
  assert.equal(
    events.reduce((sum, { bytes }) => sum + bytes, 0),
    summary.sent,
  );
});

test('the same seed sends the same again, also side by side', limit, async (t) => {
  const seen: string[] = [];
  const address = await serve(t, async (socket) => {
    const all = await readAll(socket);
    seen.push(`${all.length} ${createHash('sha256').update(all).digest('hex')}`);
    socket.end(all);
  });
  const run = async (...args: string[]) => {
    seen.length = 0;
    assert.equal((await runClient(t, ['-c', address, '-i', '30', ...args])).status, 0);
    return [...seen].sort();
  };
  const first = await run('--seed', '5');
  assert.deepEqual(await run('--seed', '5', '-p', '7'), first);
  assert.notDeepEqual(await run('--seed', '6'), first);
});

test('a length of 0, and lengths above every buffer', limit, async (t) => {
  const { address } = await startServer(t, ['-s', fresh]);
  for (const args of [
    ['-l', '0', '-i', '50'],
    ['-L', '5000000', '-l', '5000000', '-i', '3', '-B', '1', '-b', '300000'],
  ]) {
    const { status, summary } = await runClient(t, ['-c', address, ...args]);
    assert.equal(summary.connections.failed, 0);
    assert.equal(summary.received, args[1] === '0' ? 0 : 15_000_000);
    assert.equal(status, 0);
  }
});

// --- failures ---

const wrongs: [what: string, change: (all: Buffer) => Buffer, kind: string, message: RegExp][] = [
  [
    'one byte is another',
    (all) => Buffer.from(all.map((byte, index) => (index === 40_000 ? byte ^ 1 : byte))),
    'mismatch',
    /differ from byte 40000 of 50000 on/,
  ],
  [
    'two blocks are swapped',
    (all) => Buffer.concat([all.subarray(4096, 8192), all.subarray(0, 4096), all.subarray(8192)]),
    'mismatch',
    /byte 0 /,
  ],
  ['the last byte is missing', (all) => all.subarray(0, -1), 'incomplete', /ended after 49999 of 50000 bytes/],
  ['nothing comes back', () => Buffer.alloc(0), 'incomplete', /ended after 0 of 50000 bytes/],
  [
    'a byte too many',
    (all) => Buffer.concat([all, Buffer.from('!')]),
    'mismatch',
    /50001 bytes came back of the 50000/,
  ],
];

for (const [what, change, kind, message] of wrongs) {
  test(`${what}: a failure, and the other connections go on`, limit, async (t) => {
    const address = await serve(t, (socket, number) => answer(number % 2 === 0 ? change : (all) => all)(socket));
    const { status, summary, stderr } = await runClient(t, ['-c', address, '-i', '6', '-L', '50000', '-l', '50000']);
    assert.deepEqual(summary.connections, { succeeded: 3, failed: 3, unfinished: 0 });
    assert.deepEqual(summary.failures, { [kind]: 3 });
    assert.match(stderr, message);
    // Only the first of its kind is told without -v.
    assert.deepEqual(
      stderr
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .map(({ event, number, kind }) => [event, number, kind]),
      [['error', 0, kind]],
    );
    assert.equal(status, 1);
  });
}

test('nobody there, and a connection that breaks', limit, async (t) => {
  const nobody = await runClient(t, ['-c', '99:1024', '-i', '5', '-p', '2']);
  assert.deepEqual([nobody.summary.failures, nobody.status], [{ 'no-vm': 5 }, 1]);
  assert.ok(Object.values(nobody.summary.connect).every((value) => value === null));
  const address = await serve(t, (socket) => socket.once('data', () => socket.destroy()));
  const broken = await runClient(t, ['-c', address, '-i', '5', '-L', '1000000', '-l', '1000000']);
  assert.deepEqual([broken.summary.failures, broken.status], [{ reset: 5 }, 1]);
  const tcp = await runClient(t, ['-c', 'tcp4://127.0.0.1:1', '-i', '2']);
  assert.deepEqual([tcp.summary.failures, tcp.status], [{ ECONNREFUSED: 2 }, 1]);
});

const stalls: [what: string, stall: (socket: Socket) => void, args: string[], message: RegExp][] = [
  [
    'never reads',
    (socket) => socket.pause(),
    ['-L', '5000000', '-l', '5000000'],
    /(write|read) ETIMEDOUT .*not done within 2 s/,
  ],
  [
    'never answers',
    (socket) => socket.resume(),
    ['-L', '1', '-l', '1'],
    /read ETIMEDOUT .*; 1 of 1 bytes sent, 0 back/,
  ],
  [
    'never ends',
    (socket) => socket.pipe(socket, { end: false }),
    ['-L', '9', '-l', '9'],
    /read ETIMEDOUT .*; 9 of 9 bytes sent, 9 back/,
  ],
];

for (const [what, stall, args, message] of stalls) {
  test(`a peer that ${what} is a failure of kind timeout, and the next connection begins`, limit, async (t) => {
    const address = await serve(t, (socket, number) => {
      if (number > 0) {
        answer((all) => all)(socket);
        return;
      }
      stall(socket);
    });
    const { status, summary, stderr } = await runClient(t, ['-c', address, '-i', '3', '--timeout', '2', ...args]);
    assert.deepEqual(
      [summary.connections, summary.failures],
      [{ succeeded: 2, failed: 1, unfinished: 0 }, { timeout: 1 }],
    );
    assert.match(stderr, message);
    assert.equal(status, 1);
  });
}

test('bytes that trickle do not stretch the time for a read', limit, async (t) => {
  const address = await serve(t, (socket) => {
    const timer = setInterval(() => socket.write('x'), 50);
    socket.resume().once('close', () => clearInterval(timer));
  });
  const { summary } = await runClient(t, ['-c', address, '-i', '1', '-L', '5000', '-l', '5000', '--timeout', '0.5']);
  assert.deepEqual(summary.failures, { timeout: 1 });
});

test('a handshake that is never answered is a timeout too', { ...limit, skip: noUnixSockets }, async (t) => {
  const path = freshPath();
  const server = net.createServer((socket) => socket.resume().on('error', () => {}));
  t.after(() => server.close());
  await once(server.listen(path), 'listening');
  const { summary, stderr } = await runClient(t, ['-c', `firecracker://:5${path}`, '-i', '1', '--timeout', '0.2']);
  assert.deepEqual(summary.failures, { timeout: 1 });
  assert.match(stderr, /connect ETIMEDOUT/);
});

test('-e ends at the first failure, and destroys the others', limit, async (t) => {
  const address = await serve(t, (socket, number) => {
    if (number < 3) socket.resume();
    else socket.destroy();
  });
  const { status, summary } = await runClient(t, ['-c', address, '-i', '1000', '-p', '4', '-e', '-L', '1']);
  assert.deepEqual(summary.connections, { succeeded: 0, failed: 1, unfinished: 3 });
  assert.equal(status, 1);
});

test('the server counts a client that stalls, and goes on', { ...limit, skip: noSignals }, async (t) => {
  const { server, address } = await startServer(t, ['-s', fresh, '--timeout', '1']);
  await once(connect(address, { partition }).resume(), 'close');
  assert.equal((await runClient(t, ['-c', address, '-i', '3'])).status, 0);
  const { status, stdout, stderr } = await server.stop();
  assert.match(stdout, /3 succeeded, 1 failed, 0 unfinished\nfailures {5}1 timeout\n/);
  assert.match(stderr, /connection 0: ETIMEDOUT .*: nothing sent or read for 1 s \(timeout\)/);
  assert.equal(status, 1);
});

test('a server with -e ends at the first client that stalls', limit, async (t) => {
  const { server, address } = await startServer(t, ['-s', fresh, '--timeout', '1', '-e']);
  await once(connect(address, { partition }).resume(), 'close');
  const { status, stdout, stderr } = await server.ended;
  assert.match(stdout, /0 succeeded, 1 failed, 0 unfinished\nfailures {5}1 timeout\n/);
  assert.match(stderr, /connection 0: ETIMEDOUT/);
  assert.equal(status, 1);
});

test('where it cannot listen, a server says so in one line', limit, async (t) => {
  const { status, stdout, stderr } = await runSockStress(t, ['-s', 'vsock://9:1024']);
  assert.deepEqual([status, stdout], [1, '']);
  assert.match(stderr, /^sock_stress: [^\n]*\(address-not-available\)\n$/);
});

// --- the end ---

test('SIGINT ends the client early, with the table', { ...limit, skip: noSignals }, async (t) => {
  const address = await serve(t, (socket, number) => {
    if (number < 10) socket.pipe(socket);
    else socket.resume();
  });
  const process = new SockStressProcess(t, ['-c', address, '-i', '100000', '-L', '1', '-v', '1', '--json']);
  await process.stderr(/"number":9,/);
  const { status, stdout } = await process.stop();
  const { connections, stopped } = JSON.parse(stdout);
  assert.deepEqual([connections, stopped], [{ succeeded: 10, failed: 0, unfinished: 1 }, 'SIGINT']);
  assert.equal(status, 0);
});

test('SIGINT ends the server when what is open has ended', { ...limit, skip: noSignals }, async (t) => {
  const { server, address } = await startServer(t, ['-s', fresh]);
  const socket = connect(address, { partition, allowHalfOpen: true });
  socket.write('a');
  await once(socket, 'data');
  const ended = server.stop();
  socket.end('b');
  assert.equal(`${await readAll(socket)}`, 'b');
  const { status, stdout } = await ended;
  assert.match(stdout, /1 succeeded, 0 failed, 0 unfinished/);
  assert.equal(status, 0);
});

test('--duration begins no more connections, also from within a pause', limit, async (t) => {
  const address = await serve(t, (socket) => socket.pipe(socket));
  for (const args of [[], ['-w', '1000']]) {
    const { status, summary } = await runClient(t, ['-c', address, '--duration', '1', '-p', '3', ...args]);
    const { succeeded, ...others } = summary.connections;
    assert.deepEqual(others, { failed: 0, unfinished: 0 });
    assert.ok(args.length > 0 ? succeeded === 3 : succeeded > 3, `${succeeded}`);
    assert.equal(status, 0);
  }
});

describe('with the programs that everybody has', { skip: noProgram('socat') }, () => {
  testStressInterop({
    freshAddress: () => `unix://${freshPath()}`,
    socat: (address, verb) => `UNIX-${verb}:${address.slice('unix://'.length)}`,
    python: (address) => ['AF_UNIX', JSON.stringify(address.slice('unix://'.length))],
    ncat: (address) => ['-U', address.slice('unix://'.length)],
  });
});
