// Other programs, started and awaited.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

/** The program that plays the other end. */
export const peerProgram: string = fileURLToPath(new URL('../vsock/peer.js', import.meta.url));

/** A program that runs beside the test and ends with it. */
export interface Companion {
  readonly process: ChildProcess;
  /** The next line that it prints. */
  line(): Promise<string>;
}

export function accompany(context: TestContext, command: string, ...args: string[]): Companion {
  return accompanyWith(context, {}, command, ...args);
}

/** The same with variables of the environment, over this process's own. */
export function accompanyWith(
  context: TestContext,
  variables: NodeJS.ProcessEnv,
  command: string,
  ...args: string[]
): Companion {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...variables } });
  // Its exit is not enough: what it is read through is open until 'close'.
  const closed = new Promise((resolve) => child.once('close', resolve));
  context.after(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    process: child,
    async line() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${command} ${args.join(' ')}: no more lines`);
      return value as string;
    },
  };
}

export const accompanyPeer = (context: TestContext, ...args: string[]): Companion =>
  accompany(context, process.execPath, peerProgram, ...args);
