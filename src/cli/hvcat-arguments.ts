// What a command line of hvcat means.
import type { Address } from '../index.ts';
import { type Role, readAddress, serviceIdOfAddress } from './address-argument.ts';
import { readCommandLine, readSeconds, UsageError } from './arguments.ts';

/** One run of hvcat: what to do and how. */
export interface HvcatRun {
  readonly role: Role;
  readonly address: Address;
  /** With `listen`: serve until stopped, not one connection. */
  readonly keepOpen: boolean;
  /** What is done with a connection's bytes; `exec` runs `command`. */
  readonly service: 'standard' | 'echo' | 'exec';
  readonly command: string;
  /** The GUID of the service to register first. */
  readonly registerGuid: string | undefined;
  /** Milliseconds. */
  readonly timeout: number | undefined;
  /** Milliseconds, perhaps Infinity. */
  readonly retryFor: number | undefined;
  /** Milliseconds. */
  readonly quitAfter: number | undefined;
  readonly shutdown: boolean;
  readonly progress: boolean;
  readonly framed: boolean;
}

const options = {
  listen: { type: 'boolean', short: 'l' },
  'keep-open': { type: 'boolean', short: 'k' },
  echo: { type: 'boolean' },
  exec: { type: 'string', short: 'e' },
  vmid: { type: 'string' },
  timeout: { type: 'string' },
  retry: { type: 'string' },
  quit: { type: 'string', short: 'q' },
  'no-shutdown': { type: 'boolean' },
  framed: { type: 'boolean' },
  verbose: { type: 'boolean', short: 'v' },
  json: { type: 'boolean' },
  progress: { type: 'boolean' },
  'register-guid': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

const DEFAULT_ADDRESS = 'vsock://:80';

export interface HvcatCommandLine {
  readonly show: 'help' | 'version' | undefined;
  readonly verbose: boolean;
  readonly json: boolean;
  /**
   * What to do, unless something is to be shown. Looks up a machine that is given by name.
   * Rejects with UsageError, and as `virtualMachineId` does.
   */
  readRun(): Promise<HvcatRun>;
}

/** @throws UsageError */
export function readHvcatCommandLine(args: readonly string[]): HvcatCommandLine {
  const { values, positionals } = readCommandLine(args, options, ['retry']);
  const { help = false, version = false, verbose = false, json = false } = values;
  return {
    show: help ? 'help' : version ? 'version' : undefined,
    verbose: verbose || json,
    json,
    readRun: () => readRun(values, positionals),
  };
}

type Values = ReturnType<typeof readCommandLine<typeof options>>['values'];

async function readRun(values: Values, positionals: readonly string[]): Promise<HvcatRun> {
  if (positionals.length > 1) {
    throw new UsageError(`one address is enough, and ${JSON.stringify(positionals[1])} is another`);
  }
  checkCombinations(values);
  const { exec, timeout, retry, quit } = values;
  const role = values.listen ? 'listen' : 'connect';
  const service = values.echo ? 'echo' : exec !== undefined ? 'exec' : 'standard';
  const run = {
    role,
    keepOpen: role === 'listen' && (values['keep-open'] === true || service !== 'standard'),
    service,
    command: exec ?? '',
    timeout: timeout === undefined ? undefined : readSeconds('--timeout', timeout),
    retryFor: retry === undefined ? undefined : retry === '' ? Number.POSITIVE_INFINITY : readSeconds('--retry', retry),
    quitAfter: quit === undefined ? undefined : readSeconds('-q', quit, { zero: true }),
    shutdown: values['no-shutdown'] !== true,
    progress: values.progress === true && values.json !== true,
    framed: values.framed ?? false,
  } as const;
  // Last: a machine that cannot be looked up is no mistake in the command line, and every such mistake comes first.
  const address = await readAddress(positionals[0] ?? DEFAULT_ADDRESS, role, values.vmid);
  return { ...run, address, registerGuid: values['register-guid'] ? serviceIdOfAddress(address) : undefined };
}

function checkCombinations(values: Values): void {
  const { listen, echo, exec } = values;
  const refuse = (option: string, isGiven: unknown, problem: string | false | undefined) => {
    if (isGiven !== undefined && problem) throw new UsageError(`${option} ${problem}`);
  };
  refuse('--keep-open', values['keep-open'], !listen && 'needs --listen');
  refuse('--echo', echo, !listen && 'needs --listen');
  refuse('--register-guid', values['register-guid'], !listen && 'needs --listen');
  refuse('--timeout', values.timeout, listen && 'is about connecting, not for --listen');
  refuse('--retry', values.retry, listen && 'is about connecting, not for --listen');
  refuse('--echo', echo, exec !== undefined && 'and --exec exclude each other');
  refuse('--exec', exec, exec?.trim() === '' && 'needs a command');
  const withoutInput =
    (echo || exec !== undefined) && `is about stdin, which --${echo ? 'echo' : 'exec'} does not read`;
  refuse('-q', values.quit, withoutInput);
  refuse('--no-shutdown', values['no-shutdown'], withoutInput);
}
