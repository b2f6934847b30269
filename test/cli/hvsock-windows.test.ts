// hvsock vms and hvsock services: in this process against stand-ins for Windows' programs, and as they ship against
// Windows itself, Wine's registry too.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type CommandRunner, listServices, unregisterService } from 'hvsock/windows';
import { errorText, type Reporter } from '#src/cli/reporter.js';
import { readServicesCommandLine } from '#src/cli/services-arguments.js';
import { runServices } from '#src/cli/services-run.js';
import { formatTable } from '#src/cli/table.js';
import { readVmsCommandLine } from '#src/cli/vms-arguments.js';
import { runVms } from '#src/cli/vms-run.js';
import { jsonLines, programs, StandInRegistry, units } from '../support/windows-programs.js';
import { HvcatProcess } from './hvcat-process.js';

const isWindows = process.platform === 'win32';
const path = fileURLToPath(import.meta.resolve('#src/cli/hvsock.js'));
const ids = ['90db8b89-0d35-4f79-8ce9-49ea0ac8b7c1', '90db8b89-0d35-4f79-8ce9-49ea0ac8b7c2'] as const;
const wslId = 'eed44daf-4f7e-4cf5-82fd-f9c8ebf8db82';

interface Outcome {
  status: number;
  stdout: string;
  stderr: string[];
}

/** Runs a command of hvsock in this process. */
async function standIn(run: CommandRunner, [command, ...args]: string[]): Promise<Outcome> {
  let stdout = '';
  const stderr: string[] = [];
  const surroundings = {
    reporter: {
      tell: (_event: string, _fields: object, text: string) => stderr.push(text),
      fail: (error: unknown) => stderr.push(errorText(error)),
    } as unknown as Reporter,
    windows: { run },
    show: (text: string) => {
      stdout += text;
    },
  };
  const vms = command === 'vms' ? readVmsCommandLine(args) : undefined;
  const services = command === 'services' ? readServicesCommandLine(args) : undefined;
  let status = 2;
  if (vms !== undefined) status = await runVms(vms, surroundings);
  if (services !== undefined) status = await runServices(services, surroundings);
  return { status, stdout, stderr };
}

