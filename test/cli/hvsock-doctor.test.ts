// hvsock doctor as a command: what it prints where, and its status. What it finds is another matter.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import type { Finding } from '#src/doctor/finding.js';
import { doctorCommand } from '../doctor/doctor-process.ts';

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
    assert.equal(findings.filter(({ id }) => id === 'socket.missing').length, args.length);
  }
});

test('colours on a terminal, unless it is told otherwise', () => {
  const onTerminal = (env: NodeJS.ProcessEnv) => {
    const line = `stty cols 70; '${doctorCommand.join("' '")}'`;
    const { FORCE_COLOR: _, NO_COLOR: __, ...rest } = process.env;
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

test('what is not understood', () => {
  for (const [args, message] of [
    [
      ['vsock://3:1024'],
      /connects to no machine: write the path of a monitor's socket, not vsock:\/\/3:1024; see hvsock --help/,
    ],
    [['firecracker://:x/run/vm.sock'], /is no address/],
    [[''], /must not be empty/],
    [['--nonsense'], /--nonsense/],
  ] as [string[], RegExp][]) {
    const { stdout, stderr, status } = doctor(args);
    assert.match(stderr, message);
    assert.equal(stdout, '');
    assert.equal(status, 2);
  }
});
