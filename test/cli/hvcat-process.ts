// hvcat as a child process, the built file that ships, and the events that tests wait for.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const hvcatPath: string = fileURLToPath(import.meta.resolve('#src/cli/hvcat.js'));

/** Milliseconds after which a line that has not come will not come; the kernels of test/vm are slow. */
const STDERR_LIMIT = 30_000;

type Stdio = 'pipe' | 'ignore' | number;

export interface Ending {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface HvcatProcessOptions {
  readonly stdin?: Stdio;
  readonly stdout?: Stdio;
  readonly env?: NodeJS.ProcessEnv;
  /** What is run, if not hvcat. */
  readonly command?: readonly string[];
}

export class HvcatProcess {
  readonly child: ChildProcess;
  /** When it has ended and everything it wrote has been read. */
  readonly ended: Promise<Ending>;
  #stderr = '';
  #hasEnded = false;
  #stderrOnText: () => void = () => {};

  constructor(
    args: readonly string[],
    { stdin = 'pipe', stdout = 'pipe', env = {}, command = [process.execPath, hvcatPath] }: HvcatProcessOptions = {},
  ) {
    const stdio: Stdio[] = [stdin, stdout, 'pipe'];
    const [file = '', ...rest] = command;
    this.child = spawn(file, [...rest, ...args], { stdio, env: { ...process.env, ...env } });
    const chunks: Buffer[] = [];
    this.child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A test that closes one end too early learns it from the status.
    this.child.stdin?.on('error', () => {});
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.#stderrOnText();
    });
    this.ended = once(this.child, 'close').then(([status, signal]) => {
      this.#hasEnded = true;
      this.#stderrOnText();
      return { status, signal, stdout: Buffer.concat(chunks).toString('latin1'), stderr: this.#stderr };
    });
  }

  /** Waits until stderr matches; rejects if hvcat ends without. */
  async stderr(pattern: RegExp): Promise<RegExpExecArray> {
    const limit = setTimeout(() => this.child.kill('SIGKILL'), STDERR_LIMIT);
    for (;;) {
      const match = pattern.exec(this.#stderr);
      if (match !== null) {
        clearTimeout(limit);
        return match;
      }
      if (this.#hasEnded) throw new Error(`hvcat ended without ${pattern} on stderr: ${this.#stderr}`);
      await new Promise<void>((resolve) => {
        this.#stderrOnText = resolve;
      });
    }
  }

  /** Waits until it listens; the port. */
  async port(): Promise<number> {
    return Number((await this.stderr(/listening on vsock:\/\/\d*:(\d+)\n/))[1]);
  }

  /** The most memory it has had so far, in MB. */
  get peakMemory(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1000;
  }
}

/** Runs hvcat to its end with this on stdin. */
export function runHvcat(args: readonly string[], input: string | Buffer = ''): Promise<Ending> {
  const hvcat = new HvcatProcess(args);
  hvcat.child.stdin?.end(input);
  return hvcat.ended;
}