/** Runs hvsock as it ships. */
function start(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

const hyperv = (...objects: object[]) => ({ 'powershell.exe': () => [0, jsonLines(...objects)] as const });
const host = { id: units('HOST'), name: units('HOST'), state: 2 };
const machine = (id: string, name: string, state: number) => ({ id: units(id), name: units(name), state });
const end = { end: true };

function withWsl() {
  const registry = new StandInRegistry();
  const values = new Map([['DistributionName', '"Debian"']]);
  registry.keys.set('HKEY_CURRENT_USER\\Software\\Microsoft\\Windows\\CurrentVersion\\Lxss\\{1}', values);
  const wsl = ([first]: readonly string[]) => [0, first === '--list' ? 'Debian\r\n' : wslId] as const;
  return { 'reg.exe': registry.reg, 'wsl.exe': wsl };
}

test('vms shows machines by name, as text and as JSON', async () => {
  const machines = [machine(ids[0], 'web \u001b[31m\nserver', 2), machine(ids[1], 'db', 32777)];
  const run = programs({ ...withWsl(), ...hyperv(host, ...machines, end) });
  const { status, stdout, stderr } = await standIn(run, ['vms']);
  assert.deepEqual({ status, stderr }, { status: 0, stderr: [] });
  assert.deepEqual(stdout.split('\n'), [
    `${ids[1]}  resuming  db`,
    `${ids[0]}  running   web \ufffd[31m\ufffdserver`,
    `${wslId}  running   WSL`,
    '',
  ]);
  const json = await standIn(run, ['vms', '--json']);
  assert.deepEqual(JSON.parse(json.stdout)[0], { name: 'db', id: ids[1], state: 'resuming', source: 'hyperv' });
});

test('vms shows what it can and fails for the rest', async () => {
  const noRights = await standIn(programs({ ...withWsl(), ...hyperv(end) }), ['vms']);
  assert.equal(noRights.status, 1);
  assert.match(noRights.stdout, /^eed44daf.*WSL\n$/);
  assert.match(noRights.stderr.join(), /^listing virtual machines: .*\(permission\)$/);
  const noHyperv = hyperv({ error: 'InvalidNamespace', id: '', message: '' });
  const home = await standIn(programs({ ...withWsl(), ...noHyperv }), ['vms']);
  assert.deepEqual([home.status, home.stderr], [0, []]);
  const nothing = await standIn(programs({ 'reg.exe': new StandInRegistry().reg, ...noHyperv }), ['vms', '--json']);
  assert.deepEqual([nothing.status, nothing.stdout], [1, '']);
  assert.match(nothing.stderr.join(), /has no Hyper-V/);
  const none = await standIn(programs({ 'reg.exe': new StandInRegistry().reg, ...hyperv(host, end) }), [
    'vms',
    '--json',
  ]);
  assert.deepEqual(none, { status: 0, stdout: '[]\n', stderr: ['there are no virtual machines'] });
});

test('services registers, lists and removes (stand-in for the registry)', async () => {
  const run = programs({ 'reg.exe': new StandInRegistry().reg });
  const id = '00000400-facb-11e6-bd58-64006a7986d3';
  const told = async (...args: string[]) => (await standIn(run, ['services', ...args])).stderr.join();
  assert.equal(await told('register', '1024', '--name', 'my echo'), `registered service ${id}`);
  assert.equal(await told('register', `{${id.toUpperCase()}}`), `service ${id} was registered already`);
  await told('register', ids[0]);
  const { stdout } = await standIn(run, ['services', 'list']);
  assert.deepEqual(stdout.split('\n'), [`${id}  1024  my echo`, `${ids[0]}  -     hvsock ${ids[0]}`, '']);
  const json = await standIn(run, ['services', 'list', '--json']);
  assert.deepEqual(JSON.parse(json.stdout)[0], { serviceId: id, port: 1024, name: 'my echo' });
  assert.equal(await told('unregister', '0x400'), `unregistered service ${id}`);
  assert.equal(await told('unregister', '1024'), `service ${id} was not registered`);
});

test('columns', () => {
  assert.equal(formatTable([]), '');
  assert.equal(
    formatTable([
      ['a', 'bb', ''],
      ['aaa', 'b', 'c'],
    ]),
    'a    bb\naaa  b   c\n',
  );
});

const misuses: [args: string[], problem: RegExp][] = [
  [['vms', 'web'], /vms takes no argument, not "web"/],
  [['vms', '--name', 'x'], /unknown option '--name'/],
  [['services'], /services needs one of list, register, unregister/],
  [['services', 'show'], /there is no command services show/],
  [['services', 'list', '1024'], /services list takes no argument/],
  [['services', 'list', '--name', 'x'], /--name is for services register/],
  [['services', 'register'], /services register needs a service GUID or a port/],
  [['services', 'register', 'echo'], /write a service GUID or a port, not "echo"/],
  [['services', 'register', '4294967295'], /port out of range/],
  [['services', 'register', '1024', 'echo'], /takes one service, not also "echo"/],
  [['services', 'register', '1024', '--name='], /--name needs a name/],
  [['services', 'unregister', '3049197c-9a4e'], /a GUID has 32 hexadecimal digits/],
];

for (const [args, problem] of misuses) {
  test(`misuse: hvsock ${args.join(' ')}`, () => {
    const { status, stdout, stderr } = start(...args);
    assert.match(stderr, problem);
    assert.match(stderr, /^hvsock: [^\n]*; see hvsock --help\n$/);
    assert.deepEqual({ status, stdout }, { status: 2, stdout: '' });
  });
}

test('the usage text is the one in docs/hvsock.md', () => {
  const manual = readFileSync(new URL('docs/hvsock.md', import.meta.resolve('hvsock/package.json')), 'utf8');
  for (const args of [
    ['vms', '--help'],
    ['services', '-h'],
    ['services', 'list', '--help'],
  ]) {
    const { status, stdout } = start(...args);
    assert.equal(status, 0);
    assert.ok(manual.includes(stdout) && stdout.includes('hvsock vms'));
  }
});

test('elsewhere both say that they are Windows only', { skip: isWindows && 'this is Windows' }, () => {
  for (const [args, message] of [
    [['vms'], /^hvsock: listing virtual machines: Windows only \(unsupported\)\n$/],
    [['services', 'list'], /^hvsock: listing services: Windows only \(unsupported\)\n$/],
    [['services', 'register', '1'], /^hvsock: registering service 00000001-.*: Windows only \(unsupported\)\n$/],
  ] as [string[], RegExp][]) {
    const { status, stdout, stderr } = start(...args);
    assert.match(stderr, message);
    assert.deepEqual({ status, stdout }, { status: 1, stdout: '' });
  }
  const { message, ...rest } = JSON.parse(start('vms', '--json').stderr);
  assert.deepEqual(
    [rest.event, rest.kind, message],
    ['error', 'unsupported', 'listing virtual machines: Windows only'],
  );
});

const realSkip = !isWindows && 'needs Windows, or Wine: it writes to the registry';
test('services as it ships, on the registry of Windows', { skip: realSkip }, (context) => {
  const port = Math.floor(2 ** 29 + Math.random() * 2 ** 29);
  const first = start('services', 'register', `${port}`, '--name', 'a "b" $c ü');
  if (first.status === 1 && first.stderr.includes('(permission)')) {
    assert.match(first.stderr, new RegExp(`run once, as administrator: hvsock services register ${port} --name`));
    context.skip('no rights to write to the registry; run this test as administrator');
    return;
  }
  assert.match(first.stderr, /^hvsock: registered service /);
  assert.match(start('services', 'register', `${port}`).stderr, /was registered already/);
  const listed = JSON.parse(start('services', 'list', '--json').stdout) as { port: number; name: string }[];
  assert.equal(listed.find((service) => service.port === port)?.name, 'a "b" $c ü');
  assert.match(start('services', 'list').stdout, new RegExp(`  ${port} +a "b" \\$c ü\n`));
  assert.match(start('services', 'unregister', `${port}`).stderr, /^hvsock: unregistered service /);
  assert.match(start('services', 'unregister', `${port}`).stderr, /was not registered/);
});

test('hvcat registers its service before it listens', { skip: realSkip }, async (context) => {
  const port = Math.floor(2 ** 29 + Math.random() * 2 ** 29);
  const hvcat = new HvcatProcess(['-l', '-v', '--register-guid', `${port}`]);
  const [told] = await hvcat.stderr(/registered service|\(permission\)/);
  hvcat.child.kill();
  await hvcat.ended;
  if (told === '(permission)') {
    context.skip('no rights to write to the registry; run this test as administrator');
    return;
  }
  const listed = await listServices();
  assert.equal(listed.find((service) => service.port === port)?.name, `hvsock port ${port}`);
  assert.equal(await unregisterService(port), true);
});
