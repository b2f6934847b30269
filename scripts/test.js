// npm test: builds, checks and runs every suite, then sums them up in one line.
//   node scripts/test.js [SUITE…]   only the suites of these names
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { provideTools } from './debian.js';
import { fetchNode, nodeVersions, windowsNodeVersions, wineFor } from './nodes.js';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Besides the one that runs this. */
const otherNodes = nodeVersions.filter((version) => parseInt(version, 10) !== parseInt(process.versions.node, 10));
const inCi = process.env['CI'] === 'true';
const results = 'build/test-results';
process.chdir(root);

/**
 * Test files by the end of their names: `.vsock.test.js` needs a kernel, `.qemu.test.js` one of its own whose modules come
 * and go, `.pair.test.js` a host and its guest, `.hyperv.test.js` AF_HYPERV.
 */
const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `build/ts/test/${name.replace(/\.ts$/, '.js')}`)
  .sort();
const ofKernel = files.filter((name) => name.endsWith('.vsock.test.js'));
const ofPair = files.filter((name) => name.endsWith('.pair.test.js'));
const ofModules = files.filter((name) => name.endsWith('.qemu.test.js'));
const ofHyperv = files.filter((name) => name.endsWith('.hyperv.test.js'));
const ofOthers = [ofKernel, ofModules, ofPair, ofHyperv].flat();
const ofMachine = files.filter((name) => !ofOthers.includes(name));
const ofLibrary = ofKernel.filter((name) => !name.includes('/cli/'));
/** Not the doctor of Linux, its descriptors, or how the package is made there. What else needs Linux is skipped where it is. */
const ofWindows = ofMachine.filter((name) => !/\/(doctor|native)\/|\/package\/(musl|nodes|pack|prebuild)\./.test(name));
const ofAddon = files.filter((name) => name.includes('/native/'));

/**
 * @typedef {object} Suite
 * @property {string} name
 * @property {string[]} [command] counts as one test, by its exit status
 * @property {string[]} [files] run by node:test
 * @property {(run: string[]) => string[]} [wrap] where and how to run that
 * @property {Record<string, string>} [env]
 * @property {string} [node] the release of Node to run them with; this one unless given
 * @property {boolean} [onWindows] that Node is Windows', under Wine
 * @property {Record<string, string>} [tools] commands and their Debian packages
 * @property {boolean} [needsLab]
 * @property {number} [tries] how often to run it until it passes; 1 unless given
 * @property {number} [retriedStatus] the only exit status at which it is run again; any unless given
 */

const shell = (/** @type {string[]} */ words) => words.map((word) => `'${word}'`).join(' ');
const runtimeOf = (/** @type {string} */ name) =>
  spawnSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).stdout?.trim() ?? '';
const sanitizer = { LD_PRELOAD: `${runtimeOf('libasan.so')} ${runtimeOf('libubsan.so')}` };
const otherPrograms = {
  socat: 'socat',
  ncat: 'ncat',
  '/usr/bin/python3': 'python3',
  openssl: 'openssl',
  ssh: 'openssh-client',
  '/usr/sbin/dropbear': 'dropbear-bin',
};

/** @param {RegExp} pattern @param {string[]} folders */
const filesIn = (pattern, ...folders) =>
  folders.flatMap((folder) => readdirSync(folder).flatMap((name) => (pattern.test(name) ? `${folder}/${name}` : [])));

/** @type {(version: string) => Suite} */
const onWine = (version) => ({
  name: `wine node ${parseInt(version, 10)}`,
  node: version,
  onWindows: true,
  files: ofWindows,
  wrap: (run) => ['test/windows/run.sh', '-w', wineFor(version), '-t', '900', ...run],
  // Wine's own server crashes at times, where processes end and begin. Each try that failed is shown.
  tries: 5,
  retriedStatus: 125,
});

/** @type {(version: string) => Suite} */
const hypervOnWine = (version) => ({
  ...onWine(version),
  name: `wine node ${parseInt(version, 10)} hyperv`,
  files: ofHyperv,
  env: { HVSOCK_SHIM: `Z:${root}build/windows/hyperv-shim.node` },
});

