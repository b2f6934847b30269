// npm's install script: sees to it that there is an addon. An installed package has one in prebuilds/, and only where
// none of those loads is one built, into build/Release. A checkout always builds, so that what runs is its own source;
// src/native/load.ts looks in the same places.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const platform = `${process.platform}-${process.arch}`;
const isCheckout = existsSync(join(root, 'src')); // never part of the package

/** @type {string[]} */
const tried = [];

/** @param {string} path */
function loads(path) {
  try {
    require(join(root, path));
    return true;
  } catch (error) {
    tried.push(`${path}: ${String(error).split('\n', 1)[0]}`);
    return false;
  }
}

/** npm's own node-gyp, for when this script is run by hand and npm has not put it on the PATH. */
function findNodeGyp() {
  const prefix = dirname(process.execPath);
  for (const modules of [join(prefix, '..', 'lib', 'node_modules'), join(prefix, 'node_modules')]) {
    const path = join(modules, 'npm', 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
    if (existsSync(path)) return path;
  }
  return undefined;
}

function builds() {
  // `rebuild` begins with removing build/, where a checkout keeps its compiled tests.
  const steps = isCheckout ? ['configure', 'build'] : ['rebuild'];
  const command = `node-gyp ${steps.join(' ')}`;
  let { status, error } = spawnSync('node-gyp', steps, { cwd: root, stdio: 'inherit' });
  const bundled = error === undefined ? undefined : findNodeGyp();
  if (bundled !== undefined)
    ({ status, error } = spawnSync(process.execPath, [bundled, ...steps], { cwd: root, stdio: 'inherit' }));
  if (status === 0) return true;
  tried.push(`${command}: ${error?.message ?? `ended with status ${status}`}`);
  return false;
}

const advice =
  process.platform === 'win32'
    ? 'To build it, install the C++ tools of Visual Studio and python3, and run: npm rebuild hvsock.'
    : 'To build it, install a C compiler, make and python3, and run: npm rebuild hvsock. ' +
      'Addresses over unix sockets (firecracker:, hyperkit:, unix:) work without it.';

if (
  !((!isCheckout && loads(`prebuilds/${platform}/hvsock.node`)) || (builds() && loads('build/Release/hvsock.node')))
) {
  console.error(`hvsock: no native addon for ${platform}. Tried:\n  ${tried.join('\n  ')}\n${advice}`);
  // A dependency must not break its user's installation for a part that may never be used; load.ts says the same again
  // to whoever does use it. Whoever develops hvsock wants to know now; the addon for Windows is made on Linux.
  process.exitCode = isCheckout && process.platform !== 'win32' ? 1 : 0;
}
