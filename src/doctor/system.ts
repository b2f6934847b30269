// What the doctor may look at, and how: nothing in here changes the system. Injected, so that every finding can be had
// in a test. Nothing here runs.
import type { HypervAddress } from '../address/hyperv.ts';
import type { WindowsOptions } from '../windows/index.ts';

/** 'ok', or the system's code for why not: 'EPERM', 'ENOENT', … */
export type Outcome = string;

/** Calls that take the addon. Each leaves nothing behind. */
export interface Probes {
  /** Opens a socket and closes it. */
  open(family: number, type: number, protocol: number): Outcome;
  /** Opens a socket, binds it, and closes it. */
  bind(family: number, type: number, protocol: number, address: Uint8Array): Outcome;
  /** Connects to a unix socket with a socket of this type. */
  connectUnix(path: string, type: number): Outcome;
  /** The CID that `/dev/vsock` tells, or why it does not. */
  cid(): number | Outcome;
}

export interface System {
  readonly platform: string;
  readonly release: string;
  readonly arch: string;
  /** Of Node.js. */
  readonly version: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  /** The text of a file; undefined where there is none, or it may not be read. */
  read(path: string): string | undefined;
  /** The names in a directory; none where there is none. */
  list(path: string): readonly string[];
  exists(path: string): boolean;
  /** What is at a path, links followed, or why that cannot be told. */
  typeOf(path: string): 'socket' | 'directory' | 'other' | Outcome;
  /** Whether this process may read, or read and write. Does not open it. */
  access(path: string, mode: 'r' | 'w' | 'rw'): Outcome;
  /** How Windows is asked. */
  readonly windows: WindowsOptions;
  /**
   * Sends bytes over AF_HYPERV to oneself, or to this machine, and has them echoed: milliseconds. Rejects where they do not
   * come back.
   */
  echo(io: 'direct' | 'threads', machine?: HypervAddress): Promise<number>;
  /** An error where no addon loads. */
  readonly probes: Probes | Error;
}
