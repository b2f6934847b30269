// Runs a command to its end, for tests of what is shipped.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The project's root, seen from build/ts/test/package. */
export const root: string = fileURLToPath(new URL('../../../../', import.meta.url));

export interface Outcome {
  readonly status: number | null;
  /** stdout and stderr, as they came. */
  readonly output: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds until it is killed; enough for a package manager unless told otherwise. */
  readonly timeout?: number;
}

/** Runs a command and tells how it ended; rejects only if it could not be started. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const limits = { timeout: 300_000, killSignal: 'SIGKILL' } as const;
  const child = spawn(command, args, { cwd: root, ...limits, ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, output };
}

/** The same for a command that must succeed: its output. */
export async function runWell(command: string, args: readonly string[], options?: RunOptions): Promise<string> {
  const { status, output } = await run(command, args, options);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with status ${status}:\n${output}`);
  return output;
}
