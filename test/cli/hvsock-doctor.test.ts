// hvsock doctor as a command: what it prints where, and its status. What it finds is another matter.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { registerService, unregisterService } from 'hvsock/windows';
import type { Finding } from '#src/doctor/finding.js';
import { doctorCommand, examine } from '../doctor/doctor-process.ts';

const isWindows = process.platform === 'win32';
const [node = '', ...command] = doctorCommand;
const doctor = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  spawnSync(node, [...command, ...args], { encoding: 'utf8', env: { ...process.env, ...env } });

test('the findings on stdout, for people and for programs, and the status', () => {
  for (const [args, level] of [
    [[], 'ok'],
    [['/nowhere/vm.sock', '/nowhere/other.sock'], 'failure'],
  ] as const) {
    const { stdout, stderr, status } = doctor(['--json', ...args]);
    const findings = JSON.parse(stdout) as Finding[];
    assert.equal(stderr, '');
    assert.equal(status, findings.some(({ level }) => level === 'failure') ? 1 : 0);
    if (level === 'failure') assert.equal(status, 1);
    const text = doctor([...args]);
    assert.equal(text.status, status);
    assert.equal(text.stdout.includes('\x1b'), false);
    for (const { id, why, command = '' } of findings) {
      assert.ok(
        [id, why, command].every((part) => text.stdout.includes(part)),
        id,
      );
    }
    assert.equal(findings.filter(({ id }) => id.startsWith('socket.')).length, args.length);
  }
});

test('colours on a terminal, unless it is told otherwise', {
  skip: isWindows && 'script is a program of Linux',
}, () => {
  const onTerminal = (env: NodeJS.ProcessEnv) => {
    const line = `stty cols 70; '${doctorCommand.join("' '")}'`;
    // CI: Node takes a terminal there for one without colours.
    const { FORCE_COLOR: _, NO_COLOR: __, CI: ___, ...rest } = process.env;
    const options = { encoding: 'utf8', env: { ...rest, TERM: 'xterm', ...env } } as const;
    return spawnSync('script', ['-qec', line, '/dev/null'], options).stdout;
  };
  const painted = onTerminal({});
  assert.ok(painted.includes('\x1b[32mok'));
  assert.ok(
    painted
      .split('\n')
      .filter((line) => line.includes('system.known'))
      .every((line) => line.length < 90),
  );
  for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
    assert.match(onTerminal(env), /^ok {2,}system\.known/);
    assert.equal(onTerminal(env).includes('\x1b'), false);
  }
});

// Elsewhere with stand-ins, in test/doctor.
if (isWindows) {
  test("Windows' own programs are asked, and services that are registered are shown", async () => {
    const service = randomUUID();
    const found = () => examine().get('services.registered')?.why ?? '';
    assert.equal(found().includes(service), false);
    await registerService(service, { name: 'for the doctor' });
    try {
      assert.ok(found().includes(`${service} (for the doctor)`));
    } finally {
      await unregisterService(service);
    }
    const areas = new Set([...examine().keys()].map((id) => id.split('.')[0]));
    for (const area of ['system', 'addon', 'rights', 'services', 'machines']) assert.ok(areas.has(area), area);
  });
}

test('a path of Windows is a path', () => {
  const [finding] = [...examine('C:\\vm.sock').values()].filter(({ id }) => id.startsWith('socket.'));
  assert.match(finding!.why, /^C:\\vm\.sock: /);
});

test('what is not understood', () => {
  for (const [args, message] of [
    [
      ['vsock://3:1024'],
      /connects to no machine: write the path of a monitor's socket, not vsock:\/\/3:1024; see hvsock --help/,
    ],
    [['firecracker://:x/run/vm.sock'], /is no address/],
    [[''], /must not be empty/],
    [['--vmid', 'debian', '--service', '1024'], /--vmid needs --io/],
    [['--io', '--vmid', 'debian'], /--vmid and --service go together/],
    [['--io', '--vmid', 'debian', '--service', 'echo'], /with --vmid, write a service GUID or a port, not "echo"/],
    [['--nonsense'], /--nonsense/],
  ] as [string[], RegExp][]) {
    const { stdout, stderr, status } = doctor(args);
    assert.match(stderr, message);
    assert.equal(stdout, '');
    assert.equal(status, 2);
  }
});
