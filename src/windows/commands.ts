// Runs the programs that come with Windows, all of one task within one time limit. Knows no program and no answer.
import { execFile } from 'node:child_process';
import { win32 } from 'node:path';
import { checkFunction, checkMilliseconds, checkSignal } from '../checks.ts';
import { HvsockError } from '../errors.ts';

/** How a program ended. */
export interface CommandOutcome {
  /** The exit status; null for one that was ended. */
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/**
 * Runs a program to its end, with nothing on its stdin. Rejects, with the `code` of the system's error, if it cannot be
 * started, and when the signal says so.
 */
export type CommandRunner = (
  program: string,
  args: readonly string[],
  options: { readonly signal: AbortSignal },
) => Promise<CommandOutcome>;

/** How Windows is asked. */
export interface WindowsOptions {
  /** Milliseconds that all of it may take; then ETIMEDOUT, kind `timeout`. Default: 30000. */
  readonly timeout?: number | undefined;
  /** Ends it with ABORT_ERR, kind `aborted`. */
  readonly signal?: AbortSignal | undefined;
  /** Runs Windows' programs; for tests, which need no Windows with it. Default: they are run. */
  readonly run?: CommandRunner | undefined;
}

/** PowerShell alone takes seconds to start on a busy machine. */
const DEFAULT_TIMEOUT = 30_000;
/** More than any of these programs says; what says more is not what was called. */
const OUTPUT_MAX = 64 * 1024 * 1024;

/** The programs that one task runs. */
export class Commands {
  readonly #task: string;
  readonly #options: WindowsOptions;
  readonly #timeout: number;
  readonly #deadline: AbortSignal;
  readonly #signal: AbortSignal;

  /**
   * @param task what is being done, for messages: `listing services`
   * @throws ERR_HVSOCK_INVALID_ARGUMENT; ERR_HVSOCK_UNSUPPORTED where there is no Windows, and no `run` in its place
   */
  constructor(task: string, options: WindowsOptions) {
    const { timeout = DEFAULT_TIMEOUT, signal, run } = options;
    checkMilliseconds('timeout', timeout);
    checkSignal(signal);
    checkFunction('run', run);
    if (run === undefined && process.platform !== 'win32') {
      throw new HvsockError(`${task}: Windows only`, { code: 'ERR_HVSOCK_UNSUPPORTED', kind: 'unsupported' });
    }
    this.#task = task;
    this.#options = options;
    this.#timeout = timeout;
    this.#deadline = AbortSignal.timeout(timeout);
    this.#signal = signal === undefined ? this.#deadline : AbortSignal.any([signal, this.#deadline]);
  }

  /**
   * Runs a program of Windows' own, given by its path in System32, and returns how it ended, whatever its status.
   * Rejects with kind `timeout`, `aborted`, `unsupported` (it is not there), `permission` (it may not be run) or `unknown`.
   */
  async run(program: string, ...args: string[]): Promise<CommandOutcome> {
    const { signal, run = runProgram } = this.#options;
    // By its full path, so that nothing of that name in the current folder is run instead.
    const path = win32.join(process.env['SystemRoot'] ?? 'C:\\Windows', 'System32', program);
    try {
      if (this.#signal.aborted) throw this.#signal.reason;
      return await run(path, args, { signal: this.#signal });
    } catch (cause) {
      if (signal?.aborted) {
        throw this.error('the operation was aborted', { code: 'ABORT_ERR', kind: 'aborted', cause: signal.reason });
      }
      if (this.#deadline.aborted) {
        const message = `${path} has not answered within ${this.#timeout} ms`;
        throw this.error(message, { code: 'ETIMEDOUT', kind: 'timeout', cause });
      }
      throw this.#startError(path, cause as NodeJS.ErrnoException);
    }
  }

  /** An error of this task. */
  error(message: string, properties: ConstructorParameters<typeof HvsockError>[1]): HvsockError {
    return new HvsockError(`${this.#task}: ${message}`, properties);
  }

  /** ERR_HVSOCK_COMMAND: a program failed, in its own words. */
  failure(program: string, { status, stdout, stderr }: CommandOutcome): HvsockError {
    const words = firstLine(stderr) || firstLine(stdout);
    const message = `${program} failed with status ${status}${words === '' ? '' : `: ${words}`}`;
    return this.error(message, { code: 'ERR_HVSOCK_COMMAND', kind: 'unknown' });
  }

  #startError(path: string, cause: NodeJS.ErrnoException): HvsockError {
    const { code } = cause;
    if (code === 'ENOENT') {
      return this.error(`this Windows has no ${path}`, { code: 'ERR_HVSOCK_COMMAND', kind: 'unsupported', cause });
    }
    const kind = code === 'EACCES' || code === 'EPERM' ? 'permission' : 'unknown';
    return this.error(`${path} cannot be run: ${cause.message}`, { code: 'ERR_HVSOCK_COMMAND', kind, cause });
  }
}

/** What a program said first. Its code page is not known; what is no UTF-8 loses its accents. */
function firstLine(output: Buffer): string {
  return output.toString().trim().split(/\r?\n/, 1)[0] ?? '';
}

const runProgram: CommandRunner = (program, args, { signal }) =>
  new Promise((resolve, reject) => {
    const settings = {
      encoding: 'buffer',
      windowsHide: true,
      maxBuffer: OUTPUT_MAX,
      env: environment(),
      signal,
    } as const;
    const child = execFile(program, args, settings, (error, stdout, stderr) => {
      // A number is the status of a program that ran to its end; a text says why it did not.
      if (error !== null && (typeof error.code === 'string' || signal.aborted)) reject(error);
      else resolve({ status: child.exitCode, stdout, stderr });
    });
    // PowerShell may wait for the end of its input.
    child.stdin?.on('error', () => {}).end();
  });

/** Without the modules of a PowerShell 7 that this process was started from: Windows PowerShell cannot load them. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => name.toLowerCase() !== 'psmodulepath'));
}
