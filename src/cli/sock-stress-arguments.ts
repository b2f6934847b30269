// What a command line of sock_stress means.
import { randomInt } from 'node:crypto';
import { readSeconds, UsageError } from './arguments.ts';
import { type FlagForm, type GoFlags, readGoFlags, readSwitch } from './go-flags.ts';
import type { Range } from './stress-data.ts';
import { readTarget, type Target } from './stress-target.ts';

interface StressRun {
  readonly target: Target;
  /** Milliseconds that one read or write may take. */
  readonly timeout: number;
  /** Whether the first failure ends everything. */
  readonly exitOnError: boolean;
  readonly verbose: number;
}

export interface StressServerRun extends StressRun {
  readonly role: 'server';
}

export interface StressClientRun extends StressRun {
  readonly role: 'client';
  /** Perhaps Infinity. */
  readonly connections: number;
  readonly parallel: number;
  readonly lengths: Range;
  readonly sizes: Range;
  /** Milliseconds between a connection and the next. */
  readonly pause: number;
  /** Milliseconds after which none begins any more. */
  readonly duration: number | undefined;
  readonly seed: number;
  readonly halfClose: boolean;
}

const forms = {
  c: 'value',
  s: 'value',
  i: 'value',
  p: 'value',
  L: 'value',
  l: 'value',
  B: 'value',
  b: 'value',
  w: 'value',
  e: 'switch',
  v: 'level',
  seed: 'value',
  duration: 'value',
  timeout: 'value',
  'no-shutdown': 'switch',
  json: 'switch',
  h: 'switch',
  help: 'switch',
  version: 'switch',
} as const satisfies Record<string, FlagForm>;

type Flags = GoFlags<keyof typeof forms>;

const ofClient = ['i', 'p', 'L', 'l', 'B', 'b', 'w', 'seed', 'duration', 'no-shutdown'] as const;

const DEFAULT_CONNECTIONS = 100;
const DEFAULT_LENGTH = 65536;
const DEFAULT_SIZE = 16384;
const DEFAULT_TIMEOUT = 60_000; // milliseconds
const LARGEST_SIZE = 2 ** 30;
const LARGEST_SEED = 2 ** 32 - 1;

export interface SockStressCommandLine {
  readonly show: 'help' | 'version' | undefined;
  readonly json: boolean;
  readonly verbose: number;
  /**
   * What to do, unless something is to be shown.
   * @throws UsageError
   */
  readRun(): StressClientRun | StressServerRun;
}

/** @throws UsageError */
export function readSockStressCommandLine(args: readonly string[]): SockStressCommandLine {
  const flags = readGoFlags(args, forms);
  const help = readSwitch('-h', flags.h) || readSwitch('--help', flags.help);
  const verbose = readCount('-v', flags.v, 0, { least: 0, most: 2 });
  return {
    show: help ? 'help' : readSwitch('--version', flags.version) ? 'version' : undefined,
    json: readSwitch('--json', flags.json),
    verbose,
    readRun: () => readRun(flags, verbose),
  };
}

function readRun(flags: Flags, verbose: number): StressClientRun | StressServerRun {
  const { c, s } = flags;
  if (c !== undefined && s !== undefined) throw new UsageError('-c and -s exclude each other: be client or server');
  const exitOnError = readSwitch('-e', flags.e);
  const timeout = flags.timeout === undefined ? DEFAULT_TIMEOUT : readSeconds('--timeout', flags.timeout);
  if (s !== undefined) {
    const foreign = ofClient.find((name) => flags[name] !== undefined);
    if (foreign !== undefined) throw new UsageError(`${flagText(foreign)} is for the client, not with -s`);
    return { role: 'server', target: readTarget(s, 'listen'), timeout, exitOnError, verbose };
  }
  if (c === undefined) throw new UsageError('-c ADDRESS or -s ADDRESS is needed');
  const { duration: durationText } = flags;
  const duration = durationText === undefined ? undefined : readSeconds('--duration', durationText);
  const unlimited = duration === undefined ? DEFAULT_CONNECTIONS : Number.POSITIVE_INFINITY;
  const target = readTarget(c, 'connect');
  return {
    role: 'client',
    target,
    timeout,
    exitOnError,
    verbose,
    connections: readCount('-i', flags.i, unlimited, { least: 1, most: Number.MAX_SAFE_INTEGER }),
    parallel: readCount('-p', flags.p, 1, { least: 1, most: 100_000 }),
    lengths: readRange(flags, ['L', 'l'], [0, DEFAULT_LENGTH], { least: 0, most: Number.MAX_SAFE_INTEGER }),
    sizes: readRange(flags, ['B', 'b'], [DEFAULT_SIZE, DEFAULT_SIZE], { least: 1, most: LARGEST_SIZE }),
    pause: flags.w === undefined ? 0 : readSeconds('-w', flags.w, { zero: true }),
    duration,
    seed: readCount('--seed', flags.seed, randomInt(LARGEST_SEED), { least: 0, most: LARGEST_SEED }),
    halfClose: target.halfClose && !readSwitch('--no-shutdown', flags['no-shutdown']),
  };
}

function readRange(flags: Flags, names: ['L', 'l'] | ['B', 'b'], defaults: [number, number], limits: Range): Range {
  const [smallest, largest] = names;
  const least = readCount(`-${smallest}`, flags[smallest], defaults[0], limits);
  const most = readCount(`-${largest}`, flags[largest], defaults[1], limits);
  if (least > most) throw new UsageError(`-${smallest} must be at most -${largest}, ${most}, not ${least}`);
  return { least, most };
}

function readCount(flag: string, text: string | undefined, byDefault: number, { least, most }: Range): number {
  if (text === undefined) return byDefault;
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (count >= least && count <= most) return count;
  throw new UsageError(`${flag} must be an integer from ${least} to ${most}, not ${JSON.stringify(text)}`);
}

const flagText = (name: string) => (name.length === 1 ? `-${name}` : `--${name}`);
