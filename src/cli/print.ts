// What a tool says of itself when asked, and the results of those that have some.
import { readFileSync } from 'node:fs';

/** Writes to stdout; the exit status. That it could not be written is told when the process ends, with status 1. */
export function print(text: string): number {
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    // A pager that has been left is no failure.
    if (code === 'EPIPE') return;
    process.stderr.write(`stdout: ${message}\n`);
    process.once('exit', () => {
      process.exitCode = 1;
    });
  });
  process.stdout.write(text);
  return 0;
}

export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
