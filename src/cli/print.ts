// What a tool says of itself when asked.
import { readFileSync } from 'node:fs';

/** Writes to stdout; the exit status. */
export function print(text: string): number {
  // A pager that has been left is no failure.
  process.stdout.on('error', () => {});
  process.stdout.write(text);
  return 0;
}

export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
