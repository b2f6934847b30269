// Runs an emulated hypervisor until it is stopped.
import { createInterface } from 'node:readline';
import { HvsockError } from '../index.ts';
import { Emulator, type Guest } from '../testing/index.ts';
import { UsageError } from './arguments.ts';
import { type EmulateRun, readNumber } from './emulate-arguments.ts';
import type { Reporter } from './reporter.ts';
import type { StopSignal } from './stop-signal.ts';

interface Surroundings {
  readonly reporter: Reporter;
  readonly stop: StopSignal;
}

/** Returns the exit status. */
export async function runEmulate(run: EmulateRun, { reporter, stop }: Surroundings): Promise<number> {
  const stopped = new Promise<void>((resolve) => stop.whenReceived(resolve));
  await using emulator = await Emulator.create(run.directory, { medium: run.medium });
  const { directory } = emulator;
  const guest = run.guest && (await startGuest(emulator, run.guest));
  reporter.tell('host', { directory }, `host: HVSOCK_EMULATOR=${directory}`);
  if (run.guest !== undefined && guest !== undefined) {
    const { cid, exposures, control } = run.guest;
    const shown = Object.entries(exposures).flatMap(([name, path]) =>
      path === undefined ? [] : [`, ${name} ${path}`],
    );
    reporter.tell(
      'guest',
      { cid, vmId: guest.partition.vmId, ...exposures },
      `guest ${cid}: HVSOCK_EMULATOR_CID=${cid}, machine ${guest.partition.vmId}${shown.join('')}`,
    );
    if (control) followCommands(guest, reporter);
  }
  // Nothing else need keep the process.
  const timer = setInterval(() => {}, 2 ** 30);
  await stopped;
  clearInterval(timer);
  process.stdin.destroy();
  return 0;
}

/** Rejects with UsageError for a value that the emulator refuses. */
async function startGuest(
  emulator: Emulator,
  { cid, vmId, exposures, faults }: NonNullable<EmulateRun['guest']>,
): Promise<Guest> {
  try {
    const guest = emulator.guest(cid, { vmId });
    if (faults !== undefined) await guest.setFaults(faults);
    await guest.expose(exposures);
    return guest;
  } catch (error) {
    const isRefused = error instanceof HvsockError && error.code === 'ERR_HVSOCK_INVALID_ARGUMENT';
    throw isRefused ? new UsageError(error.message) : error;
  }
}

function followCommands(guest: Guest, reporter: Reporter): void {
  let last = Promise.resolve();
  createInterface({ input: process.stdin }).on('line', (line) => {
    last = last
      .then(() => obey(guest, line))
      .then(
        () => reporter.tell('done', { command: line }, `done: ${line}`),
        (error: unknown) => reporter.fail(error),
      );
  });
}

async function obey(guest: Guest, line: string): Promise<void> {
  const [command = '', argument = ''] = line.trim().split(/\s+/);
  switch (command) {
    case 'suspend':
    case 'resume':
    case 'reset':
      return guest[command]();
    case 'cid':
      return guest.changeCid(readNumber('cid', argument));
    default:
      throw new UsageError(`there is no command ${JSON.stringify(line)}: suspend, resume, reset or cid CID`);
  }
}
