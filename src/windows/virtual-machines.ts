// The virtual machines of a Windows host, and the id of one by its name.
import { HvsockError, invalidArgument } from '../errors.ts';
import { Commands, type WindowsOptions } from './commands.ts';
import { hypervMachines } from './hyperv-machines.ts';
import type { MachineSource, VirtualMachine } from './virtual-machine.ts';
import { wslMachines } from './wsl-machine.ts';

export interface MachineOptions extends WindowsOptions {
  /** Ask only Hyper-V, or only WSL. Default: both. */
  readonly source?: MachineSource | undefined;
}

const ask = { hyperv: hypervMachines, wsl: wslMachines } as const;
const sources = Object.keys(ask) as MachineSource[];

/**
 * The machines of Hyper-V, whatever their state, and the one in which WSL runs, if it does; nothing is started. The list is
 * whole, or there is an error; but a Windows that has no Hyper-V may have WSL.
 * Rejects with ERR_HVSOCK_INVALID_ARGUMENT, ERR_HVSOCK_UNSUPPORTED (not on Windows), ERR_HVSOCK_NO_HYPERV,
 * ERR_HVSOCK_PERMISSION, ERR_HVSOCK_COMMAND (a program is missing, fails, or answers nothing or something else), ETIMEDOUT or
 * ABORT_ERR.
 */
export async function listVirtualMachines(options: MachineOptions = {}): Promise<VirtualMachine[]> {
  const { machines, failures } = await askAll(new Commands('listing virtual machines', options), options.source);
  const [failure] = failures.filter(({ code }) => code !== 'ERR_HVSOCK_NO_HYPERV' || machines.length === 0);
  if (failure !== undefined) throw failure;
  return machines;
}

/**
 * The id of the machine with this name; if none is spelled so, of the one whose name differs in case only. A GUID is a name
 * like any other. What cannot be asked, as Hyper-V without rights, matters only if the name is not found elsewhere.
 * Rejects as `listVirtualMachines` does, and with ERR_HVSOCK_NO_VM, or ERR_HVSOCK_AMBIGUOUS_VM, whose message has the ids.
 */
export async function virtualMachineId(name: string, options: MachineOptions = {}): Promise<string> {
  if (typeof name !== 'string' || name === '') throw invalidArgument('name', name, 'the name of a virtual machine');
  const commands = new Commands(`finding the virtual machine ${JSON.stringify(name)}`, options);
  const { machines, failures } = await askAll(commands, options.source);
  const abortion = failures.find(({ kind }) => kind === 'aborted');
  if (abortion !== undefined) throw abortion;
  const exact = machines.filter((machine) => machine.name === name);
  const folded = machines.filter((machine) => machine.name.toLowerCase() === name.toLowerCase());
  const [found, ...others] = exact.length > 0 ? exact : folded;
  if (found === undefined) {
    // A machine that nobody may see is not one that is not there.
    const [failure] = failures.filter(({ code }) => code !== 'ERR_HVSOCK_NO_HYPERV' || machines.length === 0);
    throw failure ?? noMachineError(commands, machines);
  }
  if (others.length > 0) throw ambiguityError(commands, [found, ...others]);
  return found.id;
}

async function askAll(
  commands: Commands,
  source: MachineSource | undefined,
): Promise<{ machines: VirtualMachine[]; failures: HvsockError[] }> {
  if (source !== undefined && !sources.includes(source)) {
    throw invalidArgument('source', source, sources.map((name) => `'${name}'`).join(' or '));
  }
  const asked = source === undefined ? sources : [source];
  const results = await Promise.allSettled(asked.map((name) => ask[name](commands)));
  const machines: VirtualMachine[] = [];
  const failures: HvsockError[] = [];
  for (const result of results) {
    if (result.status === 'fulfilled') machines.push(...result.value);
    else if (result.reason instanceof HvsockError) failures.push(result.reason);
    else throw result.reason;
  }
  return { machines, failures };
}

function noMachineError(commands: Commands, machines: readonly VirtualMachine[]): HvsockError {
  const names = machines.map(({ name }) => JSON.stringify(name)).join(', ');
  const known = names === '' ? 'there is none' : `there are ${names}`;
  return commands.error(`no machine has that name; ${known}`, { code: 'ERR_HVSOCK_NO_VM', kind: 'no-vm' });
}

function ambiguityError(commands: Commands, machines: readonly VirtualMachine[]): HvsockError {
  const list = machines.map(({ id, state }) => `${id} (${state})`).join(', ');
  return commands.error(`several machines have that name; give the id of one: ${list}`, {
    code: 'ERR_HVSOCK_AMBIGUOUS_VM',
    kind: 'invalid',
  });
}
