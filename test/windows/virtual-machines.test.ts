// Against stand-ins for Windows' programs; under Wine, whose PowerShell is one itself, against that too.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HvsockError } from 'hvsock';
import { listVirtualMachines, virtualMachineId } from 'hvsock/windows';
import { Commands } from '#src/windows/commands.js';
import { type Answer, jsonLines, programs, type StandIn, StandInRegistry, units } from '../support/windows-programs.js';

const isWindows = process.platform === 'win32';
const ids = [1, 2, 3, 4].map((digit) => `90db8b89-0d35-4f79-8ce9-49ea0ac8b7c${digit}`) as [
  string,
  string,
  string,
  string,
];
const wslId = 'eed44daf-4f7e-4cf5-82fd-f9c8ebf8db82';

const system = (id: string, name: string, state: number) => ({ id: units(id), name: units(name), state });
/** The host is one of the systems; its Name is the computer's. */
const host = system('DESKTOP-Ä', 'DESKTOP-Ä', 2);
const machine = (id: string, name: string, state = 2) => system(id.toUpperCase(), name, state);
const end = { end: true };
const failure = (error: string, id: string, message = 'Zugriff verweigert') => ({ error, id, message: units(message) });

/** Windows with this answer of PowerShell's. */
const hyperv = (...objects: object[]) => ({ 'powershell.exe': (): Answer => [0, jsonLines(...objects)] });

/** Windows with WSL, and these distributions running. */
function wsl({
  installed = { Debian: 2 },
  running = ['Debian'],
  tell = () => [0, `${wslId}`],
}: {
  installed?: Record<string, number>;
  running?: string[];
  tell?: StandIn;
} = {}): Record<string, StandIn> {
  const registry = new StandInRegistry();
  const distributions = 'HKEY_CURRENT_USER\\Software\\Microsoft\\Windows\\CurrentVersion\\Lxss';
  for (const [index, [name, version]] of Object.entries(installed).entries()) {
    const values = new Map([
      ['DistributionName', JSON.stringify(name)],
      ['Version', `dword:0000000${version}`],
    ]);
    registry.keys.set(`${distributions}\\{0000000${index}-0000-0000-0000-000000000000}`, values);
  }
  return {
    'reg.exe': registry.reg,
    'wsl.exe': (args) =>
      args[0] === '--list' ? [0, Buffer.from(running.map((name) => `${name}\r\n`).join(''), 'utf16le')] : tell(args),
  };
}

const withoutWsl = { 'reg.exe': new StandInRegistry().reg };
const noHyperv = hyperv(failure('InvalidNamespace', 'HRESULT 0x8004100e,Microsoft.Management.Infrastructure.Cim'));

test('no, one and many machines of Hyper-V', async () => {
  const list = (...machines: object[]) =>
    listVirtualMachines({ run: programs({ ...withoutWsl, ...hyperv(host, ...machines, end) }) });
  assert.deepEqual(await list(), []);
  assert.deepEqual(await list(machine(ids[0], 'web')), [
    { name: 'web', id: ids[0], state: 'running', source: 'hyperv' },
  ]);
  const many = Array.from({ length: 100 }, (_all, index) =>
    machine(`${String(index).padStart(8, '0')}-0d35-4f79-8ce9-49ea0ac8b7c1`, `vm ${index}`),
  );
  assert.deepEqual(
    (await list(...many)).map(({ name }) => name),
    many.map((_all, index) => `vm ${index}`),
  );
});

test('names are what they are', async () => {
  const names = ['it\'s "quoted"', '$(Get-Date) `n', 'ünïcode ☃ 𝄞', 'two\nlines', '表\\', '', ' '];
  const machines = names.map((name) => machine(ids[0], name));
  const run = programs({ ...withoutWsl, ...hyperv(...machines, end) });
  assert.deepEqual(
    (await listVirtualMachines({ run })).map(({ name }) => name),
    names,
  );
});

