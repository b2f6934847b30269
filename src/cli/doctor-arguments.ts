// What a command line of `hvsock doctor` means.
import { HvsockError, HybridAddress, parseAddress } from '../index.ts';
import { readCommandLine, UsageError } from './arguments.ts';

/** One run of `hvsock doctor`. */
export interface DoctorRun {
  /** Paths of monitors' sockets. */
  readonly sockets: readonly string[];
  readonly json: boolean;
}

const options = {
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const scheme = /^[a-z][a-z0-9+.-]*:/i;

/**
 * Undefined where help is asked for.
 * @throws UsageError
 */
export function readDoctorCommandLine(args: readonly string[]): DoctorRun | undefined {
  const { values, positionals } = readCommandLine(args, options);
  if (values.help) return undefined;
  return { sockets: positionals.map(readSocket), json: values.json ?? false };
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
