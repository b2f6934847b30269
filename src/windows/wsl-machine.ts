// The one machine in which WSL runs its distributions. Never starts it.
import { readGuid } from '../address/guid.ts';
import type { Commands } from './commands.ts';
import { readKeys } from './registry.ts';
import type { VirtualMachine } from './virtual-machine.ts';

/** This user's distributions. Looked at first: where WSL is not installed, wsl.exe offers to install it, and waits. */
const DISTRIBUTIONS = 'HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Lxss';
const WSL_NAME = 'WSL';

/**
 * WSL's machine, if it runs.
 * Rejects as `Commands.run` does, and with ERR_HVSOCK_PERMISSION where only an administrator can learn its id.
 */
export async function wslMachines(commands: Commands): Promise<VirtualMachine[]> {
  const distributions = await modernDistributions(commands);
  if (distributions.size === 0) return [];
  const running = (await runningDistributions(commands)).filter((name) => distributions.has(name));
  if (running.length === 0) return [];
  const id = (await askDistributions(commands, running)) ?? (await askHost(commands));
  return id === undefined ? [] : [{ name: WSL_NAME, id, state: 'running', source: 'wsl' }];
}

/** Those of WSL 2; those of WSL 1 have no machine. */
async function modernDistributions(commands: Commands): Promise<Set<string>> {
  const keys = await readKeys(commands, DISTRIBUTIONS);
  const names = keys
    .filter(({ values }) => values.get('version') !== 1)
    .map(({ values }) => values.get('distributionname'));
  return new Set(names.filter((name) => typeof name === 'string'));
}

async function runningDistributions(commands: Commands): Promise<string[]> {
  const { status, stdout } = await commands.run('wsl.exe', '--list', '--running', '--quiet');
  // Older versions fail where nothing runs.
  if (status !== 0) return [];
  // UTF-16, unless the variable WSL_UTF8 is set.
  const text = stdout.toString(stdout.includes(0) ? 'utf16le' : 'utf8').replace(/^\ufeff/, '');
  return text.split(/\r?\n/).filter((line) => line !== '');
}

/** Asks distributions that run, one after the other: not each has wslinfo, and it tells the id since WSL 2.6. */
async function askDistributions(commands: Commands, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const { status, stdout } = await commands.run(
      'wsl.exe',
      ...['--distribution', name, '--exec', 'wslinfo', '--vm-id', '-n'],
    );
    const id = readGuid(stdout.toString().trim());
    if (status === 0 && id !== undefined) return id;
  }
  return undefined;
}

/** Asks the Host Compute Service, which answers administrators only. */
async function askHost(commands: Commands): Promise<string | undefined> {
  const { status, stdout } = await commands.run('hcsdiag.exe', 'list');
  if (status !== 0) {
    throw commands.error(
      "no running distribution tells the machine's id (wslinfo --vm-id); run wsl --update, or run as administrator",
      { code: 'ERR_HVSOCK_PERMISSION', kind: 'permission' },
    );
  }
  // `    VM,                         Running, EED44DAF-4F7E-4CF5-82FD-F9C8EBF8DB82, WSL`
  return readGuid(/,\s*([0-9a-f-]{36}),\s*WSL\s*$/im.exec(stdout.toString('latin1'))?.[1] ?? '');
}
