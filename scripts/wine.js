// Runs Windows' Node on this machine, under Wine: the spawning half of `npm run wine`.
// Knows only where the scripts are; what they do is in test/windows/README.md.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { fetchNode, windowsNodeVersions, wineFor } from './nodes.js';

const majors = windowsNodeVersions.map((version) => `${parseInt(version, 10)}`);

const usage = `usage: npm run wine -- [-t seconds] ${majors.join('|')} ARGUMENT…
Options and statuses: test/windows/README.md`;

const args = process.argv.slice(2);
const limit = args[0] === '-t' ? args.splice(0, 2) : [];
const version = windowsNodeVersions[majors.indexOf(args.shift() ?? '')];
if (version === undefined || args.length === 0) {
  console.error(usage);
  process.exit(2);
}

const script = fileURLToPath(new URL('../test/windows/run.sh', import.meta.url));
const node = await fetchNode(version, 'win-x64');
const child = spawn(script, ['-w', wineFor(version), ...limit, node, ...args], { stdio: 'inherit' });

// The script must tidy up and say how it ended before this process does. Ctrl-C reaches both at once.
/** @type {NodeJS.Signals[]} */
const signals = ['SIGTERM', 'SIGHUP'];
for (const signal of signals) process.on(signal, () => child.kill(signal));
process.on('SIGINT', () => {});

child.on('error', (error) => {
  console.error(`wine: ${error.message}`);
  process.exitCode = 1;
});
child.on('exit', (code, signal) => {
  process.exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
});
