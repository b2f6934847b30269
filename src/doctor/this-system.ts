// The system that this process runs on, for the doctor to look at.
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { type HvsockError, systemCode } from '../errors.ts';
import type { Binding } from '../native/binding.ts';
import { loadBinding } from '../native/load.ts';
import { hypervTransport } from '../transports/hyperv.ts';
import { echo, exchange } from '../transports/hyperv-probe.ts';
import { systemCid } from '../transports/local-cid.ts';
import type { Outcome, Probes, System } from './system.ts';

const AF_UNIX = 1;
const { R_OK, W_OK } = constants;
/** Milliseconds for an echo of another machine's, which may be busy. */
const MACHINE_LIMIT = 5000;
const modes = { r: R_OK, w: W_OK, rw: R_OK | W_OK };

/** Looks when it is asked, each time anew; the addon is loaded when it is first asked for. */
export const thisSystem: System = {
  platform: process.platform,
  release: release(),
  arch: process.arch,
  version: process.version,
  environment: process.env,
  get uid() {
    return process.getuid?.() ?? 0;
  },
  read: (path) => attempt(() => readFileSync(path, 'utf8'), undefined),
  list: (path) => attempt(() => readdirSync(path), []),
  exists: existsSync,
  typeOf(path) {
    return outcomeOf(() => {
      const stat = statSync(path);
      return stat.isSocket() ? 'socket' : stat.isDirectory() ? 'directory' : 'other';
    });
  },
  access(path, mode) {
    return outcomeOf(() => {
      accessSync(path, modes[mode]);
      return 'ok';
    });
  },
  windows: {},
  echo: (io, machine) =>
    machine === undefined ? echo(hypervTransport, io) : exchange(hypervTransport, machine, io, MACHINE_LIMIT),
  get probes() {
    try {
      return probesOf(loadBinding());
    } catch (error) {
      return error as HvsockError;
    }
  },
};

function probesOf(binding: Binding): Probes {
  /** Opens a socket for `use`, which answers with 0 or an errno, and closes it. */
  const withSocket = (family: number, type: number, protocol: number, use: (fd: number) => number): Outcome => {
    const fd = binding.socket_open(family, type, protocol);
    if (fd < 0) return systemCode(fd);
    try {
      const result = use(fd);
      return result < 0 ? systemCode(result) : 'ok';
    } finally {
      binding.socket_close(fd);
    }
  };
  return {
    open: (family, type, protocol) => withSocket(family, type, protocol, () => 0),
    bind: (family, type, protocol, address) =>
      withSocket(family, type, protocol, (fd) => binding.socket_bind(fd, address)),
    connectUnix(path, type) {
      const address = Uint8Array.from([AF_UNIX, 0, ...Buffer.from(path), 0]);
      const fd = binding.socket_open(AF_UNIX, type, 0);
      if (fd < 0) return systemCode(fd);
      const started = binding.connect_start(fd, address, () => {});
      if (started === 0) binding.socket_close(fd);
      if (typeof started === 'object') binding.operation_cancel(started);
      return typeof started === 'number' && started < 0 ? systemCode(started) : 'ok';
    },
    cid() {
      try {
        return systemCid();
      } catch (error) {
        return (error as HvsockError).code;
      }
    },
  };
}

function attempt<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}

function outcomeOf(look: () => Outcome): Outcome {
  try {
    return look();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'EIO';
  }
}
