// npm's install script: when it builds, and what it says and does when it can't.
import assert from 'node:assert/strict';
import { chmod, cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { test } from 'node:test';
import { run, runWell } from './command.js';
import { makeDirectory, ownAddon, stageTree } from './staging.js';

const prebuilt = `prebuilds/${process.platform}-${process.arch}/hvsock.node`;
const skip = process.platform === 'win32' && 'the node-gyp here is a shell script';

/** A copy of the tree that looks installed: without its TypeScript sources. */
async function stageInstalled(): Promise<string> {
  const directory = await stageTree();
  await rm(join(directory, 'src'), { recursive: true });
  return directory;
}

async function putPrebuilt(directory: string, content?: string): Promise<void> {
  const path = join(directory, prebuilt);
  await mkdir(dirname(path), { recursive: true });
  if (content === undefined) await cp(ownAddon, path);
  else await writeFile(path, content);
}

/** Runs the script with a node-gyp that says what it was asked, and fails. */
async function install(directory: string) {
  const bin = await makeDirectory();
  await writeFile(join(bin, 'node-gyp'), '#!/bin/sh\necho node-gyp "$@"\nexit 3\n');
  await chmod(join(bin, 'node-gyp'), 0o755);
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH']}` };
  return run(process.execPath, ['scripts/install.js'], { cwd: directory, env });
}

test('a prebuilt addon that loads is all it wants', async () => {
  const directory = await stageInstalled();
  await putPrebuilt(directory);
  assert.deepEqual(await install(directory), { status: 0, output: '' });
});

test('a dependency is installed without an addon when none can be had, and is told why', { skip }, async () => {
  const directory = await stageInstalled();
  await putPrebuilt(directory, 'no addon');
  const { status, output } = await install(directory);
  assert.equal(status, 0);
  assert.match(output, /^node-gyp rebuild\n/);
  assert.match(output, new RegExp(`no native addon for ${process.platform}-${process.arch}\\. Tried:`));
  assert.match(output, new RegExp(`\\n  ${prebuilt}: Error: `));
  assert.match(output, /\n {2}node-gyp rebuild: ended with status 3\n/);
  assert.match(output, /install a C compiler, make and python3, and run: npm rebuild hvsock/);
});

test('a checkout builds whatever is in prebuilds, keeps build/, and fails when it cannot', { skip }, async () => {
  const directory = await stageTree();
  await putPrebuilt(directory);
  const { status, output } = await install(directory);
  assert.equal(status, 1);
  assert.match(output, /^node-gyp configure build\n/);
  assert.doesNotMatch(output, /rebuild: ended|prebuilds/);
});

test('a package without an addon for this machine builds one', { skip }, async () => {
  const destination = await makeDirectory();
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', destination];
  const tarball = join(destination, (await runWell('npm', pack, { cwd: await stageTree() })).trim());
  const project = await makeDirectory();
  await writeFile(join(project, 'package.json'), '{ "private": true }');
  await runWell('npm', ['install', '--offline', tarball], { cwd: project });
  const addon = join(project, 'node_modules/hvsock/build/Release/hvsock.node');
  await runWell(process.execPath, ['-e', 'require(process.argv[1])', addon]);
});
