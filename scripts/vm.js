// Runs a command in a kernel of the lab: the spawning half of `npm run vm`.
// Knows only where the scripts are; what their options mean is in test/vm/README.md.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const kernels = ['uml', 'qemu', 'pair'];

const usage = `usage: npm run vm -- uml  [options] COMMAND…
       npm run vm -- qemu [options] COMMAND…
       npm run vm -- pair [options] 'HOST COMMAND' 'GUEST COMMAND'
Options and statuses: test/vm/README.md`;

const [kernel = '', ...args] = process.argv.slice(2);
if (!kernels.includes(kernel) || args.length === 0) {
  console.error(usage);
  process.exit(2);
}

const script = fileURLToPath(new URL(`../test/vm/${kernel}.sh`, import.meta.url));
const child = spawn(script, args, { stdio: 'inherit' });

// The script must tidy up and say how it ended before this process does. Ctrl-C reaches both at once.
/** @type {NodeJS.Signals[]} */
const signals = ['SIGTERM', 'SIGHUP'];
for (const signal of signals) process.on(signal, () => child.kill(signal));
process.on('SIGINT', () => {});

child.on('error', (error) => {
  console.error(`vm: ${error.message}`);
  process.exitCode = 1;
});
child.on('exit', (code, signal) => {
  process.exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
});
