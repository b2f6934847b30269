// hvsock emulate, with unchanged programs around it.
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { noUnixSockets } from '../support/capabilities.ts';

const path = (tool: string) => fileURLToPath(import.meta.resolve(`#src/cli/${tool}.js`));
const folder = mkdtempSync(join(tmpdir(), 'hv-'));
after(() => rmSync(folder, { recursive: true }));
const directory = join(folder, 'machines');
const firecracker = join(folder, 'v.sock');

function start(tool: string, args: string[], env: NodeJS.ProcessEnv = {}): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [path(tool), ...args], { env: { ...process.env, ...env } });
}

/** Waits for a line of stderr. */
async function line(child: ChildProcessWithoutNullStreams, pattern: RegExp): Promise<string> {
  let seen = '';
  child.stderr.setEncoding('utf8');
  for (;;) {
    if (pattern.test(seen)) return seen;
    const [chunk] = (await Promise.race([once(child.stderr, 'data'), once(child, 'close')])) as [string | number];
    if (typeof chunk !== 'string') throw new Error(`ended with ${chunk}, without ${pattern}: ${seen}`);
    seen += chunk;
  }
}

const inGuest = { HVSOCK_EMULATOR: directory, HVSOCK_EMULATOR_CID: '3' };
const onHost = { HVSOCK_EMULATOR: directory };
/** Windows ends a process at once; elsewhere it is asked to end, and tidies up. */
const isAsked = process.platform !== 'win32';

async function talk(args: string[], env: NodeJS.ProcessEnv, bytes = 'hello'): Promise<[string, number | null]> {
  const client = start('hvcat', args, env);
  client.stdin.end(bytes);
  const [answer, [status]] = await Promise.all([text(client.stdout), once(client, 'close')]);
  return [answer, status];
}

test('a guest, shown as Firecracker shows it, suspended and resumed', { timeout: 60_000 }, async () => {
  const shown = noUnixSockets === false ? ['--firecracker', firecracker] : [];
  const hypervisor = start('hvsock', ['emulate', directory, '--guest', '3', ...shown, '--control', '--split', '2']);
  assert.match(await line(hypervisor, /guest 3/), /HVSOCK_EMULATOR=.*\n.*HVSOCK_EMULATOR_CID=3/);
  const server = start('hvcat', ['-l', '--echo', '-v', ':1024'], inGuest);
  assert.deepEqual(await talk(['--retry=20', '3:1024'], onHost), ['hello', 0]);
  if (noUnixSockets === false) {
    // Firecracker turns the end of one direction into the end of both.
    const client = start('hvcat', ['--no-shutdown', '-q', '20', `firecracker://:1024${firecracker}`]);
    client.stdin.write('by its socket');
    let answer = '';
    for await (const chunk of client.stdout) {
      answer += chunk;
      if (answer === 'by its socket') break;
    }
    client.kill();
  }
  hypervisor.stdin.write('suspend\n');
  await line(hypervisor, /done: suspend/);
  assert.deepEqual(await talk(['--timeout=0.2', '3:1024'], onHost), ['', 1]);
  hypervisor.stdin.write('resume\ncid 7\nnonsense\n');
  assert.match(await line(hypervisor, /nonsense/), /done: resume\n.*done: cid 7\n/);
  assert.deepEqual(await talk(['7:1024'], onHost), ['hello', 0]);
  server.kill();
  hypervisor.kill();
  assert.deepEqual(await once(hypervisor, 'close'), isAsked ? [0, null] : [null, 'SIGTERM']);
});

test('faults by flag', { timeout: 60_000 }, async () => {
  const hypervisor = start('hvsock', ['emulate', directory, '-g', '4', '--refuse', '1', '--json']);
  const told = (await line(hypervisor, /"guest"/))
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text));
  assert.deepEqual(
    told.map(({ event, cid }) => [event, cid]),
    [
      ['host', undefined],
      ['guest', 4],
    ],
  );
  const server = start('hvcat', ['-l', '-k', '--echo', '-v', ':1024'], { ...inGuest, HVSOCK_EMULATOR_CID: '4' });
  await line(server, /listening/);
  assert.deepEqual(await talk(['4:1024'], onHost), ['', 1]);
  hypervisor.kill();
  await once(hypervisor, 'close');
  assert.deepEqual(await talk(['4:1024'], onHost), ['hello', 0]);
  server.kill();
  await once(server, 'close');
});

test('help, version, and what is not understood', async () => {
  const outcome = async (...args: string[]) => {
    const child = start('hvsock', args);
    const [stdout, stderr, [status]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    return { stdout, stderr, status };
  };
  const manual = readFileSync(
    fileURLToPath(import.meta.resolve('hvsock/package.json')).replace('package.json', 'docs/hvsock.md'),
    'utf8',
  );
  for (const args of [['--help'], ['emulate', '--help']]) {
    const { stdout, status } = await outcome(...args);
    assert.equal(status, 0);
    assert.ok(manual.includes(stdout));
    for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line);
  }
  assert.match((await outcome('--version')).stdout, /^\d+\.\d+\.\d+\n$/);
  const misuses: [string[], RegExp][] = [
    [[], /a command is needed; see hvsock --help/],
    [['emulat'], /there is no command emulat/],
    [['emulate'], /emulate needs a DIRECTORY/],
    [['forward'], /forward needs two addresses.*; see hvsock forward --help/],
    [['emulate', directory, 'other'], /one DIRECTORY, not also other/],
    [['emulate', directory, '--delay', '5'], /--delay needs --guest/],
    [['emulate', directory, '-g', 'three'], /--guest must be a number, not "three"/],
    [['emulate', directory, '-g', '3', '--split', 'x'], /--split must be a number, not "x"/],
    [['emulate', directory, '--nonsense'], /--nonsense/],
    ...[
      ['-g', '2'],
      ['-g', '5', '--refuse', '3'],
      ['-g', '5', '--vmid', 'x'],
    ].map((args): [string[], RegExp] => [
      ['emulate', directory, ...args],
      /^hvsock: .* must be .*; see hvsock --help\n$/,
    ]),
  ];
  // At once, for Windows takes long to start a process.
  await Promise.all(
    misuses.map(async ([args, message]) => {
      const { stderr, status } = await outcome(...args);
      assert.match(stderr, message);
      assert.equal(status, 2, stderr);
    }),
  );
});
