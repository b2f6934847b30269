// Checks of options that every layer's functions take, each refused in a sentence that names it.
import { invalidArgument } from './errors.ts';

/** The longest time that a timer of Node's can take, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

export function checkMilliseconds(name: string, value: number | undefined): void {
  if (value === undefined) return;
  if (typeof value !== 'number' || !(value > 0 && value <= LONGEST_TIMER)) {
    throw invalidArgument(name, value, `a positive number of milliseconds, at most ${LONGEST_TIMER}`);
  }
}

export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalidArgument('signal', signal, 'an AbortSignal');
  }
}

export function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw invalidArgument(name, value, 'a function');
}
