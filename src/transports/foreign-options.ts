// Options of one transport that another has no use for: refused, not ignored.
import { invalidArgument } from '../errors.ts';
import type { AttemptOptions, BufferOptions, ListenerOptions, PathOptions } from './transport.ts';

const pathOptions: readonly (keyof PathOptions)[] = ['mode', 'uid', 'gid'];

const vsockOptions: readonly (keyof AttemptOptions | keyof BufferOptions)[] = [
  'localPort',
  'toHost',
  'bufferSize',
  'bufferMinSize',
  'bufferMaxSize',
];

export function refusePathOptions(options: ListenerOptions): void {
  refuse(options, pathOptions, 'absent: only a hybrid address has a file');
}

export function refuseVsockOptions(options: AttemptOptions | ListenerOptions): void {
  refuse(options, vsockOptions, 'absent: unix sockets do not have it');
}

function refuse(options: object, names: readonly string[], expected: string): void {
  for (const name of names) {
    const value = (options as Record<string, unknown>)[name];
    if (value !== undefined) throw invalidArgument(name, value, expected);
  }
}
