// `npm run bench`: compiles what the benchmark is made of where that is out of date, and starts it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { provideTools } from './debian.js';

const vsockOfGo = '/usr/share/gocode/src/github.com/mdlayher/vsock';
const root = fileURLToPath(new URL('../', import.meta.url));
process.chdir(root);

/** @param {string} command @param {string[]} args */
function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (status === 0) return;
  console.error(`bench: ${command}: ${error?.message ?? `status ${status}`}`);
  process.exit(1);
}

/** @param {string} folder */
function newestIn(folder) {
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return Math.max(...entries.map((entry) => statSync(`${folder}/${entry}`).mtimeMs));
}

/** @param {string} product @param {string} folder */
function isOlder(product, folder) {
  return !existsSync(product) || statSync(product).mtimeMs < newestIn(folder);
}

mkdirSync('build/bench', { recursive: true });
for (const name of ['peer', 'relay']) {
  if (isOlder(`build/bench/${name}`, 'bench/c')) {
    run('gcc', '-O2', '-Wall', '-Wextra', '-pthread', '-o', `build/bench/${name}`, `bench/c/${name}.c`);
  }
}
const missing = provideTools({
  '/usr/bin/socat': 'socat',
  '/usr/bin/python3': 'python3',
  go: 'golang-go',
  [vsockOfGo]: 'golang-github-mdlayher-vsock-dev',
});
if (missing !== undefined) console.error(`bench: the relays of some rivals are left out: ${missing}`);
if (existsSync(vsockOfGo) && isOlder('build/bench/relay-go', 'bench/rivals')) {
  // Debian's packages of Go are source code in a GOPATH.
  Object.assign(process.env, { GO111MODULE: 'off', GOPATH: '/usr/share/gocode' });
  run('go', 'build', '-o', 'build/bench/relay-go', 'bench/rivals/relay.go');
}
const typescript = 'node_modules/typescript/bin/tsc';
if (isOlder('dist/index.js', 'src')) run(process.execPath, typescript, '-p', 'tsconfig.json');
if (isOlder('build/ts/bench/main.js', 'bench')) run(process.execPath, typescript, '-p', 'test/tsconfig.json');

const { status } = spawnSync(process.execPath, ['build/ts/bench/main.js', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
