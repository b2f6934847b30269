// What a command line of `hvsock vms` means.
import { readCommandLine, UsageError } from './arguments.ts';

/** One run of `hvsock vms`. */
export interface VmsRun {
  readonly json: boolean;
}

/**
 * Undefined where help is asked for.
 * @throws UsageError
 */
export function readVmsCommandLine(args: readonly string[]): VmsRun | undefined {
  const { values, positionals } = readCommandLine(args, {
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) return undefined;
  if (positionals.length > 0) throw new UsageError(`vms takes no argument, not ${JSON.stringify(positionals[0])}`);
  return { json: values.json ?? false };
}
