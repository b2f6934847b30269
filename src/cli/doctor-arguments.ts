// What a command line of `hvsock doctor` means.
import { HvsockError, HybridAddress, type HypervAddress, parseAddress } from '../index.ts';
import { readAddress } from './address-argument.ts';
import { readCommandLine, UsageError } from './arguments.ts';

/** One run of `hvsock doctor`. */
export interface DoctorRun {
  /** Paths of monitors' sockets. */
  readonly sockets: readonly string[];
  /** Try how bytes are carried, also with the echo service of this machine. */
  readonly io: { readonly machine: HypervAddress | undefined } | undefined;
  readonly json: boolean;
}

const options = {
  io: { type: 'boolean' },
  vmid: { type: 'string' },
  service: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Longer than the drive of a path on Windows. */
const scheme = /^[a-z][a-z0-9+.-]+:/i;

/**
 * Undefined where help is asked for. Rejects with UsageError, and for a machine given by name as `virtualMachineId` does.
 */
export async function readDoctorCommandLine(args: readonly string[]): Promise<DoctorRun | undefined> {
  const { values, positionals } = readCommandLine(args, options);
  const { io = false, vmid, service, json = false } = values;
  if (values.help) return undefined;
  const sockets = positionals.map(readSocket);
  if ((vmid === undefined) !== (service === undefined)) throw new UsageError('--vmid and --service go together');
  if (vmid !== undefined && !io) throw new UsageError('--vmid needs --io');
  const machine = service === undefined ? undefined : ((await readAddress(service, 'connect', vmid)) as HypervAddress);
  return { sockets, io: io ? { machine } : undefined, json };
}

/** The path that is meant: a path, or an address with one. */
function readSocket(text: string): string {
  if (!scheme.test(text)) {
    if (text === '') throw new UsageError('the path of a socket must not be empty');
    return text;
  }
  try {
    const address = parseAddress(text);
    if (address instanceof HybridAddress) return address.connectPath;
  } catch (error) {
    throw error instanceof HvsockError ? new UsageError(error.message) : error;
  }
  throw new UsageError(`doctor connects to no machine: write the path of a monitor's socket, not ${text}`);
}
