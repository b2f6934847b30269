// stdin and stdout as streams that lose nothing, whatever is behind them.
import { createReadStream, createWriteStream, fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { isatty } from 'node:tty';

export interface StandardInput {
  readonly stream: Readable;
  /** file: never keeps one waiting; terminal: somebody sits there; other: a pipe or a socket. */
  readonly type: 'file' | 'terminal' | 'other';
}

// process.stdin and process.stdout are right for terminals, pipes and sockets. For the rest they are not: the one takes
// a disk for an empty file, the other writes with one call and looks neither how much was written nor at errors.

export function openStandardInput(): StandardInput {
  const { stdin } = process;
  const stream = stdin instanceof Socket ? stdin : createReadStream('', { fd: 0, autoClose: false });
  if (isatty(0)) return { stream, type: 'terminal' };
  const stat = fstatSync(0);
  return { stream, type: stat.isFile() || stat.isBlockDevice() ? 'file' : 'other' };
}

export function openStandardOutput(): Writable {
  const { stdout } = process;
  return stdout instanceof Socket ? stdout : createWriteStream('', { fd: 1, autoClose: false });
}
