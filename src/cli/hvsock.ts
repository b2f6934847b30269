#!/usr/bin/env node
// hvsock: what there is to do about hypervisor sockets, command by command.
import { UsageError } from './arguments.ts';
import { readDoctorCommandLine } from './doctor-arguments.ts';
import { runDoctor } from './doctor-run.ts';
import { readEmulateCommandLine } from './emulate-arguments.ts';
import { runEmulate } from './emulate-run.ts';
import { readForwardCommandLine } from './forward-arguments.ts';
import { runForward } from './forward-run.ts';
import { forwardUsage } from './forward-usage.ts';
import { usage } from './hvsock-usage.ts';
import { packageVersion, print } from './print.ts';
import { Reporter } from './reporter.ts';
import { readServicesCommandLine } from './services-arguments.ts';
import { runServices } from './services-run.ts';
import { StopSignal } from './stop-signal.ts';
import { readVmsCommandLine } from './vms-arguments.ts';
import { runVms } from './vms-run.ts';

const tool = 'hvsock';

async function main([command, ...args]: readonly string[]): Promise<number> {
  let reporter = new Reporter({ tool, verbose: true, json: false });
  try {
    switch (command) {
      case 'doctor': {
        const run = await readDoctorCommandLine(args);
        return run === undefined ? print(usage) : await runDoctor(run);
      }
      case 'emulate': {
        const run = readEmulateCommandLine(args);
        if (run === undefined) return print(usage);
        reporter = new Reporter({ tool, verbose: true, json: run.json });
        return await runEmulate(run, { reporter, stop: new StopSignal() });
      }
      case 'forward': {
        const run = readForwardCommandLine(args);
        if (run === undefined) return print(forwardUsage);
        reporter = new Reporter({ tool, verbose: run.verbose, json: run.json });
        return await runForward(run, { reporter, stop: new StopSignal() });
      }
      case 'services': {
        const run = readServicesCommandLine(args);
        if (run === undefined) return print(usage);
        reporter = new Reporter({ tool, verbose: true, json: run.json });
        return await runServices(run, { reporter });
      }
      case 'vms': {
        const run = readVmsCommandLine(args);
        if (run === undefined) return print(usage);
        reporter = new Reporter({ tool, verbose: true, json: run.json });
        return await runVms(run, { reporter });
      }
      case '-h':
      case '--help':
        return print(usage);
      case '--version':
        return print(`${packageVersion()}\n`);
      default:
        throw new UsageError(command === undefined ? 'a command is needed' : `there is no command ${command}`);
    }
  } catch (error) {
    const help = command === 'forward' ? `${tool} forward --help` : `${tool} --help`;
    reporter.fail(error instanceof UsageError ? new UsageError(`${error.message}; see ${help}`) : error);
    return error instanceof UsageError ? 2 : 1;
  }
}

void main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
