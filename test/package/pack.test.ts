// The package as its users get it: packed, installed into an empty project, imported and required.
import assert from 'node:assert/strict';
import { access, constants, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { root, runWell } from './command.js';
import { makeDirectory, stagePrebuilds } from './staging.js';

const skip = process.platform !== 'linux' && 'prebuilt addons are made on Linux';

let tarball = '';
let files: string[] = [];
let project = '';

before(async () => {
  if (skip !== false) return;
  const destination = await makeDirectory();
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', destination];
  tarball = join(destination, (await runWell('npm', pack, { cwd: await stagePrebuilds() })).trim());
  const listed = await runWell('tar', ['-tzf', tarball]);
  files = listed
    .trim()
    .split('\n')
    .map((path) => path.replace('package/', ''));
  project = await makeDirectory();
  await writeFile(join(project, 'package.json'), '{ "private": true }');
  await runWell('npm', ['install', '--offline', tarball], { cwd: project });
});

test('the package holds what runs, what builds the addon, and no more', { skip }, () => {
  const wanted = ['dist/index.js', 'dist/index.d.ts', 'binding.gyp', 'scripts/install.js', 'native/addon.c', 'LICENSE'];
  const prebuilt = ['linux-x64', 'linux-arm64', 'win32-x64'].map((platform) => `prebuilds/${platform}/hvsock.node`);
  for (const path of [...wanted, ...prebuilt]) assert.ok(files.includes(path), `no ${path}`);
  const allowed =
    /^(dist\/.+(\.js|\.d\.ts)|native\/\w+\.[ch]|prebuilds\/[\w-]+\/hvsock\.node|binding\.gyp|scripts\/install\.js|package\.json|[A-Z]+(\.md)?)$/;
  assert.deepEqual(
    files.filter((path) => !allowed.test(path)),
    [],
  );
});

test('publint has nothing to say', { skip }, async () => {
  await runWell(process.execPath, [join(root, 'node_modules/publint/src/cli.js'), 'run', tarball, '--strict']);
});

test('it installs offline, brings nothing along, and builds nothing', { skip }, async () => {
  const visible = (names: string[]) => names.filter((name) => !name.startsWith('.'));
  assert.deepEqual(visible(await readdir(join(project, 'node_modules'))), ['hvsock']);
  assert.ok(!(await readdir(join(project, 'node_modules/hvsock'))).includes('build'));
});

// The path of the addon that the process has mapped, before and after its first use.
const report = `
  const mapped = () => /\\S+\\/node_modules\\/hvsock\\/(\\S+\\.node)$/m.exec(require('fs').readFileSync('/proc/self/maps'))?.[1];
  const tell = ({ localCid, Socket }) => {
    const before = mapped();
    try { localCid(); } catch (error) { if (error.code === 'ERR_HVSOCK_NATIVE') throw error; }
    console.log(Socket.name, before, mapped());
  };
`;
const told = `Socket undefined prebuilds/linux-${process.arch}/hvsock.node\n`;

test('import works and loads nothing native; the first use loads the prebuilt addon', { skip }, async () => {
  const program = `${report} import('hvsock').then(tell)`;
  assert.equal(await runWell(process.execPath, ['-e', program], { cwd: project }), told);
});

test('so does require', { skip }, async () => {
  const program = `${report} tell(require('hvsock'))`;
  assert.equal(await runWell(process.execPath, ['-e', program], { cwd: project }), told);
});

test('its commands are there and can be run', { skip }, async () => {
  const { bin } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { bin: Record<string, string> };
  for (const [command, path] of Object.entries(bin)) {
    assert.match(await readFile(join(project, 'node_modules/hvsock', path), 'utf8'), /^#!\/usr\/bin\/env node\n/);
    await access(join(project, 'node_modules/.bin', command), constants.X_OK);
  }
});
