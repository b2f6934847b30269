// On Windows against its registry, Wine's too; elsewhere against a stand-in, as everywhere for what rights decide.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { HvsockError, serviceIdOfPort } from 'hvsock';
import {
  isServiceRegistered,
  listServices,
  registerCommand,
  registerService,
  unregisterService,
  type WindowsOptions,
} from 'hvsock/windows';
import { programs, StandInRegistry, services } from '../support/windows-programs.js';

const isWindows = process.platform === 'win32';
const standIn = new StandInRegistry();
const here: WindowsOptions = isWindows ? {} : { run: programs({ 'reg.exe': standIn.reg }) };
const where = isWindows ? '' : ' (stand-in for the registry)';

const serviceId = randomUUID();
// A random port, so that nobody's service is touched.
const port = Math.floor(2 ** 30 + Math.random() * 2 ** 30);
const known = async (id: string) => (await listServices(here)).find((service) => service.serviceId === id);

/** Why this process cannot write to the registry. */
const skip = await registerService(serviceId, here).then(
  () => false,
  (error: HvsockError) => {
    if (error.kind !== 'permission') throw error;
    return 'no rights to write to the registry; run this test as administrator';
  },
);
after(async () => {
  if (skip) return;
  await unregisterService(serviceId, here);
  await unregisterService(port, here);
});

test(`a service is registered, listed and removed, by GUID${where}`, { skip }, async () => {
  assert.equal(await unregisterService(serviceId, here), true);
  assert.equal(await isServiceRegistered(serviceId, here), false);
  assert.equal(await unregisterService(serviceId, here), false);
  assert.equal(await registerService(`{${serviceId.toUpperCase()}}`, { ...here, name: 'one' }), true);
  assert.equal(await isServiceRegistered(serviceId, here), true);
  assert.deepEqual(await known(serviceId), { serviceId, port: undefined, name: 'one' });
  assert.equal(await registerService(serviceId, { ...here, name: 'one' }), false);
  assert.equal(await registerService(serviceId, { ...here, name: 'another' }), true);
  assert.equal(await registerService(serviceId, here), false);
  assert.equal((await known(serviceId))?.name, 'another');
});

test(`a service is registered by port, with a name that says so${where}`, { skip }, async () => {
  assert.equal(await registerService(port, here), true);
  const id = serviceIdOfPort(port);
  assert.deepEqual(await known(id), { serviceId: id, port, name: `hvsock port ${port}` });
  const ids = (await listServices(here)).map((service) => service.serviceId);
  assert.deepEqual(ids, [...ids].sort());
});

for (const name of [
  'a "quoted" one',
  '$HOME `x` %PATH%',
  'back\\slash\\',
  'ünïcode ☃ 𝄞',
  "it's",
  '/f',
  '[x]',
  ' a  b ',
]) {
  test(`the name ${name} comes back as it was given${where}`, { skip }, async () => {
    await registerService(serviceId, { ...here, name });
    assert.equal((await known(serviceId))?.name, name);
    assert.equal(await registerService(serviceId, { ...here, name }), false);
  });
}

test('what else is in the registry is no service (stand-in for the registry)', async () => {
  const registry = new StandInRegistry();
  const id = '0000A000-FACB-11E6-BD58-64006A7986D3';
  const other = 'b4ac1b2c-0000-4000-8000-000000000001';
  registry.keys.set(services, new Map([['', '"default"']]));
  registry.keys.set(`${services}\\${id}`, new Map([['elementNAME', '"two\r\n[lines]"']]));
  registry.keys.set(`${services}\\${id}\\${other}`, new Map([['ElementName', '"below"']]));
  registry.keys.set(`${services}\\{${other}}`, new Map([['ElementName', '"in braces"']]));
  registry.keys.set(`${services}\\readme`, new Map([['ElementName', '"no GUID"']]));
  registry.keys.set(
    `${services}\\${other}`,
    new Map([
      ['ElementName', 'dword:00000007'],
      ['x', 'hex(7):61,00,\\\r\n  00,00'],
    ]),
  );
  const run = programs({ 'reg.exe': registry.reg });
  assert.deepEqual(await listServices({ run }), [
    { serviceId: id.toLowerCase(), port: 40960, name: 'two\r\n[lines]' },
    { serviceId: other, port: undefined, name: undefined },
  ]);
});

test('where Hyper-V never was, there are no services (stand-in for the registry)', async () => {
  const run = programs({ 'reg.exe': new StandInRegistry().reg });
  assert.deepEqual(await listServices({ run }), []);
  assert.equal(await isServiceRegistered(1024, { run }), false);
  assert.match(run.calls[0]?.[0] ?? '', /^[A-Z]:\\\w+\\System32\\reg\.exe$/i);
});

test('who is not elevated gets the command to run, and what needs no rights (stand-in for the registry)', async () => {
  const registry = new StandInRegistry();
  const run = programs({ 'reg.exe': registry.reg });
  await registerService(1024, { run, name: 'echo' });
  registry.isElevated = false;
  const refused = (problem: RegExp) => (error: unknown) =>
    error instanceof HvsockError &&
    error.kind === 'permission' &&
    error.code === 'ERR_HVSOCK_PERMISSION' &&
    problem.test(error.message);
  await assert.rejects(registerService(1025, { run }), refused(/as administrator: hvsock services register 1025$/));
  await assert.rejects(
    registerService(1024, { run, name: "Ann's" }),
    refused(/as administrator: hvsock services register 1024 --name 'Ann''s'$/),
  );
  await assert.rejects(unregisterService(1024, { run }), refused(/administrator: hvsock services unregister 1024$/));
  assert.equal(await registerService(1024, { run }), false);
  assert.equal(await unregisterService(1025, { run }), false);
  assert.equal(await isServiceRegistered(1024, { run }), true);
  assert.equal((await listServices({ run })).length, 1);
});

