// sock_stress as a child process, the built file that ships.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

export const sockStressPath: string = fileURLToPath(import.meta.resolve('#src/cli/sock-stress.js'));

export interface Ending {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The summary of `--json`, as far as tests look at it. */
export interface Summary {
  readonly address: string;
  readonly seed: number;
  readonly stopped?: string;
  readonly connections: { readonly succeeded: number; readonly failed: number; readonly unfinished: number };
  readonly failures: Record<string, number>;
  readonly sent: number;
  readonly received: number;
  readonly connect: Record<string, number | null>;
  readonly exchange: Record<string, number | null>;
}

export class SockStressProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ending>;
  #stderr = '';

  /** Is killed when the test is done, if it is still there. */
  constructor(context: TestContext, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const child = spawn(process.execPath, [sockStressPath, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.child = child;
    context.after(() => child.kill('SIGKILL'));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stderr += chunk;
    });
    this.ended = Promise.all([once(child, 'close'), text(child.stdout)]).then(([[status], stdout]) => ({
      status,
      stdout,
      stderr: this.#stderr,
    }));
  }

  /** Waits until stderr matches; rejects if it ends without. */
  async stderr(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#stderr);
      if (match !== null) return match;
      const ending = await Promise.race([this.ended, once(this.child.stderr as NodeJS.ReadableStream, 'data')]);
      if ('status' in ending) throw new Error(`ended without ${pattern} on stderr: ${this.#stderr}`);
    }
  }

  /** Asks it to end by SIGINT. */
  stop(): Promise<Ending> {
    this.child.kill('SIGINT');
    return this.ended;
  }
}

/** Runs it to its end. */
export function runSockStress(
  context: TestContext,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Ending> {
  return new SockStressProcess(context, args, env).ended;
}

/** A server that listens; its address. */
export async function startServer(
  context: TestContext,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ server: SockStressProcess; address: string }> {
  const server = new SockStressProcess(context, ['-v', '1', ...args], env);
  const [, address = ''] = await server.stderr(/listening on (\S+)\n/);
  return { server, address };
}

/** A client with `--json`, run to its end: its status and what it tells. */
export async function runClient(
  context: TestContext,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ status: number | null; summary: Summary; stderr: string }> {
  const { status, stdout, stderr } = await runSockStress(context, ['--json', ...args], env);
  if (stdout === '') throw new Error(`no summary, but status ${status}: ${stderr}`);
  return { status, summary: JSON.parse(stdout), stderr };
}
