// What the prebuilt addons promise as files: one for every libc, one for every Windows, the same bytes from the same
// sources.
import assert from 'node:assert/strict';
import { appendFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { run, runWell } from './command.js';
import { stagePrebuilds, stageTree } from './staging.js';
import { requireTools } from './tools.js';

const machines = { x64: 'Advanced Micro Devices X86-64', arm64: 'AArch64' };

const skip =
  process.platform === 'linux' ? await requireTools({ readelf: 'binutils' }) : 'prebuilt addons are made on Linux';
const staged = skip === false ? await stagePrebuilds() : '';

for (const [arch, machine] of Object.entries(machines)) {
  const path = `prebuilds/linux-${arch}/hvsock.node`;

  test(`the addon for linux-${arch} names no library and no symbol version`, { skip }, async () => {
    const output = await runWell(
      'readelf',
      ['-W', '--file-header', '--dynamic', '--version-info', '--dyn-syms', path],
      {
        cwd: staged,
      },
    );
    assert.match(output, new RegExp(`Machine:\\s+${machine}`));
    assert.match(output, /No version information found/);
    assert.doesNotMatch(output, /NEEDED|GLIBC|TLS/);
    const exported = [...output.matchAll(/FUNC +GLOBAL +DEFAULT +\d+ (\S+)/g)].map((match) => match[1]).sort();
    assert.deepEqual(exported, ['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
  });
}

test('the addon for win32-x64 needs what every Windows has, and any program with Node in it', { skip }, async () => {
  const output = await runWell('x86_64-w64-mingw32-objdump', ['-p', 'prebuilds/win32-x64/hvsock.node'], {
    cwd: staged,
  });
  assert.match(output, /file format pei-x86-64/);
  const libraries = [...output.matchAll(/DLL Name: (\S+)/g)].map((match) => match[1]);
  // A library of the compiler's own would be missing; Node is found when it is called, by native/delay_win32.c.
  assert.deepEqual(
    libraries.filter((name) => !/^(KERNEL32|msvcrt|WS2_32|MSWSOCK)\.dll$/.test(name ?? '')),
    [],
  );
  const exported = [...output.matchAll(/^\s*\[ *\d+\] (?:\+base\[ *\d+\] (?:[0-9a-f]+ )?)?([a-z]\w+)$/gm)].map(
    (match) => match[1],
  );
  assert.deepEqual(exported, ['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
});

test('the addons come out the same in another directory', { skip }, async () => {
  const again = await stagePrebuilds();
  for (const platform of ['linux-x64', 'linux-arm64', 'win32-x64']) {
    const path = `prebuilds/${platform}/hvsock.node`;
    assert.ok((await readFile(join(staged, path))).equals(await readFile(join(again, path))), path);
  }
});

test('an addon that needs more than every libc has, or start-up files, is not made', { skip }, async () => {
  const directory = await stageTree();
  const additions = `
    __attribute__((visibility("default"))) int hv_run(void) { return system("true"); }
    __attribute__((constructor)) static void hv_early(void) { abort(); }
  `;
  await appendFile(join(directory, 'native/operations.c'), additions);
  const { status, output } = await run(process.execPath, ['scripts/prebuild.js'], { cwd: directory });
  assert.equal(status, 1);
  assert.match(output, /linux-x64\/hvsock\.node would not load everywhere:/);
  assert.match(output, /it needs system, which is not on the list in scripts\/prebuild-linux\.js/);
  assert.match(output, /\(INIT_ARRAY\)/);
  assert.deepEqual(await readdir(join(directory, 'prebuilds/linux-x64')), []);
});

test('an addon that needs a library of Windows that is not on the list is not made', { skip }, async () => {
  const directory = await stageTree();
  await appendFile(
    join(directory, 'native/delay_win32.c'),
    'void hv_ask(void) { MessageBoxA(NULL, "?", "?", MB_OK); }',
  );
  const { status, output } = await run(process.execPath, ['scripts/prebuild.js', 'win32-x64'], { cwd: directory });
  assert.equal(status, 1);
  assert.match(output, /win32-x64\/hvsock\.node would not load everywhere:/);
  assert.match(output, /it needs USER32\.dll, which is not on the list in scripts\/prebuild-windows\.js/);
  assert.deepEqual(await readdir(join(directory, 'prebuilds/win32-x64')), []);
});
