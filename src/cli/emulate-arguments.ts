// What a command line of `hvsock emulate` means.
import type { Exposures, Faults, Medium } from '../testing/index.ts';
import { readCommandLine, UsageError } from './arguments.ts';

/** One run of `hvsock emulate`. */
export interface EmulateRun {
  readonly directory: string;
  readonly medium: Medium | undefined;
  /** Tell what happens as JSON. */
  readonly json: boolean;
  /** Absent where only the host is to be there. */
  readonly guest:
    | {
        readonly cid: number;
        readonly vmId: string | undefined;
        readonly exposures: Exposures;
        readonly faults: Faults | undefined;
        readonly control: boolean;
      }
    | undefined;
}

const options = {
  guest: { type: 'string', short: 'g' },
  vmid: { type: 'string' },
  firecracker: { type: 'string' },
  hyperkit: { type: 'string' },
  loopback: { type: 'boolean' },
  refuse: { type: 'string' },
  delay: { type: 'string' },
  'drop-after': { type: 'string' },
  'reset-after': { type: 'string' },
  split: { type: 'string' },
  merge: { type: 'string' },
  'no-half-close': { type: 'boolean' },
  'lose-at-shutdown': { type: 'string' },
  seed: { type: 'string' },
  control: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Options with a number, and the faults that they set. */
const numbers = {
  refuse: 'refuse',
  delay: 'delay',
  'drop-after': 'dropAfter',
  'reset-after': 'resetAfter',
  split: 'split',
  merge: 'merge',
  'lose-at-shutdown': 'loseAtShutdown',
  seed: 'seed',
} as const satisfies Record<string, keyof Faults>;

/**
 * Undefined where help is asked for.
 * @throws UsageError
 */
export function readEmulateCommandLine(args: readonly string[]): EmulateRun | undefined {
  const { values, positionals } = readCommandLine(args, options);
  if (values.help) return undefined;
  const [directory, ...others] = positionals;
  if (directory === undefined) throw new UsageError('emulate needs a DIRECTORY');
  if (others.length > 0) throw new UsageError(`emulate takes one DIRECTORY, not also ${others.join(' ')}`);
  const { guest, vmid, firecracker, hyperkit, loopback = false, control = false, json = false } = values;
  const medium = loopback ? 'loopback' : undefined;
  if (guest === undefined) {
    const [ofGuest] = Object.keys(values).filter((name) => name !== 'loopback' && name !== 'json');
    if (ofGuest !== undefined) throw new UsageError(`--${ofGuest} needs --guest`);
    return { directory, medium, json, guest: undefined };
  }
  const faults: Record<string, unknown> = {};
  for (const [option, fault] of Object.entries(numbers) as [keyof typeof numbers, keyof Faults][]) {
    const text = values[option];
    if (text !== undefined) faults[fault] = readNumber(`--${option}`, text);
  }
  if (values['no-half-close']) faults['halfClose'] = false;
  return {
    directory,
    medium,
    json,
    guest: {
      cid: readNumber('--guest', guest),
      vmId: vmid,
      exposures: { firecracker, hyperkit },
      faults: control || Object.keys(faults).length > 0 ? faults : undefined,
      control,
    },
  };
}

export function readNumber(option: string, text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new UsageError(`${option} must be a number, not ${JSON.stringify(text)}`);
  return Number(text);
}
