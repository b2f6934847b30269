// Other releases of Node, from the npm packages that ship its binary.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const run = promisify(execFile);

/** Where what is fetched is kept. */
export const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'hvsock-test');

/** One release of each major that this library runs on; the first is the oldest that it admits. */
export const nodeVersions = /** @type {const} */ (['20.19.0', '22.23.3', '24.21.0', '26.10.0']);

/** The same for Windows. The registry has no 20.19. */
export const windowsNodeVersions = /** @type {const} */ (['20.20.0', '22.23.3', '24.21.0', '26.10.0']);

/**
 * The release of Wine that runs a Node for Windows: in Wine 8, V8 of Node 24 cannot reserve its memory.
 * @param {string} version
 */
export const wineFor = (version) => (parseInt(version, 10) < 24 ? '8' : '10');

/**
 * The path of a Node, fetched at its first use and kept in the user's cache (about 100 MB each).
 * @param {string} version
 * @param {'linux-x64' | 'linux-arm64' | 'win-x64'} system
 */
export async function fetchNode(version, system) {
  const name = `node-${system}-${version}`;
  const program = system === 'win-x64' ? 'node.exe' : 'node';
  const path = join(cache, system === 'win-x64' ? `${name}.exe` : name);
  if (existsSync(path)) return path;
  await mkdir(cache, { recursive: true });
  const draft = await mkdtemp(join(cache, 'draft-'));
  try {
    await run('npm', ['pack', `node-${system}@${version}`, '--pack-destination', draft]);
    await run('tar', ['-xzf', join(draft, `${name}.tgz`), '-C', draft, `package/bin/${program}`]);
    await rename(join(draft, 'package/bin', program), path);
  } finally {
    await rm(draft, { recursive: true });
  }
  return path;
}
