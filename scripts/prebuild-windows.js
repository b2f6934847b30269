// How the addon is compiled for Windows: by mingw-w64, with libraries that every Windows 10 has.
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { warnings, windowsSources } from './addon.js';
import { provideTools } from './debian.js';
import { fail, run } from './prebuild-command.js';

const machine = 'x86_64-w64-mingw32';
/** The variant with Windows' own threads; the other would need a library that Windows does not have. */
const gcc = `${machine}-gcc-win32`;

const compile = [...warnings, '-O2', '-D_WIN32_WINNT=0x0A00'];
const link = '-shared -static-libgcc -s -Wl,--no-insert-timestamp,--disable-auto-image-base'.split(' ');
const libraries = ['ws2_32', 'mswsock', 'delayimp'];

/** node.exe is the delayed one: native/delay_win32.c. */
const systemLibraries = ['KERNEL32.dll', 'msvcrt.dll', 'WS2_32.dll', 'MSWSOCK.dll', 'node.exe'];

/**
 * What the linker takes for Node: those of its functions that these objects call, found when they are called first.
 * @param {string[]} objects
 * @param {string} folder
 */
function importNode(objects, folder) {
  const symbols = run(`${machine}-nm`, ['--undefined-only', '--format=just-symbols', ...objects]);
  const names = [...new Set(symbols.match(/^(napi|node_api|uv)_\w+$/gm))].sort();
  const definition = join(folder, 'node.def');
  const library = join(folder, 'libnode.a');
  writeFileSync(definition, ['LIBRARY node.exe', 'EXPORTS', ...names, ''].join('\n'));
  run(`${machine}-dlltool`, ['--input-def', definition, '--output-delaylib', library]);
  return library;
}

/**
 * What makes the file fit for some machines only, or for none.
 * @param {string} file
 */
function findFaults(file) {
  const described = run(`${machine}-objdump`, ['--private-headers', file]);
  return [...described.matchAll(/^\s*DLL Name: (\S+)$/gm)].flatMap(([, name = '']) =>
    systemLibraries.includes(name) ? [] : [`it needs ${name}, which is not on the list in scripts/prebuild-windows.js`],
  );
}

/**
 * Makes an addon for Windows, and tells why it would not load everywhere.
 * @param {string} headers Node's
 * @param {string[]} sources
 * @param {string} name of the module, which the file has within
 * @param {string} file
 */
export function linkForWindows(headers, sources, name, file) {
  const missing = provideTools({ [gcc]: 'gcc-mingw-w64-x86-64-win32' });
  if (missing !== undefined) fail(missing);
  const folder = mkdtempSync(join(tmpdir(), 'hvsock-prebuild-'));
  try {
    const objects = sources.map((source) => {
      const object = join(folder, basename(source).replace(/c$/, 'o'));
      run(gcc, [...compile, '-isystem', headers, '-c', source, '-o', object]);
      return object;
    });
    const node = importNode(objects, folder);
    const linked = join(folder, name);
    run(gcc, [...link, ...objects, node, ...libraries.map((library) => `-l${library}`), '-o', linked]);
    copyFileSync(linked, file);
  } finally {
    rmSync(folder, { recursive: true });
  }
  return findFaults(file);
}

/** @type {import('./prebuild.js').Target[]} */
export const windowsTargets = [
  {
    platform: 'win32-x64',
    compile: (headers, file) => linkForWindows(headers, windowsSources, 'hvsock.node', file),
  },
];
