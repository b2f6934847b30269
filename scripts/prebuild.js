// Makes prebuilds/linux-x64/hvsock.node and prebuilds/linux-arm64/hvsock.node with gcc, for the package and not for git.
//
// One binary serves every libc. It is linked against nothing, so it names neither a library nor a symbol version:
// the dynamic linker takes its symbols from the process that loads it, from Node (napi_*, uv_*) and from whichever
// libc Node runs on. That is sound as long as every libc function in use has one ABI since glibc 2.28 and in musl,
// which is what the list below is for, and as long as nothing needs start-up files: no constructors, no thread-locals.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findHeaders, root, sources, warnings } from './addon.js';
import { provideTools } from './debian.js';

const targets = [
  { arch: 'x64', gcc: 'x86_64-linux-gnu-gcc', packages: ['gcc-x86-64-linux-gnu', 'libc6-dev-amd64-cross'], flags: [] },
  {
    arch: 'arm64',
    gcc: 'aarch64-linux-gnu-gcc',
    packages: ['gcc-aarch64-linux-gnu', 'libc6-dev-arm64-cross'],
    flags: ['-mno-outline-atomics'], // those call into libgcc
  },
];

// A function joins this list once it is known to be in glibc 2.28 and in musl, with the same ABI in both.
const libc = new Set(
  (
    '__errno_location abort accept accept4 bind calloc close connect dup dup3 fcntl free getpeername getsockname ' +
    'getsockopt ioctl listen malloc memcmp memcpy memmove memset poll realloc setsockopt shutdown socket strlen'
  ).split(' '),
);

const compile = [
  warnings,
  '-O2 -fPIC -fvisibility=hidden'.split(' '),
  // What distributions add by default, or may: calls that only their libc has, and a stack guard that each libc and
  // architecture keeps elsewhere.
  '-U_FORTIFY_SOURCE -fno-stack-protector'.split(' '),
].flat();

const link = '-shared -nostdlib -s -Wl,--build-id=none,-z,relro,-z,now,-z,noexecstack'.split(' ');

/**
 * @param {string} reason
 * @returns {never}
 */
function fail(reason) {
  console.error(`prebuild: ${reason}`);
  process.exit(1);
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').StdioOptions} [stdio]
 */
function run(command, args, stdio = ['ignore', 'pipe', 'inherit']) {
  return spawnSync(command, args, { cwd: root, encoding: 'utf8', stdio });
}

/** @param {typeof targets[number]} target */
function findCompiler({ arch, gcc, packages: [compiler = '', headers = ''] }) {
  // The machine's own gcc goes by its short name everywhere.
  const isNative = arch === process.arch;
  const command = isNative ? 'gcc' : gcc;
  const missing = provideTools(
    isNative
      ? { gcc: 'gcc', '/usr/include/stdlib.h': 'libc6-dev' }
      : { [gcc]: compiler, [`/usr/${gcc.replace(/-gcc$/, '')}/include/stdlib.h`]: headers },
  );
  return missing === undefined ? command : fail(missing);
}

/**
 * What makes the file fit for one libc only, or for none.
 * @param {string} file
 */
function findFaults(file) {
  const { status, stdout } = run('readelf', ['--wide', '--dynamic', '--version-info', '--dyn-syms', file]);
  if (status !== 0) return fail('there is no readelf here; on Debian: apt-get install binutils');
  const faults = [];
  for (const line of stdout.split('\n')) {
    const symbol = line.match(/^\s*\d+: .* UND (\S+)$/)?.[1];
    if (symbol !== undefined && !/^(napi|uv)_/.test(symbol) && !libc.has(symbol))
      faults.push(`it needs ${symbol}, which is not on the list in scripts/prebuild.js`);
    if (/\((NEEDED|VERNEED|INIT|INIT_ARRAY|FINI_ARRAY)\)|\bTLS\b/.test(line)) faults.push(line.trim());
  }
  return faults;
}

const headers =
  findHeaders() ?? fail(`no headers of Node here; fetch them: npx node-gyp install ${process.versions.node}`);
for (const target of targets) {
  const compiler = findCompiler(target);
  const path = `prebuilds/linux-${target.arch}/hvsock.node`;
  const draft = join(root, `${path}.${process.pid}`);
  mkdirSync(dirname(draft), { recursive: true });
  const args = [...compile, ...target.flags, '-isystem', headers, ...sources, ...link, '-o', draft];
  if (run(compiler, args, 'inherit').status !== 0) fail(`${compiler} ${args.join(' ')} failed`);
  const faults = findFaults(draft);
  if (faults.length > 0) {
    rmSync(draft);
    fail(`${path} would not load everywhere:\n  ${faults.join('\n  ')}`);
  }
  // Whoever looks at the same time finds the old file or the new one, never half of one.
  renameSync(draft, join(root, path));
  const bytes = readFileSync(join(root, path));
  console.log(`${path}  ${bytes.length} bytes  sha256 ${createHash('sha256').update(bytes).digest('hex')}`);
}
