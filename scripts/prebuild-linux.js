// How the addon is compiled for Linux: one file for each processor.
//
// One binary serves every libc. It is linked against nothing, so it names neither a library nor a symbol version:
// the dynamic linker takes its symbols from the process that loads it, from Node (napi_*, uv_*) and from whichever
// libc Node runs on. That is sound as long as every libc function in use has one ABI since glibc 2.28 and in musl,
// which is what the list below is for, and as long as nothing needs start-up files: no constructors, no thread-locals.
import { posixSources, warnings } from './addon.js';
import { provideTools } from './debian.js';
import { fail, run } from './prebuild-command.js';

const machines = [
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
    '__errno_location abort accept accept4 bind calloc close connect dup dup3 epoll_ctl fcntl free getpeername getsockname ' +
    'getsockopt ioctl listen malloc memcmp memcpy memmove memset poll realloc recv send setsockopt shutdown socket socketpair ' +
    'strlen'
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

/** @param {typeof machines[number]} machine */
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
  const described = run('readelf', ['--wide', '--dynamic', '--version-info', '--dyn-syms', file]);
  const faults = [];
  for (const line of described.split('\n')) {
    const symbol = line.match(/^\s*\d+: .* UND (\S+)$/)?.[1];
    if (symbol !== undefined && !/^(napi|uv)_/.test(symbol) && !libc.has(symbol))
      faults.push(`it needs ${symbol}, which is not on the list in scripts/prebuild-linux.js`);
    if (/\((NEEDED|VERNEED|INIT|INIT_ARRAY|FINI_ARRAY)\)|\bTLS\b/.test(line)) faults.push(line.trim());
  }
  return faults;
}

/** @type {import('./prebuild.js').Target[]} */
export const linuxTargets = machines.map((machine) => ({
  platform: `linux-${machine.arch}`,
  compile(headers, file) {
    const args = [...compile, ...machine.flags, '-isystem', headers, ...posixSources, ...link, '-o', file];
    run(findCompiler(machine), args);
    return findFaults(file);
  },
}));
