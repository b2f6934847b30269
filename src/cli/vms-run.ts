// `hvsock vms`: the virtual machines of a Windows host, as text or as JSON.
import { HvsockError } from '../index.ts';
import { listVirtualMachines, type MachineSource, type VirtualMachine, type WindowsOptions } from '../windows/index.ts';
import { print } from './print.ts';
import type { Reporter } from './reporter.ts';
import { formatTable } from './table.ts';
import type { VmsRun } from './vms-arguments.ts';

interface Surroundings {
  readonly reporter: Reporter;
  readonly windows?: WindowsOptions;
  /** Takes what goes to stdout. Default: stdout does. */
  readonly show?: (text: string) => unknown;
}

/**
 * Shows what can be seen and tells what cannot: Hyper-V's machines need rights that WSL's does not. Fulfilled with the exit
 * status: 1 if something could not be seen.
 */
export async function runVms({ json }: VmsRun, { reporter, windows, show = print }: Surroundings): Promise<number> {
  const machines: VirtualMachine[] = [];
  const failures = new Map<string, HvsockError>();
  const list = async (source: MachineSource) => {
    try {
      machines.push(...(await listVirtualMachines({ ...windows, source })));
    } catch (error) {
      if (!(error instanceof HvsockError)) throw error;
      failures.set(error.message, error);
    }
  };
  await Promise.all([list('hyperv'), list('wsl')]);
  // Who has WSL has machines, and need not have Hyper-V.
  for (const [message, { code }] of failures) {
    if (code === 'ERR_HVSOCK_NO_HYPERV' && machines.length > 0) failures.delete(message);
  }
  for (const failure of failures.values()) reporter.fail(failure);
  if (machines.length > 0 || failures.size === 0) {
    if (machines.length === 0) reporter.tell('empty', {}, 'there are no virtual machines');
    machines.sort((a, b) => a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1));
    show(
      json
        ? `${JSON.stringify(machines, undefined, 2)}\n`
        : formatTable(machines.map(({ id, state, name }) => [id, state, name])),
    );
  }
  return failures.size === 0 ? 0 : 1;
}
