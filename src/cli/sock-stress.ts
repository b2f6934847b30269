#!/usr/bin/env node
// sock_stress: a stress test for every kind of socket. Reads the command line, runs it, and turns the outcome into a
// table and an exit status.
import { UsageError } from './arguments.ts';
import { Counters } from './counters.ts';
import { packageVersion, print } from './print.ts';
import { Progress } from './progress.ts';
import { Reporter } from './reporter.ts';
import { readSockStressCommandLine, type StressClientRun, type StressServerRun } from './sock-stress-arguments.ts';
import { usage } from './sock-stress-usage.ts';
import { StopSignal } from './stop-signal.ts';
import { StressClient } from './stress-client.ts';
import { StressServer } from './stress-server.ts';
import { StressTally } from './stress-tally.ts';

const tool = 'sock_stress';

async function main(args: readonly string[]): Promise<number> {
  let reporter = new Reporter({ tool, verbose: false, json: false });
  try {
    const { show, json, verbose, readRun } = readSockStressCommandLine(args);
    if (show !== undefined) return print(show === 'help' ? usage : `${packageVersion()}\n`);
    reporter = new Reporter({ tool, verbose: verbose > 0, json });
    return await stress(readRun(), reporter, json);
  } catch (error) {
    reporter.fail(error instanceof UsageError ? new UsageError(`${error.message}; see ${tool} --help`) : error);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function stress(run: StressClientRun | StressServerRun, reporter: Reporter, json: boolean): Promise<number> {
  const stop = new StopSignal();
  const tally = new StressTally(new Counters());
  const context = { reporter, stop, tally };
  const role = run.role === 'client' ? new StressClient(run, context) : new StressServer(run, context);
  const progress = json ? undefined : new Progress(process.stderr, () => role.progressLine());
  reporter.progress = progress;
  try {
    await role.run();
  } finally {
    progress?.stop();
  }
  const address = `${run.target}`;
  const seed = run.role === 'client' ? run.seed : undefined;
  const summary = { role: run.role, address, seed, stopped: stop.received, ...tally.toJSON() };
  const seedRow = seed === undefined ? '' : `seed         ${seed}\n`;
  print(json ? `${JSON.stringify(summary)}\n` : `${run.role.padEnd(11)}  ${address}\n${seedRow}${tally}`);
  return tally.failed > 0 ? 1 : 0;
}

void main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
