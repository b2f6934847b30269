// The shipped addon and dist/ on every Node that the library admits, and on arm64 under qemu-user.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fetchNode, nodeVersions } from '../../scripts/nodes.js';
import { root, runWell } from './command.js';
import { stagePrebuilds } from './staging.js';
import { absence, requireTools } from './tools.js';

const smoke = fileURLToPath(new URL('smoke.js', import.meta.url));
const isLinux = process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64');

/** Runs the smoke program with each addon under a fetched Node, which `emulator` runs if there is one. */
async function smokeTest(
  t: TestContext,
  version: string,
  arch: 'x64' | 'arm64',
  addons: readonly string[],
  emulator: readonly string[] = [],
): Promise<void> {
  let node: string;
  try {
    node = await fetchNode(version, `linux-${arch}`);
  } catch (error) {
    t.skip(absence(`Node ${version} is not in the cache and npm cannot fetch it: connect to a registry. ${error}`));
    return;
  }
  for (const addon of addons) {
    const [command = '', ...args] = [...emulator, node, smoke];
    const output = await runWell(command, args, { env: { ...process.env, HVSOCK_ADDON: addon }, timeout: 60_000 });
    assert.equal(output, `v${version} ${arch}: echoed 1000000\n`);
  }
}

if (!isLinux) test('other releases of Node', { skip: 'they are fetched for Linux on x64 and arm64 only' });
else {
  const { arch } = process as { arch: 'x64' | 'arm64' };
  const staged = await stagePrebuilds();
  const prebuilt = (arch: string) => join(staged, `prebuilds/linux-${arch}/hvsock.node`);
  const built = join(root, 'build/Release/hvsock.node');
  for (const version of nodeVersions) {
    test(`Node ${version} runs the prebuilt addon, and the one that node-gyp built`, (t) =>
      smokeTest(t, version, arch, [prebuilt(arch), built]));
  }

  // An arm64 machine needs no emulator: the tests above have run that addon already.
  if (arch === 'x64') {
    const skip = await requireTools({
      // qemu-user, unlike qemu-user-static, leaves the kernel's binfmt_misc alone.
      'qemu-aarch64': 'qemu-user',
      '/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1': 'libc6-arm64-cross',
      '/usr/aarch64-linux-gnu/lib/libstdc++.so.6': 'libstdc++6-arm64-cross',
      '/usr/aarch64-linux-gnu/lib/libatomic.so.1': 'libatomic1-arm64-cross',
    });
    test('Node for arm64 runs the prebuilt addon under qemu-user', { skip }, (t) =>
      smokeTest(
        t,
        nodeVersions[0] as string,
        'arm64',
        [prebuilt('arm64')],
        ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu'],
      ),
    );
  }
}
