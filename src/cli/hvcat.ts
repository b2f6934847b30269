#!/usr/bin/env node
// hvcat: nc for hypervisors. Reads the command line, runs it, and turns the outcome into an exit status.
import { UsageError } from './arguments.ts';
import { Counters } from './counters.ts';
import { readHvcatCommandLine } from './hvcat-arguments.ts';
import { runHvcat } from './hvcat-run.ts';
import { usage } from './hvcat-usage.ts';
import { packageVersion, print } from './print.ts';
import { Progress } from './progress.ts';
import { Reporter } from './reporter.ts';
import { StopSignal } from './stop-signal.ts';

const tool = 'hvcat';

async function main(args: readonly string[]): Promise<number> {
  let reporter = new Reporter({ tool, verbose: false, json: false });
  try {
    const { show, verbose, json, readRun } = readHvcatCommandLine(args);
    if (show !== undefined) return print(show === 'help' ? usage : `${packageVersion()}\n`);
    reporter = new Reporter({ tool, verbose, json });
    const run = await readRun();
    const total = new Counters();
    const progress = run.progress ? new Progress(process.stderr, () => `${total}`) : undefined;
    reporter.progress = progress;
    const status = await runHvcat(run, { reporter, stop: new StopSignal(), total });
    progress?.stop();
    return status;
  } catch (error) {
    reporter.fail(error instanceof UsageError ? new UsageError(`${error.message}; see ${tool} --help`) : error);
    return error instanceof UsageError ? 2 : 1;
  }
}

// Not process.exit(): what is still on its way to stdout must arrive.
void main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
