// The addons on musl. What this proves: musl's dynamic linker loads the very file that is shipped for x64, finds every
// symbol at once (RTLD_NOW), and the socket calls, structures and errno that the addon was compiled with are musl's own
// too. What it does not: that Node runs there; the host is musl-host.c, no Node, and calls nothing of libuv's. For
// arm64 it proves only that musl has the functions that the addon asks for.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { root, runWell } from './command.js';
import { makeDirectory, stagePrebuilds } from './staging.js';
import { requireTools } from './tools.js';

const musl = '/lib/ld-musl-x86_64.so.1';

const skip =
  process.platform === 'linux' && process.arch === 'x64'
    ? await requireTools({ readelf: 'binutils', 'musl-gcc': 'musl-tools', [musl]: 'musl' })
    : 'the host is made with musl-gcc for linux-x64';
const staged = skip === false ? await stagePrebuilds() : '';
const prebuilt = (arch: string) => join(staged, `prebuilds/linux-${arch}/hvsock.node`);

async function symbolsOf(file: string): Promise<{ undefined: string[]; defined: Set<string> }> {
  const output = await runWell('readelf', ['-W', '--dyn-syms', file]);
  const symbols = [...output.matchAll(/ (UND|\d+|ABS) (\w+)$/gm)];
  return {
    undefined: symbols.flatMap(([, section, name = '']) => (section === 'UND' ? [name] : [])),
    defined: new Set(symbols.flatMap(([, section, name = '']) => (section === 'UND' ? [] : [name]))),
  };
}

const isNodes = (symbol: string) => /^(napi|uv)_/.test(symbol);

test('the addon for linux-x64 loads and opens sockets on musl', { skip }, async () => {
  const directory = await makeDirectory();
  const { undefined: wanted } = await symbolsOf(prebuilt('x64'));
  const stubs = wanted.filter(isNodes).map((symbol) => `__attribute__((weak)) int ${symbol}(void) { return 0; }\n`);
  await writeFile(join(directory, 'stubs.c'), stubs.join(''));
  const sources = [join(root, 'test/package/musl-host.c'), 'stubs.c'];
  await runWell('musl-gcc', ['-Wall', '-Wextra', '-Werror', '-rdynamic', '-o', 'host', ...sources], { cwd: directory });
  const output = await runWell(join(directory, 'host'), [prebuilt('x64')]);
  assert.match(output, /^\d+ functions, sockets of \/lib\/ld-musl-x86_64\.so\.1\n$/);
});

for (const arch of ['x64', 'arm64']) {
  test(`musl has every function that the addon for linux-${arch} takes from libc`, { skip }, async () => {
    const { defined } = await symbolsOf(musl);
    const { undefined: wanted } = await symbolsOf(prebuilt(arch));
    assert.ok(wanted.includes('socket'));
    const absent = wanted.filter((symbol) => !isNodes(symbol) && !defined.has(symbol));
    assert.deepEqual(absent, []);
  });
}
