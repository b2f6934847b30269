// What both roles of a stress test work with, and what they do about a connection that has failed.
import { errorFields, errorText, type Reporter } from './reporter.ts';
import type { StopSignal } from './stop-signal.ts';
import { failureKind, type StressTally } from './stress-tally.ts';

export interface StressContext {
  readonly reporter: Reporter;
  readonly stop: StopSignal;
  readonly tally: StressTally;
}

/**
 * Counts a failure. Everybody is told of the first one of its kind, and of the others with `-v`: a thousand lines of one
 * cause say no more than the count.
 * @param number of the connection
 */
export function recordFailure({ reporter, tally }: StressContext, number: number, error: Error): void {
  const kind = failureKind(error);
  const isFirst = tally.addFailure(kind);
  const text = `connection ${number}: ${errorText(error)}`;
  const fields = { number, ...errorFields(error), kind };
  if (isFirst) reporter.fail(new Error(text), fields);
  else reporter.tell('error', fields, text);
}