test('states', async () => {
  const states = [2, 3, 4, 6, 9, 10, 11, 32773, 32776, 32777, 32779, 32780, 32781, 32793, 0, 8];
  const run = programs({ ...withoutWsl, ...hyperv(...states.map((state) => machine(ids[0], 'x', state)), end) });
  assert.deepEqual(
    (await listVirtualMachines({ run })).map(({ state }) => state),
    [
      ...['running', 'off', 'stopping', 'saved', 'paused', 'starting', 'resetting', 'saving', 'pausing', 'resuming'],
      ...['saved', 'saving', 'critical', 'critical', 'other', 'other'],
    ],
  );
});

test('nothing of a name reaches PowerShell, and what does needs no quoting', async () => {
  const run = programs({ ...withoutWsl, ...hyperv(host, machine(ids[0], "x'; rm *"), machine(ids[1], '$y'), end) });
  assert.equal(await virtualMachineId("x'; rm *", { run }), ids[0]);
  assert.equal(await virtualMachineId('$y', { run }), ids[1]);
  const [first, second] = run.calls.filter(([program]) => program?.endsWith('powershell.exe'));
  assert.deepEqual(first, second);
  assert.match(first?.[0] ?? '', /^C:\\Windows\\System32\\WindowsPowerShell\\v1\.0\\powershell\.exe$/i);
  // Node's quoting of arguments and PowerShell's reading of them differ about these.
  assert.ok(!first?.join('').includes('"'));
});

test('the id of a name', async () => {
  const systems = [
    host,
    machine(ids[0], 'web'),
    machine(ids[1], 'Web'),
    machine(ids[2], 'db'),
    machine(ids[3], 'db', 3),
  ];
  const run = programs({ ...withoutWsl, ...hyperv(...systems, end) });
  assert.equal(await virtualMachineId('web', { run }), ids[0]);
  assert.equal(await virtualMachineId('Web', { run }), ids[1]);
  const ambiguous = (error: HvsockError) => error.code === 'ERR_HVSOCK_AMBIGUOUS_VM' && error.kind === 'invalid';
  await assert.rejects(
    virtualMachineId('db', { run }),
    (error: HvsockError) =>
      ambiguous(error) && error.message.includes(`${ids[2]} (running)`) && error.message.includes(`${ids[3]} (off)`),
  );
  await assert.rejects(virtualMachineId('WEB', { run }), ambiguous);
  await assert.rejects(virtualMachineId('mail', { run }), {
    code: 'ERR_HVSOCK_NO_VM',
    kind: 'no-vm',
    message: 'finding the virtual machine "mail": no machine has that name; there are "web", "Web", "db", "db"',
  });
  const one = programs({ ...withoutWsl, ...hyperv(host, machine(ids[0], 'Web Server'), end) });
  assert.equal(await virtualMachineId('web server', { run: one }), ids[0]);
  const none = programs({ ...withoutWsl, ...hyperv(host, end) });
  await assert.rejects(virtualMachineId('web', { run: none }), { message: /no machine has that name; there is none$/ });
  await assert.rejects(virtualMachineId('', { run }), { code: 'ERR_HVSOCK_INVALID_ARGUMENT' });
});

