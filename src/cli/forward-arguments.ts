// What a command line of `hvsock forward` means.
import { readCommandLine, readSeconds, UsageError } from './arguments.ts';
import { type ForwardEnd, readForwardEnd } from './forward-end.ts';

/** One run of `hvsock forward`. Times are in milliseconds. */
export interface ForwardRun {
  readonly listen: ForwardEnd;
  readonly connect: ForwardEnd;
  /** The CIDs that may connect; undefined for everybody. */
  readonly allowed: ReadonlySet<number> | undefined;
  readonly maxConnections: number;
  readonly timeout: number | undefined;
  /** Perhaps Infinity. */
  readonly retryFor: number | undefined;
  readonly idleTimeout: number | undefined;
  readonly grace: number;
  readonly verbose: boolean;
  readonly json: boolean;
}

const options = {
  allow: { type: 'string' },
  'max-connections': { type: 'string' },
  timeout: { type: 'string' },
  retry: { type: 'string' },
  'idle-timeout': { type: 'string' },
  grace: { type: 'string' },
  verbose: { type: 'boolean', short: 'v' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const GRACE = 10_000;
const CID_MAX = 0xffff_ffff;

/**
 * Undefined where help is asked for.
 * @throws UsageError
 */
export function readForwardCommandLine(args: readonly string[]): ForwardRun | undefined {
  const { values, positionals } = readCommandLine(args, options, ['retry']);
  if (values.help) return undefined;
  const [listenText, connectText, ...others] = positionals;
  if (listenText === undefined || connectText === undefined) {
    throw new UsageError('forward needs two addresses: where to LISTEN and where to CONNECT');
  }
  if (others.length > 0) throw new UsageError(`two addresses are enough, and ${JSON.stringify(others[0])} is a third`);
  const listen = readForwardEnd(listenText, 'listen');
  const connect = readForwardEnd(connectText, 'connect');
  if (listen.type === 'standard' && connect.type === 'standard') throw new UsageError('- can be one of the two only');
  const seconds = (name: 'timeout' | 'idle-timeout') => {
    const text = values[name];
    return text === undefined ? undefined : readSeconds(`--${name}`, text);
  };
  const { allow, retry, grace, json = false } = values;
  if (connect.type === 'standard' && (retry ?? values.timeout) !== undefined) {
    throw new UsageError(`--${retry === undefined ? 'timeout' : 'retry'} is about connecting, and - is there already`);
  }
  return {
    listen,
    connect,
    allowed: allow === undefined ? undefined : readCids(allow, listen),
    maxConnections: readMaximum(values['max-connections'], listen),
    timeout: seconds('timeout'),
    retryFor: retry === undefined ? undefined : retry === '' ? Number.POSITIVE_INFINITY : readSeconds('--retry', retry),
    idleTimeout: seconds('idle-timeout'),
    grace: grace === undefined ? GRACE : readSeconds('--grace', grace, { zero: true }),
    verbose: values.verbose === true || json,
    json,
  };
}

function readCids(text: string, listen: ForwardEnd): ReadonlySet<number> {
  const isVsock = listen.type === 'systemd' || (listen.type === 'address' && listen.address.family === 'vsock');
  if (!isVsock) throw new UsageError('--allow is about vsock CIDs, and only vsock addresses tell them to LISTEN');
  return new Set(
    text.split(',').map((word) => {
      const cid = /^\d+$/.test(word) ? Number(word) : Number.NaN;
      if (cid <= CID_MAX) return cid;
      throw new UsageError(`--allow must be CIDs with commas between, as 3,4, not ${JSON.stringify(text)}`);
    }),
  );
}

function readMaximum(text: string | undefined, listen: ForwardEnd): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (listen.type === 'standard') throw new UsageError('--max-connections is about listening, and - is one connection');
  if (/^\d+$/.test(text) && Number(text) > 0) return Number(text);
  throw new UsageError(`--max-connections must be a number above 0, not ${JSON.stringify(text)}`);
}