// Two lanes, since the machines that run this have two processors: the kernels keep one busy. The lane that is done first
// goes on with Windows' suites, each of which has a Windows of its own.
/** @type {Suite[][]} */
const lanes = [
  [
    { name: 'lint', command: ['npm', 'run', '--silent', 'lint'] },
    {
      name: 'lint of C',
      command: [
        'clang-format',
        '--dry-run',
        '-Werror',
        ...filesIn(/\.[ch]$/, 'native', 'bench/c', 'test/package', 'test/vm', 'test/windows'),
      ],
      tools: { 'clang-format': 'clang-format' },
    },
    {
      name: 'lint of shell',
      command: [
        'shellcheck',
        '-x',
        '.ci/run',
        ...filesIn(/\.sh$/, 'test/shell', 'test/vm', 'test/windows', 'examples/ssh'),
      ],
      tools: { shellcheck: 'shellcheck' },
    },
    // For macOS and for Windows on arm64: compiled, never run.
    { name: 'cross compile', command: ['node', 'scripts/cross-compile.js'] },
    { name: 'machine', files: ofMachine, tools: { ...otherPrograms, cc: 'gcc', script: 'bsdutils', strace: 'strace' } },
    {
      name: 'address sanitizer',
      files: ofAddon,
      env: {
        ...sanitizer,
        // V8's memory is not ours to account for; valgrind looks for leaks.
        ASAN_OPTIONS: 'detect_leaks=0',
        HVSOCK_ADDON: 'build/sanitized/hvsock.node',
      },
      tools: { gcc: 'gcc' },
    },
    {
      name: 'valgrind',
      files: ofAddon,
      env: {
        HVSOCK_CHECKER:
          'valgrind -q --error-exitcode=99 --suppressions=test/native/valgrind.supp ' +
          '--leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite',
      },
      tools: { valgrind: 'valgrind' },
    },
    {
      // That it runs, not what it finds.
      name: 'bench',
      command: ['npm', 'run', '--silent', 'bench', '--', '--quick', '--json', `${results}/bench-figures.json`],
      tools: {
        gcc: 'gcc',
        socat: 'socat',
        '/usr/bin/python3': 'python3',
        go: 'golang-go',
        '/usr/share/gocode/src/github.com/mdlayher/vsock': 'golang-github-mdlayher-vsock-dev',
      },
      needsLab: true,
    },
  ],
  [
    {
      name: 'user-mode linux',
      files: ofKernel,
      wrap: (run) => ['test/vm/uml.sh', '-t', '900', ...run],
      tools: otherPrograms,
      needsLab: true,
    },
    {
      name: 'qemu',
      // Neither hvcat nor the examples, which start hundreds of processes: emulated, that takes a quarter of an hour.
      files: ofLibrary.filter((name) => !name.includes('/examples/')),
      wrap: (run) => ['test/vm/qemu.sh', '-t', '1800', ...run],
      tools: otherPrograms,
      needsLab: true,
    },
    {
      name: 'modules',
      files: ofModules,
      wrap: (run) => ['test/vm/qemu.sh', '-t', '600', ...run],
      needsLab: true,
    },
    ...otherNodes.map((node) => ({
      name: `node ${node}`,
      node,
      files: ofLibrary,
      wrap: (/** @type {string[]} */ run) => ['test/vm/uml.sh', '-t', '900', ...run],
      tools: otherPrograms,
      needsLab: true,
    })),
  ],
];
const ofEitherLane = [...windowsNodeVersions.map(onWine), ...windowsNodeVersions.map(hypervOnWine)];

// Alone, after the others: a kernel within an emulated kernel is so slow that it does not bear company. Several tries:
// QEMU's emulation of nested virtualisation is not sound, and in one run of three the guest, or its host, stops or dies
// at a place of its own each time. Each try that failed is shown.
/** @type {Suite} */
const pair = {
  name: 'pair',
  files: ofPair,
  wrap: (run) => ['test/vm/pair.sh', '-x', '-t', '400', shell(run), 'test/vsock/guest-shell.py'],
  tools: otherPrograms,
  needsLab: true,
  tries: 4,
};

const total = { passed: 0, failed: 0, skipped: 0 };

/** @param {Suite} suite @param {string} reason */
function skip(suite, reason) {
  // In CI a test that is always skipped would prove nothing.
  if (inCi) total.failed++;
  else total.skipped++;
  console.log(`\n== ${suite.name}: ${inCi ? 'FAILED' : 'skipped'}: ${reason}`);
}

/** @param {Suite} suite @param {string} node */
function nodeTest({ name, files = [] }, node) {
  return [
    node,
    '--test',
    '--test-timeout=900000',
    // With two at a time, Wine 8's wineserver has crashed.
    '--test-concurrency=1',
    ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
    ...['--test-reporter=./scripts/count-reporter.js', `--test-reporter-destination=${results}/${slug(name)}.json`],
    ...files,
  ];
}

const slug = (/** @type {string} */ name) => name.replaceAll(' ', '-');

/** Runs a suite with its output in a file, and shows that when it is over, so that two suites do not mix theirs. */
async function run(/** @type {Suite} */ suite) {
  const { tries = 1 } = suite;
  for (let number = 1; !(await attempt(suite, number === tries)); number++) {
    console.log(`\n== ${suite.name}: try ${number} of ${tries} failed, and is not counted`);
  }
}