const failures: [what: string, answer: Answer | undefined, code: string, kind: string, message: RegExp][] = [
  ['no rights, and nothing said', [0, jsonLines(end)], 'ERR_HVSOCK_PERMISSION', 'permission', /Hyper-V Administrators/],
  [
    'no rights',
    [0, jsonLines(failure('AccessDenied', 'HRESULT 0x80041003,Cim'))],
    ...(['ERR_HVSOCK_PERMISSION', 'permission', /run as administrator/] as const),
  ],
  [
    'no Hyper-V',
    [0, jsonLines(failure('InvalidNamespace', 'HRESULT 0x8004100e,Cim', 'Ungültiger Namespace'))],
    ...(['ERR_HVSOCK_NO_HYPERV', 'unsupported', /has no Hyper-V; add the feature/] as const),
  ],
  [
    'no Hyper-V, by number alone',
    [0, jsonLines(failure('', 'HRESULT 0X8004100E,Cim'))],
    ...(['ERR_HVSOCK_NO_HYPERV', 'unsupported', /has no Hyper-V/] as const),
  ],
  [
    'another failure of CIM',
    [0, jsonLines(failure('Failed', 'HRESULT 0x80070422,Cim', 'Der Dienst ☃'))],
    ...(['ERR_HVSOCK_COMMAND', 'unknown', /Hyper-V cannot be asked: Der Dienst ☃ \(HRESULT 0x80070422,Cim\)/] as const),
  ],
  ['an empty answer', [0, '\r\n'], 'ERR_HVSOCK_COMMAND', 'unsupported', /answered nothing, with status 0/],
  ['half an answer', [0, jsonLines(host)], 'ERR_HVSOCK_COMMAND', 'protocol', /no whole answer: ".*state/],
  ['half a line', [0, '{"id":'], 'ERR_HVSOCK_COMMAND', 'protocol', /no whole answer/],
  ['something else', [0, 'hello'], 'ERR_HVSOCK_COMMAND', 'protocol', /no whole answer: "hello"/],
  [
    'a failure',
    [1, '', 'The term is not\r\nrecognized'],
    'ERR_HVSOCK_COMMAND',
    'unknown',
    /status 1: The term is not$/,
  ],
  ['no PowerShell', undefined, 'ERR_HVSOCK_COMMAND', 'unsupported', /this Windows has no .*powershell\.exe/],
];

for (const [what, answer, code, kind, message] of failures) {
  test(`${what} is a clear error`, async () => {
    const run = programs({ ...withoutWsl, ...(answer && { 'powershell.exe': () => answer }) });
    await assert.rejects(listVirtualMachines({ run }), { code, kind, message });
    await assert.rejects(virtualMachineId('web', { run }), { code, kind, message });
  });
}

test("PowerShell's warnings are no answer", async () => {
  const answer = `WARNING: the profile\r\n${jsonLines(machine(ids[0], 'web'), end)}`;
  const run = programs({ ...withoutWsl, 'powershell.exe': () => [0, answer] });
  assert.equal(await virtualMachineId('web', { run }), ids[0]);
});

test('WSL beside Hyper-V, and alone', async () => {
  const both = programs({ ...wsl(), ...hyperv(host, machine(ids[0], 'web'), end) });
  const ofWsl = { name: 'WSL', id: wslId, state: 'running', source: 'wsl' };
  assert.deepEqual(await listVirtualMachines({ run: both }), [
    { name: 'web', id: ids[0], state: 'running', source: 'hyperv' },
    ofWsl,
  ]);
  assert.deepEqual(await listVirtualMachines({ run: both, source: 'wsl' }), [ofWsl]);
  assert.equal((await listVirtualMachines({ run: both, source: 'hyperv' })).length, 1);
  await assert.rejects(listVirtualMachines({ run: both, source: 'docker' as 'wsl' }), { message: /'hyperv' or 'wsl'/ });
  assert.deepEqual(await listVirtualMachines({ run: programs({ ...wsl(), ...noHyperv }) }), [ofWsl]);
  const noRights = programs({ ...wsl(), ...hyperv(end) });
  await assert.rejects(listVirtualMachines({ run: noRights }), { kind: 'permission' });
  assert.equal(await virtualMachineId('wsl', { run: noRights }), wslId);
  await assert.rejects(virtualMachineId('web', { run: noRights }), { kind: 'permission' });
  const twice = programs({ ...wsl(), ...hyperv(host, machine(ids[0], 'WSL'), end) });
  await assert.rejects(virtualMachineId('WSL', { run: twice }), { code: 'ERR_HVSOCK_AMBIGUOUS_VM' });
  assert.equal(await virtualMachineId('WSL', { run: twice, source: 'wsl' }), wslId);
});

test('WSL is not started, nor its installation offered', async () => {
  const offered = programs(withoutWsl);
  assert.deepEqual(await listVirtualMachines({ run: offered, source: 'wsl' }), []);
  assert.ok(!offered.calls.some(([program]) => program?.endsWith('wsl.exe')));
  const stopped = programs(wsl({ running: [] }));
  assert.deepEqual(await listVirtualMachines({ run: stopped, source: 'wsl' }), []);
  assert.ok(!stopped.calls.flat().includes('--exec'));
  // What older versions answer where nothing runs.
  const older = programs({ ...wsl(), 'wsl.exe': () => [4294967295, 'There are no running distributions.'] });
  assert.deepEqual(await listVirtualMachines({ run: older, source: 'wsl' }), []);
});

test('the distributions of WSL that can tell are asked, those of WSL 1 are not', async () => {
  const running = ['docker desktop', 'Old', "Ann's $x"];
  const installed = { 'docker desktop': 2, Old: 1, "Ann's $x": 2 };
  const tell: StandIn = (args) => (args[1] === "Ann's $x" ? [0, `${wslId.toUpperCase()}\n`] : [127, '', 'not found']);
  const run = programs(wsl({ installed, running, tell }));
  assert.equal(await virtualMachineId('WSL', { run, source: 'wsl' }), wslId);
  const asked = run.calls.filter((call) => call.includes('--exec'));
  assert.deepEqual(
    asked.map((call) => call.slice(1)),
    ['docker desktop', "Ann's $x"].map((name) => ['--distribution', name, '--exec', 'wslinfo', '--vm-id', '-n']),
  );
});

test('an older WSL tells its machine to administrators', async () => {
  const older = wsl({ tell: () => [1, 'usage: wslinfo'] });
  const others = `${ids[0].toUpperCase()}\r\n    VM,\tRunning, ${ids[0].toUpperCase()}, VMMS\r\n\r\n`;
  const shown = `${wslId}\r\n    VM,                         Running, ${wslId.toUpperCase()}, WSL\r\n\r\n`;
  const list = (hcsdiag: Answer) =>
    listVirtualMachines({ run: programs({ ...older, 'hcsdiag.exe': () => hcsdiag }), source: 'wsl' });
  assert.equal((await list([0, others + shown]))[0]?.id, wslId);
  assert.deepEqual(await list([0, others]), []);
  await assert.rejects(list([5, '', 'Zugriff verweigert']), {
    code: 'ERR_HVSOCK_PERMISSION',
    kind: 'permission',
    message: /wsl --update, or run as administrator/,
  });
});

test('on other systems it says that it is Windows only', { skip: isWindows && 'this is Windows' }, async () => {
  const unsupported = { code: 'ERR_HVSOCK_UNSUPPORTED', kind: 'unsupported', message: /: Windows only$/ };
  await assert.rejects(listVirtualMachines(), unsupported);
  await assert.rejects(virtualMachineId('web'), unsupported);
});

test('time limit and signal reach every program', async () => {
  const never = (_path: string, _args: readonly string[], { signal }: { signal: AbortSignal }) =>
    new Promise<never>((_resolve, reject) => {
      const timer = setInterval(() => {}, 1000);
      signal.addEventListener('abort', () => {
        clearInterval(timer);
        reject(signal.reason);
      });
    });
  await assert.rejects(listVirtualMachines({ run: never, timeout: 20 }), { kind: 'timeout' });
  const waiting = new AbortController();
  const attempt = virtualMachineId('x', { run: never, signal: waiting.signal });
  waiting.abort();
  await assert.rejects(attempt, { kind: 'aborted' });
});

const realSkip = !isWindows && "needs Windows, or Wine: these are Windows' own programs";
test("Windows' own programs give machines or a clear error", { skip: realSkip }, async () => {
  const codes = ['ERR_HVSOCK_PERMISSION', 'ERR_HVSOCK_NO_HYPERV', 'ERR_HVSOCK_COMMAND'];
  const outcome = await listVirtualMachines().catch((error: unknown) => error);
  if (!(outcome instanceof HvsockError)) assert.ok(Array.isArray(outcome), String(outcome));
  else assert.ok(codes.includes(outcome.code), String(outcome));
  // Wine's PowerShell says nothing and succeeds.
  if (outcome instanceof HvsockError && outcome.code === 'ERR_HVSOCK_COMMAND')
    assert.match(outcome.message, /answered nothing/);
});

test('Windows PowerShell is not given the modules of PowerShell 7', { skip: realSkip }, async () => {
  process.env['PSModulePath'] = 'c:\\program files\\powershell\\7\\Modules';
  process.env['HVSOCK_TEST'] = 'is passed on';
  const { stdout } = await new Commands('asking', {}).run('cmd.exe', '/c', 'set');
  assert.match(`${stdout}`, /^HVSOCK_TEST=is passed on\r?$/m);
  assert.doesNotMatch(`${stdout}`, /^PSModulePath=c:\\program files\\powershell\\7/im);
});
