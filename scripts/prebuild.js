// Makes prebuilds/PLATFORM/hvsock.node with Debian's compilers, for the package and not for git.
//   node scripts/prebuild.js [PLATFORM…]   all platforms unless some are named
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findHeaders, root } from './addon.js';
import { fail } from './prebuild-command.js';
import { linuxTargets } from './prebuild-linux.js';
import { windowsTargets } from './prebuild-windows.js';

/**
 * @typedef {object} Target
 * @property {string} platform process.platform and process.arch, as src/native/load.ts joins them
 * @property {(headers: string, file: string) => string[]} compile makes the file, and tells why it would not load
 *   everywhere
 */

const headers =
  findHeaders() ?? fail(`no headers of Node here; fetch them: npx node-gyp install ${process.versions.node}`);
const targets = [...linuxTargets, ...windowsTargets];
const wanted = process.argv.slice(2);
for (const name of wanted) {
  if (!targets.some(({ platform }) => platform === name))
    fail(`no platform ${name}; there are: ${targets.map(({ platform }) => platform).join(', ')}`);
}
for (const { platform, compile } of targets) {
  if (wanted.length > 0 && !wanted.includes(platform)) continue;
  const path = `prebuilds/${platform}/hvsock.node`;
  const draft = join(root, `${path}.${process.pid}`);
  mkdirSync(dirname(draft), { recursive: true });
  const faults = compile(headers, draft);
  if (faults.length > 0) {
    rmSync(draft);
    fail(`${path} would not load everywhere:\n  ${faults.join('\n  ')}`);
  }
  // Whoever looks at the same time finds the old file or the new one, never half of one.
  renameSync(draft, join(root, path));
  const bytes = readFileSync(join(root, path));
  console.log(`${path}  ${bytes.length} bytes  sha256 ${createHash('sha256').update(bytes).digest('hex')}`);
}