/**
 * One run of it: whether it is over.
 * @param {Suite} suite @param {boolean} isLast
 */
async function attempt(suite, isLast) {
  const reason =
    (suite.tools && provideTools(suite.tools)) ??
    (suite.needsLab ? labProblem() : undefined) ??
    (suite.onWindows ? wineProblem(suite.node ?? '') : undefined);
  if (reason !== undefined) {
    skip(suite, reason);
    return true;
  }
  rmSync(`${results}/${slug(suite.name)}.json`, { force: true });
  const log = `${results}/${slug(suite.name)}.log`;
  const output = openSync(log, 'w');
  const started = performance.now();
  const node =
    suite.node === undefined
      ? process.execPath
      : await fetchNode(suite.node, suite.onWindows ? 'win-x64' : 'linux-x64');
  const [command = '', ...args] = suite.command ?? (suite.wrap ?? ((run) => run))(nodeTest(suite, node));
  const child = spawn(command, args, { stdio: ['ignore', output, output], env: { ...process.env, ...suite.env } });
  const status = await new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
  closeSync(output);
  const counts = suite.command ? { passed: 0, failed: 0, skipped: 0 } : readCounts(suite.name);
  if (suite.command && status === 0) counts.passed++;
  // A suite that broke off has lost tests that it did not count.
  if (status !== 0 && counts.failed === 0) counts.failed++;
  const { retriedStatus = status } = suite;
  const isOver = isLast || counts.failed === 0 || status !== retriedStatus;
  for (const key of /** @type {const} */ (['passed', 'failed', 'skipped'])) if (isOver) total[key] += counts[key];
  const seconds = Math.round((performance.now() - started) / 1000);
  const { passed, failed, skipped } = counts;
  console.log(`\n== ${suite.name}: ${passed} passed, ${failed} failed, ${skipped} skipped in ${seconds} s`);
  const text = readFileSync(log, 'utf8');
  // The runner's own totals would be taken for those of the whole.
  console.log(text.replace(/^.*ℹ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) .*\n/gm, ''));
  if (failed > 0) console.log(`== ${suite.name} ended with ${status}`);
  return isOver;
}

/** @param {string} name */
function readCounts(name) {
  try {
    return JSON.parse(readFileSync(`${results}/${slug(name)}.json`, 'utf8'));
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}

/** @type {string | undefined | null} */
let lab = null;

/** Why there is no kernel lab here; undefined where there is one. Builds it at the first call. */
function labProblem() {
  if (lab === null) {
    const { status, stderr } = spawnSync('test/vm/build.sh', ['uml', 'qemu'], { encoding: 'utf8' });
    lab = status === 0 ? undefined : stderr.trim().split('\n').at(-1);
  }
  return lab;
}

/** @type {Map<string, string | undefined>} */
const problems = new Map();

/**
 * Why Windows' Node does not run here; undefined where it does. Makes Wine ready, and the addons: once, since the other lane
 * may be running them.
 * @param {string} version
 */
function wineProblem(version) {
  const commands = [
    `test/windows/build.sh ${wineFor(version)}`,
    'node scripts/prebuild.js win32-x64',
    'node scripts/hyperv-shim.js',
  ];
  for (const command of commands) {
    if (problems.has(command)) continue;
    const [program = '', ...args] = command.split(' ');
    const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    problems.set(command, status === 0 ? undefined : `${command}: ${stderr.trim().split('\n').at(-1)}`);
  }
  return commands.map((command) => problems.get(command)).find((problem) => problem !== undefined);
}

/** @param {string} command @param {string[]} args */
function must(command, ...args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (status === 0) return;
  console.error(`${command} ${args.join(' ')}: ${error?.message ?? `status ${status}`}`);
  process.exit(1);
}

const wanted = process.argv.slice(2);
const known = [...lanes.flat(), ...ofEitherLane, pair].map(({ name }) => name);
for (const name of wanted) {
  if (known.includes(name)) continue;
  console.error(`no suite ${name}; there are: ${known.join(', ')}`);
  process.exit(2);
}

for (const script of ['build', 'build:addon', 'build:sanitized']) must('npm', 'run', '--silent', script);
rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });

const started = performance.now();
/** @param {Suite[]} suites taken from it, so that others may work at the same ones */
async function runAll(suites) {
  for (let suite = suites.shift(); suite !== undefined; suite = suites.shift()) {
    if (wanted.length === 0 || wanted.includes(suite.name)) await run(suite);
  }
}
await Promise.all(lanes.map((lane) => runAll(lane).then(() => runAll(ofEitherLane))));
await runAll([pair]);
console.log(`\nin ${Math.round((performance.now() - started) / 1000)} s`);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
