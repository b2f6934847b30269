// Other releases of Node, from the npm packages that ship its binary.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** One release of each major that this library runs on; the first is the oldest that it admits. */
export const nodeVersions = /** @type {const} */ (['20.19.0', '22.23.3', '24.21.0', '26.10.0']);

/**
 * The path of a Node for Linux, fetched at its first use and kept in the user's cache (about 100 MB each).
 * @param {string} version
 * @param {'x64' | 'arm64'} arch
 */
export async function fetchNode(version, arch) {
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'hvsock-test');
  const name = `node-linux-${arch}-${version}`;
  const path = join(cache, name);
  if (existsSync(path)) return path;
  await mkdir(cache, { recursive: true });
  const draft = await mkdtemp(join(cache, 'draft-'));
  try {
    await run('npm', ['pack', `node-linux-${arch}@${version}`, '--pack-destination', draft]);
    await run('tar', ['-xzf', join(draft, `${name}.tgz`), '-C', draft, 'package/bin/node']);
    await rename(join(draft, 'package/bin/node'), path);
  } finally {
    await rm(draft, { recursive: true });
  }
  return path;
}
