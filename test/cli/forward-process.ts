// hvsock forward as a child process, the built file that ships.
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Ending, HvcatProcess, type HvcatProcessOptions } from './hvcat-process.ts';

const hvsock = [process.execPath, fileURLToPath(import.meta.resolve('#src/cli/hvsock.js'))];

export class ForwardProcess extends HvcatProcess {
  /** Ends with the test, if not before. */
  constructor(t: TestContext, args: readonly string[], options: HvcatProcessOptions = {}) {
    super(['forward', '-v', ...args], { command: hvsock, ...options });
    t.after(() => this.child.kill('SIGKILL'));
  }

  /** Waits until it listens; the address. */
  async address(): Promise<string> {
    return (await this.stderr(/listening on (\S+), for/))[1] ?? '';
  }

  /** Asks it to stop; on Windows, ends it at once. */
  stop(): Promise<Ending> {
    this.child.kill('SIGTERM');
    return this.ended;
  }
}

/** Starts it through a program that opens a listening socket as systemd does: blocking, as descriptor 3. */
export function activated(expression: string): readonly string[] {
  const program = [
    'import os, socket, sys',
    `s = ${expression}`,
    's.listen(16)',
    'os.dup2(s.fileno(), 3)',
    'os.set_inheritable(3, True)',
    'os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))',
    'os.execv(sys.argv[1], sys.argv[1:])',
  ].join('\n');
  return ['/usr/bin/python3', '-c', program, ...hvsock];
}
