// `npm run bench`: measures, prints one table and writes JSON. What needs vsock runs in one boot of User-Mode Linux,
// where this file is started again with --guest.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Measure, type Result, runMeasure } from './measure.ts';
import {
  ceilingMeasures,
  emulatorMeasures,
  handshakeMeasures,
  memoryMeasures,
  unixMeasures,
  vsockMeasures,
} from './measures.ts';
import { relayMeasures } from './relay-measures.ts';
import { table } from './table.ts';

const usage = `usage: npm run bench -- [--quick] [--json PATH] [--only TEXT]
  --quick      a smoke run: every measure, but briefly; its figures mean nothing
  --json PATH  where to write the results, default build/bench/results.json
  --only TEXT  the measures whose part or name has this in it
A ratio beyond its target is marked and is no failure.`;

const root = fileURLToPath(new URL('../../..', import.meta.url));
/** EX_UNAVAILABLE, with which the lab's scripts say that this machine cannot boot it; they have told why. */
const UNAVAILABLE = 69;

interface Report {
  results: Result[];
  failures: string[];
}

function selected(measures: readonly Measure[], only: string): Measure[] {
  return measures.filter(({ part, name }) => `${part}: ${name}`.includes(only));
}

function guestMeasures(quick: boolean): Measure[] {
  return [...vsockMeasures(quick), ...relayMeasures(quick), ...ceilingMeasures(quick), ...memoryMeasures(quick)];
}

async function run(measures: readonly Measure[]): Promise<Report> {
  const report: Report = { results: [], failures: [] };
  for (const measure of measures) {
    const name = `${measure.part}: ${measure.name}`;
    console.error(`bench: ${name}`);
    try {
      report.results.push(await runMeasure(measure));
    } catch (error) {
      report.failures.push(`${name}: ${(error as Error).message}`);
    }
  }
  return report;
}

/** The same file again, in User-Mode Linux; its report comes back through a file. */
async function runInGuest(options: readonly string[]): Promise<Report> {
  const report = resolve(root, 'build/bench/guest.json');
  const script = fileURLToPath(import.meta.url);
  // On one processor of the machine's: User-Mode Linux hands over between processes at every system call, and between
  // two processors that takes three times as long or not, as the machine's scheduler has it.
  const uml = ['taskset', '-c', String(cpus().length - 1), resolve(root, 'test/vm/uml.sh'), '-m', '2048', '-t', '900'];
  const [file = '', ...args] = [...uml, '-s', root, process.execPath, script, '--guest', report, ...options];
  const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const [status] = await once(child, 'exit');
  if (status === UNAVAILABLE) {
    console.error('bench: without User-Mode Linux there is no vsock to measure: only unix sockets are');
    return { results: [], failures: [] };
  }
  if (status !== 0) return { results: [], failures: [`User-Mode Linux: status ${status}`] };
  return JSON.parse(readFileSync(report, 'utf8'));
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string', default: resolve(root, 'build/bench/results.json') },
    only: { type: 'string', default: '' },
    guest: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const { quick, only, guest } = values;

if (values.help) {
  console.log(usage);
} else if (guest !== undefined) {
  const report = await run(selected(guestMeasures(quick), only));
  writeFileSync(guest, JSON.stringify(report));
} else {
  const options = [...(quick ? ['--quick'] : []), '--only', only];
  const hasGuestMeasures = selected(guestMeasures(quick), only).length > 0;
  const inGuest = hasGuestMeasures ? await runInGuest(options) : { results: [], failures: [] };
  const here = await run(
    selected([...unixMeasures(quick), ...handshakeMeasures(quick), ...emulatorMeasures(quick)], only),
  );
  const results = [...inGuest.results, ...here.results];
  const failures = [...inGuest.failures, ...here.failures];

  const machine = `${cpus().length} cores, ${process.platform} ${process.arch}, Node ${process.version}`;
  console.log(`${machine}${quick ? '; a smoke run, its figures mean nothing' : ''}\n\n${table(results)}`);
  mkdirSync(dirname(values.json), { recursive: true });
  writeFileSync(values.json, `${JSON.stringify({ machine, quick, results, failures }, null, 2)}\n`);
  console.log(`\nEvery round of these is in ${values.json}`);
  for (const failure of failures) console.error(`bench: failed: ${failure}`);
  if (failures.length > 0) process.exitCode = 1;
}
