// The machines of Hyper-V, by PowerShell from CIM. Nothing of a caller's is given to PowerShell.
import { readGuid } from '../address/guid.ts';
import type { HvsockError } from '../errors.ts';
import type { CommandOutcome, Commands } from './commands.ts';
import type { MachineState, VirtualMachine } from './virtual-machine.ts';

const POWERSHELL = 'WindowsPowerShell\\v1.0\\powershell.exe';

// One JSON object a line; the last one says that there are no more, or why there are none. Texts are numbers, UTF-16 units,
// since the code page of the output is the system's. Only what the constrained language mode of locked systems has too.
const script = `
$ErrorActionPreference = 'Stop'
function units($text) { [int[]][char[]][string]$text -join ' ' }
try {
  Get-CimInstance -Namespace root/virtualization/v2 -ClassName Msvm_ComputerSystem -Property Name, ElementName, EnabledState |
    ForEach-Object {
      ConvertTo-Json -Compress @{ id = units $_.Name; name = units $_.ElementName; state = [int]$_.EnabledState }
    }
  ConvertTo-Json -Compress @{ end = $true }
} catch {
  ConvertTo-Json -Compress @{
    error = [string]$_.Exception.NativeErrorCode; id = [string]$_.FullyQualifiedErrorId; message = units $_.Exception.Message
  }
}
`;

type Line =
  | { readonly id: string; readonly name: string; readonly state: number }
  | { readonly end: true }
  | { readonly error: string; readonly id: string; readonly message: string };

/**
 * All machines of Hyper-V, whatever their state.
 * Rejects as `Commands.run` does, and with ERR_HVSOCK_NO_HYPERV, ERR_HVSOCK_PERMISSION or, for an answer that is none,
 * ERR_HVSOCK_COMMAND.
 */
export async function hypervMachines(commands: Commands): Promise<VirtualMachine[]> {
  const outcome = await commands.run(POWERSHELL, '-NoLogo', '-NoProfile', '-NonInteractive', '-Command', script);
  const lines = readLines(commands, outcome);
  const failure = lines.find((line) => 'error' in line);
  if (failure !== undefined) throw cimError(commands, failure.error, failure.id, textOf(failure.message));
  if (!lines.some((line) => 'end' in line)) throw answerError(commands, outcome);
  const systems = lines.filter((line) => 'state' in line);
  // The host is one of its own systems. Who has no rights is told of none.
  if (systems.length === 0) throw permissionError(commands);
  return systems.flatMap(({ id, name, state }) => {
    // The host's Name is no GUID.
    const guid = readGuid(textOf(id));
    return guid === undefined ? [] : [{ name: textOf(name), id: guid, state: stateOf(state), source: 'hyperv' }];
  });
}

function readLines(commands: Commands, outcome: CommandOutcome): Line[] {
  // PowerShell's warnings are lines too.
  const lines = outcome.stdout
    .toString('latin1')
    .split(/\r?\n/)
    .filter((line) => line.startsWith('{'));
  try {
    return lines.map((line) => JSON.parse(line));
  } catch {
    throw answerError(commands, outcome);
  }
}

/** The text of UTF-16 units, as decimal numbers. */
function textOf(units: string): string {
  return units === '' ? '' : String.fromCharCode(...units.split(' ').map(Number));
}

// CimException.NativeErrorCode by name, and the HRESULTs of WMI (wbemcli.h) in the error's id; both in no language.
function cimError(commands: Commands, code: string, id: string, message: string): HvsockError {
  const is = (name: string, ...results: string[]) =>
    code === name || results.some((result) => id.toLowerCase().includes(result));
  if (is('InvalidNamespace', '0x8004100e') || is('InvalidClass', '0x80041010')) {
    return commands.error(
      'this Windows has no Hyper-V; add the feature Microsoft-Hyper-V, which Home editions do not have',
      { code: 'ERR_HVSOCK_NO_HYPERV', kind: 'unsupported' },
    );
  }
  if (is('AccessDenied', '0x80041003', '0x80070005')) return permissionError(commands);
  return commands.error(`Hyper-V cannot be asked: ${message} (${id})`, { code: 'ERR_HVSOCK_COMMAND', kind: 'unknown' });
}

function permissionError(commands: Commands): HvsockError {
  return commands.error(
    'Hyper-V shows its machines to its administrators only; run as administrator, or become a member of ' +
      'the group Hyper-V Administrators (S-1-5-32-578) and sign in again',
    { code: 'ERR_HVSOCK_PERMISSION', kind: 'permission' },
  );
}

function answerError(commands: Commands, outcome: CommandOutcome): HvsockError {
  const { status, stdout } = outcome;
  if (status !== 0) return commands.failure('powershell.exe', outcome);
  const said = stdout.toString('latin1').trim();
  if (said === '') {
    return commands.error(
      `powershell.exe answered nothing, with status 0: it is a stand-in, as Wine has one, or its output was taken away`,
      { code: 'ERR_HVSOCK_COMMAND', kind: 'unsupported' },
    );
  }
  return commands.error(`powershell.exe gave no whole answer: ${JSON.stringify(said.slice(0, 200))}`, {
    code: 'ERR_HVSOCK_COMMAND',
    kind: 'protocol',
  });
}

// Msvm_ComputerSystem.EnabledState and the states of RequestStateChange (root\virtualization\v2).
// https://learn.microsoft.com/windows/win32/hyperv_v2/requeststatechange-msvm-computersystem
const states: ReadonlyMap<number, MachineState> = new Map([
  [2, 'running'],
  [3, 'off'],
  [4, 'stopping'],
  [6, 'saved'],
  [9, 'paused'],
  [10, 'starting'],
  [11, 'resetting'],
  [32773, 'saving'],
  [32776, 'pausing'],
  [32777, 'resuming'],
  [32779, 'saved'],
  [32780, 'saving'],
]);
const FIRST_CRITICAL = 32781;

function stateOf(state: number): MachineState {
  return states.get(state) ?? (state >= FIRST_CRITICAL ? 'critical' : 'other');
}
