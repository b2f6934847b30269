// A child process that answers in lines: "ready" first, then one number for each line that it is sent.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

export class Program {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #command: readonly string[];

  private constructor(command: readonly string[]) {
    const [file = '', ...args] = command;
    this.#command = command;
    this.#child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    // One that has ended is told by its lines' end.
    this.#child.stdin?.on('error', () => {});
    this.#lines = createInterface({ input: this.#child.stdout as NonNullable<ChildProcess['stdout']> })[
      Symbol.asyncIterator
    ]();
  }

  /** Starts the command, which is ready when this is fulfilled. */
  static async start(command: readonly string[]): Promise<Program> {
    const program = new Program(command);
    const line = await program.#readLine();
    if (line !== 'ready') throw new Error(`${command.join(' ')}: said ${line}`);
    return program;
  }

  async #readLine(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done) throw new Error(`ended early: ${this.#command.join(' ')}`);
    return value;
  }

  /** One round: its result. */
  async round(): Promise<number> {
    this.#child.stdin?.write('\n');
    return Number(await this.#readLine());
  }

  /** Processor time so far, its threads' and its ended children's included, in ticks of a hundredth: man proc_pid_stat(5). */
  get processorSeconds(): number {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0) / 100;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}