test('a registry that may not be read is not an empty one (stand-in for the registry)', async () => {
  const registry = new StandInRegistry();
  registry.isAllowed = false;
  const options = { run: programs({ 'reg.exe': registry.reg }) };
  const failed = { code: 'ERR_HVSOCK_COMMAND', kind: 'unknown', message: /reg\.exe failed with status 1/ };
  await assert.rejects(listServices(options), failed);
  await assert.rejects(registerService(1, options), failed);
  await assert.rejects(unregisterService(1, options), failed);
});

test('a failure of somebody who is elevated is told in the words of reg.exe (stand-in for reg.exe)', async () => {
  const reg = new StandInRegistry().reg;
  const run = programs({ 'reg.exe': (args) => (args[0] === 'add' ? [1, '', 'ERROR: no room\r\n'] : reg(args)) });
  await assert.rejects(registerService(1, { run }), {
    code: 'ERR_HVSOCK_COMMAND',
    message: 'registering service 00000001-facb-11e6-bd58-64006a7986d3: reg.exe failed with status 1: ERROR: no room',
  });
});

test('the command that registers', () => {
  assert.equal(registerCommand('00000400-FACB-11e6-bd58-64006a7986d3'), 'hvsock services register 1024');
  assert.equal(registerCommand(0), 'hvsock services register 0');
  assert.equal(registerCommand(`{${serviceId}}`), `hvsock services register ${serviceId}`);
  assert.equal(registerCommand(1, 'a b'), "hvsock services register 1 --name 'a b'");
});

test('wrong arguments are refused before anything is run', async () => {
  const run = programs({});
  const invalid = { code: 'ERR_HVSOCK_INVALID_ARGUMENT', kind: 'invalid' };
  for (const service of [2 ** 31, -1, 1.5, '1024', 'echo', undefined]) {
    await assert.rejects(registerService(service as number, { run }), {
      ...invalid,
      message: /serviceId must be a GUID/,
    });
    await assert.rejects(isServiceRegistered(service as number, { run }), invalid);
  }
  for (const name of ['', ' ', 'two\nlines', 'x'.repeat(256), 7]) {
    await assert.rejects(registerService(1, { run, name: name as string }), {
      ...invalid,
      message: /name must be one line/,
    });
  }
  await assert.rejects(listServices({ run, timeout: 0 }), { ...invalid, message: /timeout must be/ });
  await assert.rejects(listServices({ run, signal: {} as AbortSignal }), { ...invalid, message: /signal must be/ });
  await assert.rejects(listServices({ run: 'reg' as never }), { ...invalid, message: /run must be a function/ });
  assert.deepEqual(run.calls, []);
});

test('on other systems it says that it is Windows only', { skip: isWindows && 'this is Windows' }, async () => {
  const unsupported = { code: 'ERR_HVSOCK_UNSUPPORTED', kind: 'unsupported', message: /: Windows only$/ };
  await assert.rejects(listServices(), unsupported);
  await assert.rejects(registerService(1), unsupported);
  await assert.rejects(unregisterService(1), unsupported);
  await assert.rejects(isServiceRegistered(1), unsupported);
});

test('time limit and signal', async () => {
  const never: WindowsOptions = {
    run: (_program, _args, { signal }) =>
      new Promise((_resolve, reject) => {
        const timer = setInterval(() => {}, 1000);
        signal.addEventListener('abort', () => {
          clearInterval(timer);
          reject(signal.reason);
        });
      }),
  };
  await assert.rejects(listServices({ ...never, timeout: 20 }), {
    code: 'ETIMEDOUT',
    kind: 'timeout',
    message: /^listing services: .*reg\.exe has not answered within 20 ms$/,
  });
  const controller = new AbortController();
  const attempt = listServices({ ...never, signal: controller.signal });
  controller.abort(new Error('enough'));
  await assert.rejects(attempt, { name: 'AbortError', code: 'ABORT_ERR', kind: 'aborted', cause: new Error('enough') });
  const aborted = AbortSignal.abort();
  await assert.rejects(listServices({ ...never, signal: aborted }), { kind: 'aborted' });
});

test('a real program is ended', {
  skip: !isWindows && 'needs Windows, or Wine: no program of Windows here',
}, async () => {
  await assert.rejects(listServices({ timeout: 1 }), { code: 'ETIMEDOUT', kind: 'timeout' });
  const controller = new AbortController();
  const attempt = listServices({ signal: controller.signal });
  setImmediate(() => controller.abort());
  await assert.rejects(attempt, { kind: 'aborted' });
});

test('a program that is not there, or that may not be run (stand-ins)', async () => {
  await assert.rejects(listServices({ run: programs({}) }), {
    code: 'ERR_HVSOCK_COMMAND',
    kind: 'unsupported',
    message: /^listing services: this Windows has no .*\\System32\\reg\.exe$/,
  });
  const run = () => Promise.reject(Object.assign(new Error('spawn EPERM'), { code: 'EPERM' }));
  await assert.rejects(listServices({ run }), { code: 'ERR_HVSOCK_COMMAND', kind: 'permission' });
});
