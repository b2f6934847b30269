// Command lines, for every tool: node:util's parseArgs, options whose value may be left out, and refusals in one line.
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** A command line that cannot be meant. Its message is one line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

type OptionTable = NonNullable<ParseArgsConfig['options']>;

export type CommandLine<T extends OptionTable> = ReturnType<
  typeof parseArgs<{ args: string[]; options: T; allowPositionals: true }>
>;

/**
 * Reads a command line. An option named in `optionalValues` may stand alone and is then the empty string; its value
 * can only follow after `=`.
 * @throws UsageError
 */
export function readCommandLine<const T extends OptionTable>(
  args: readonly string[],
  options: T,
  optionalValues: readonly string[] = [],
): CommandLine<T> {
  const alone = new Set(optionalValues.map((name) => `--${name}`));
  const optionsEnd = args.includes('--') ? args.indexOf('--') : args.length;
  const completed = args.map((arg, index) => (index < optionsEnd && alone.has(arg) ? `${arg}=` : arg));
  try {
    return parseArgs({ args: completed, options, allowPositionals: true });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!code?.startsWith('ERR_PARSE_ARGS_')) throw error;
    // Its first sentence says what is wrong; the others are about shells.
    const sentence = message.split(/\.\s|\n/, 1)[0] ?? message;
    throw new UsageError(sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/, ''));
  }
}

/** The longest time that a timer of Node's can take, in seconds. */
const LONGEST_SECONDS = (2 ** 31 - 1) / 1000;

/**
 * The milliseconds of an option given in seconds.
 * @throws UsageError naming the option
 */
export function readSeconds(option: string, text: string, { zero = false }: { zero?: boolean } = {}): number {
  const seconds = /^(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
  // A millisecond is the least that a timer knows.
  const least = zero ? 0 : 0.001;
  if (!(seconds >= least && seconds <= LONGEST_SECONDS)) {
    const expected = zero ? 'a number of seconds' : 'a number of seconds above 0';
    throw new UsageError(`${option} must be ${expected}, not ${JSON.stringify(text)}`);
  }
  return Math.ceil(seconds * 1000);
}
