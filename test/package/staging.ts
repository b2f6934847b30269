// A copy of the working tree, as a clone would have it, to pack, break or build in without touching the tree.
import { rmSync } from 'node:fs';
import { cp, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { root, runWell } from './command.js';

/** The addon in the tree that this Node loads. That for Windows is made on Linux. */
export const ownAddon: string = join(
  root,
  process.platform === 'win32' ? 'prebuilds/win32-x64/hvsock.node' : 'build/Release/hvsock.node',
);

const left = new Set(['.git', 'node_modules', 'build', 'prebuilds']);

/** An empty directory that goes when the process ends. */
export async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'hvsock-'));
  process.once('exit', () => rmSync(directory, { recursive: true }));
  return directory;
}

/** Copies the tree, dist included, addons not. */
export async function stageTree(): Promise<string> {
  const directory = await makeDirectory();
  // On Windows, Node 20 gives the filter paths of the system's own form.
  const inTree = (path: string) => relative(root, path.replace(/^\\\\\?\\/, ''));
  await cp(root, directory, { recursive: true, filter: (path) => !left.has(inTree(path)) });
  return directory;
}

/** Of that, what runs: package.json and dist. */
export async function stageLibrary(): Promise<string> {
  const directory = await makeDirectory();
  for (const name of ['package.json', 'dist']) await cp(join(root, name), join(directory, name), { recursive: true });
  return directory;
}

/** A copy of the whole, with addons in prebuilds/. */
export async function stagePrebuilds(): Promise<string> {
  const directory = await stageTree();
  await runWell(process.execPath, ['scripts/prebuild.js'], { cwd: directory });
  return directory;
}
