// Which addon is loaded, and what is said when none is there: by the first call that needs it, in a copy of the tree.
import assert from 'node:assert/strict';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { runWell } from './command.js';
import { ownAddon, stageLibrary } from './staging.js';

const built = 'build/Release/hvsock.node';
const prebuilt = `prebuilds/${process.platform}-${process.arch}/hvsock.node`;

// The shortest way to the addon; whether there is a /dev/vsock, or anybody on AF_HYPERV's loopback, does not matter here.
const firstUse = process.platform === 'win32' ? "await connectAsync('hvsock://loopback/1')" : 'localCid()';
const program = `
  import { connectAsync, localCid } from 'hvsock';
  let refusal;
  try { ${firstUse}; } catch (error) { if (error.code === 'ERR_HVSOCK_NATIVE') refusal = error; }
  const addon = process.report.getReport().sharedObjects.find((path) => path.endsWith('.node'));
  console.log(JSON.stringify({ addon, name: refusal?.name, kind: refusal?.kind, message: refusal?.message }));
`;

interface Answer {
  readonly addon?: string;
  readonly name?: string;
  readonly kind?: string;
  readonly message?: string;
}

async function load(directory: string, own = ''): Promise<Answer> {
  const env = { ...process.env, HVSOCK_ADDON: own };
  const args = ['--input-type=module', '-e', program];
  return JSON.parse(await runWell(process.execPath, args, { cwd: directory, env }));
}

async function put(directory: string, path: string, content?: string): Promise<void> {
  await mkdir(dirname(join(directory, path)), { recursive: true });
  if (content === undefined) await cp(ownAddon, join(directory, path));
  else await writeFile(join(directory, path), content);
}

test('with no addon anywhere, the error names every place and what to do', async () => {
  const directory = await stageLibrary();
  const { addon, name, kind, message = '' } = await load(directory);
  assert.equal(addon, undefined);
  assert.equal(name, 'HvsockError');
  assert.equal(kind, 'unsupported');
  for (const path of [built, prebuilt])
    assert.ok(message.includes(`\n  ${join(directory, path)}: not there\n`), message);
  assert.match(
    message,
    /install (a C compiler, make|the C\+\+ tools of Visual Studio) and python3, and run: npm rebuild hvsock/,
  );
});

test('an addon that does not load is named, with what the system says', async () => {
  const directory = await stageLibrary();
  await put(directory, prebuilt, 'no addon');
  const { addon, message = '' } = await load(directory);
  assert.equal(addon, undefined);
  assert.ok(message.includes(`\n  ${join(directory, built)}: not there\n`), message);
  const said = message.split(`\n  ${join(directory, prebuilt)}: `)[1] ?? '';
  assert.match(said, /^.*(too short|invalid|not a mach-o|slice|not a valid|bad exe)/i);
});

test('HVSOCK_ADDON is looked at alone', async () => {
  const directory = await stageLibrary();
  await put(directory, built);
  const { addon, message = '' } = await load(directory, join(directory, 'mine.node'));
  assert.equal(addon, undefined);
  assert.ok(message.includes(`Tried:\n  ${join(directory, 'mine.node')}: not there\nTo build it`), message);
});

test('HVSOCK_ADDON may be relative to the working directory', async () => {
  const directory = await stageLibrary();
  await put(directory, 'mine.node');
  assert.equal((await load(directory, 'mine.node')).addon, join(directory, 'mine.node'));
});

test('a build is taken before what is in prebuilds, which takes the place of a build that does not load', async () => {
  const directory = await stageLibrary();
  await put(directory, prebuilt);
  await put(directory, built);
  assert.equal((await load(directory)).addon, join(directory, built));
  await put(directory, built, 'no addon');
  assert.equal((await load(directory)).addon, join(directory, prebuilt));
});
