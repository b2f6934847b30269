// hvcat as far as it goes without a hypervisor socket.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { UsageError } from '#src/cli/arguments.js';
import { readHvcatCommandLine } from '#src/cli/hvcat-arguments.js';
import { usage } from '#src/cli/hvcat-usage.js';
import { hvcatPath, runHvcat } from './hvcat-process.ts';

const packagePath = fileURLToPath(import.meta.resolve('hvsock/package.json'));
const documentation = readFileSync(new URL('docs/hvcat.md', `file://${packagePath}`), 'utf8');
const run = (...args: string[]) => readHvcatCommandLine(args).readRun();

test('--help prints the usage text, which is the one in docs/hvcat.md', async () => {
  const { status, stdout, stderr } = await runHvcat(['--help']);
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: usage, stderr: '' });
  assert.equal(/## Usage\n+```text\n(.*?)```\n/s.exec(documentation)?.[1], usage);
});

test('the usage text fits a terminal, and the manual tells of every option in it', () => {
  for (const line of usage.split('\n')) assert.ok(line.length <= 80, line);
  const manual = documentation.replace(usage, '');
  const options = usage.match(/(?<=^ {2,6}(-\w, )?)--[a-z-]+/gm) ?? [];
  assert.equal(options.length, 16);
  for (const option of options) assert.ok(manual.includes(`\`${option}`) || manual.includes(`/${option}`), option);
});

test('--version prints the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(packagePath, 'utf8'));
  assert.equal((await runHvcat(['--version'])).stdout, `${version}\n`);
});

test('what cannot be written to stdout is a failure', {
  skip: !existsSync('/dev/full') && 'no /dev/full: run this on Linux',
}, () => {
  const full = openSync('/dev/full', 'w');
  const { status, stderr } = spawnSync(process.execPath, [hvcatPath, '--help'], { stdio: ['ignore', full, 'pipe'] });
  closeSync(full);
  assert.match(`${stderr}`, /^stdout: ENOSPC[^\n]*\n$/);
  assert.equal(status, 1);
});

test('the built file can be started by its name', () => {
  assert.match(readFileSync(hvcatPath, 'utf8'), /^#!\/usr\/bin\/env node\n/);
});

test('the defaults', async () => {
  const { address, ...rest } = await run('-l');
  assert.equal(`${address}`, 'vsock://:80');
  assert.deepEqual(rest, {
    role: 'listen',
    keepOpen: false,
    service: 'standard',
    command: '',
    registerGuid: undefined,
    timeout: undefined,
    retryFor: undefined,
    quitAfter: undefined,
    shutdown: true,
    progress: false,
    framed: false,
  });
});

test('what the options say', async () => {
  assert.equal((await run('--retry', '3:1')).retryFor, Number.POSITIVE_INFINITY);
  assert.equal((await run('--retry=2.5', '3:1')).retryFor, 2500);
  assert.equal((await run('--timeout', '3', '3:1')).timeout, 3000);
  assert.equal((await run('-q0', '3:1')).quitAfter, 0);
  assert.equal((await run('--no-shutdown', '3:1')).shutdown, false);
  assert.equal((await run('-lk', ':1')).keepOpen, true);
  assert.equal((await run('-l', '--echo', ':1')).keepOpen, true);
  assert.equal((await run('-l', '-e', 'cat', ':1')).command, 'cat');
  assert.equal((await run('-e', 'cat', '3:1')).keepOpen, false);
  assert.equal((await run('--progress', '3:1')).progress, true);
  assert.equal((await run('--framed', '3:1')).framed, true);
  assert.equal((await run('--progress', '--json', '3:1')).progress, false);
  assert.equal(readHvcatCommandLine(['--json', '3:1']).verbose, true);
  assert.equal(
    `${(await run('--vmid', 'parent', '1024')).address}`,
    'hvsock://parent/00000400-facb-11e6-bd58-64006a7986d3',
  );
  assert.equal((await run('-l', '--register-guid', ':1')).registerGuid, '00000001-facb-11e6-bd58-64006a7986d3');
});

const misuses: [args: string[], problem: RegExp][] = [
  [[], /vsock:\/\/:80 names no machine to connect to/],
  [['--nonsense', '3:1'], /unknown option '--nonsense'/],
  [['3:1', '3:2'], /one address is enough, and "3:2" is another/],
  [['vsock://-1:80'], /the CID -1 is negative/],
  [['-k', '3:1'], /--keep-open needs --listen/],
  [['--echo', '3:1'], /--echo needs --listen/],
  [['--register-guid', '3:1'], /--register-guid needs --listen/],
  [['-l', '--register-guid', 'unix:///tmp/x'], /unix:\/\/\/tmp\/x has no service GUID to register/],
  [['-l', '--echo', '-e', 'cat', ':1'], /--echo and --exec exclude each other/],
  [['-l', '-e', '', ':1'], /--exec needs a command/],
  [['-l', '--retry', ':1'], /--retry is about connecting/],
  [['-l', '--timeout', '1', ':1'], /--timeout is about connecting/],
  [['-l', '--echo', '-q', '1', ':1'], /-q is about stdin, which --echo does not read/],
  [['-l', '-e', 'cat', '--no-shutdown', ':1'], /--no-shutdown is about stdin, which --exec does not read/],
  [['--timeout', 'soon', '3:1'], /--timeout must be a number of seconds above 0, not "soon"/],
  [['--retry=-1', '3:1'], /--retry must be/],
  [['-q', '3:1'], /-q must be a number of seconds, not "3:1"/],
];

for (const [args, problem] of misuses) {
  test(`misuse: hvcat ${args.join(' ')}`, async () => {
    await assert.rejects(
      async () => run(...args),
      (error) => error instanceof UsageError && problem.test(error.message),
    );
  });
}

test('misuse is one line and status 2', async () => {
  const { status, stdout, stderr } = await runHvcat(['--echo', '3:1']);
  assert.match(stderr, /^hvcat: --echo needs --listen[^\n]*; see hvcat --help\n$/);
  assert.deepEqual([status, stdout], [2, '']);
});

test('on Linux, what only Windows can do fails with one line', { skip: process.platform === 'win32' }, async () => {
  const failures: [string[], RegExp][] = [
    [['-l', '--register-guid', '3049197C-9A4E-4FBF-9367-97F792F16994'], /--register-guid: Windows only.*leave it out/],
    [['--vmid', 'web server', '1024'], /"web server": Windows only \(unsupported\)/],
    [['--vmid', '90db8b89-0d35-4f79-8ce9-49ea0ac8b7c1', '1024'], /hvsock:\/\/90db8b89-0d35-4f79-8ce9-49ea0ac8b7c1/],
  ];
  for (const [args, problem] of failures) {
    const { status, stderr } = await runHvcat(args);
    assert.match(stderr, /^hvcat: [^\n]+\n$/);
    assert.match(stderr, problem);
    assert.equal(status, 1);
  }
});

test('with --json a failure is an object', {
  skip: process.platform === 'win32' && 'there --register-guid does register',
}, async () => {
  const { status, stderr } = await runHvcat(['-l', '--json', '--register-guid', ':1']);
  const { time, message, ...rest } = JSON.parse(stderr);
  assert.deepEqual(rest, { event: 'error', kind: 'unsupported', code: 'ERR_HVSOCK_UNSUPPORTED' });
  assert.ok(message.startsWith('--register-guid'));
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  assert.equal(status, 1);
});
