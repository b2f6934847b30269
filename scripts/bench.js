// `npm run bench`: compiles what the benchmark is made of where that is out of date, and starts it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

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
if (isOlder('build/bench/peer', 'bench/c')) {
  run('gcc', '-O2', '-Wall', '-Wextra', '-o', 'build/bench/peer', 'bench/c/peer.c');
}
const typescript = 'node_modules/typescript/bin/tsc';
if (isOlder('dist/index.js', 'src')) run(process.execPath, typescript, '-p', 'tsconfig.json');
if (isOlder('build/ts/bench/main.js', 'bench')) run(process.execPath, typescript, '-p', 'test/tsconfig.json');

const { status } = spawnSync(process.execPath, ['build/ts/bench/main.js', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
