// The address of a machine whose monitor maps vsock to unix sockets: a path, a port, and the dialect spoken there.
// Knows the names that each dialect derives from its path, and opens none of them.
import { invalidAddress, invalidArgument } from '../errors.ts';
import { checkFields, uint32Field } from './field.ts';
import { inspectAsText } from './inspection.ts';

/**
 * How a monitor maps ports to unix sockets: `firecracker` (Cloud Hypervisor and vhost-device-vsock too), `hyperkit`,
 * or `unix`, one socket for one port (vfkit, libkrun).
 */
export type Dialect = 'firecracker' | 'hyperkit' | 'unix';

interface DialectRules {
  readonly hasPort: boolean;
  /** Whether the monitor keeps one direction open when the other ends. */
  readonly halfClose: boolean;
  /** The name of the socket that a connection to the guest goes to. */
  connectPath(path: string, port: number): string;
  /** The name of the socket that the guest's connections arrive at. */
  listenPath(path: string, port: number): string;
}

// Firecracker docs/vsock.md; HyperKit src/lib/pci_virtio_sock.c, where 2 is the host's CID.
const dialects: Readonly<Record<Dialect, DialectRules>> = {
  // Firecracker and Cloud Hypervisor reset the guest's side when the host's program ends its own.
  firecracker: {
    hasPort: true,
    halfClose: false,
    connectPath: (path) => path,
    listenPath: (path, port) => `${path}_${port}`,
  },
  hyperkit: {
    hasPort: true,
    halfClose: true,
    connectPath: (path) => `${path}/connect`,
    listenPath: (path, port) => `${path}/00000002.${port.toString(16).padStart(8, '0')}`,
  },
  unix: {
    hasPort: false,
    halfClose: true,
    connectPath: (path) => path,
    listenPath: (path) => path,
  },
};

/** The schemes of text, and the dialect that each means. Formatting uses the dialect's own name. */
export const dialectOfScheme: ReadonlyMap<string, Dialect> = new Map([
  ['firecracker', 'firecracker'],
  ['cloud-hypervisor', 'firecracker'],
  ['vsock-mux', 'firecracker'],
  ['hyperkit', 'hyperkit'],
  ['unix', 'unix'],
]);

/** What a `HybridAddress` is made from. */
export interface HybridFields {
  readonly family?: 'hybrid' | undefined;
  /** `firecracker` with a port and `unix` without, unless given. */
  readonly dialect?: Dialect | undefined;
  /** Absolute, at most 107 bytes long (103 on macOS) with what the dialect adds to it. For `hyperkit` a directory. */
  readonly path: string;
  /** Unsigned 32-bit; compulsory but for `unix`, which has none. */
  readonly port?: number | undefined;
}

export interface PathLimitOptions {
  /** Whose limit on the length of a path; this machine's unless given. */
  readonly platform?: NodeJS.Platform | undefined;
}

/** Whether addresses of the dialect have a port. */
export function dialectHasPort(dialect: Dialect): boolean {
  return dialects[dialect].hasPort;
}

/** Whether the monitors that speak the dialect keep one direction of a connection open when the other ends. */
export function dialectHalfCloses(dialect: Dialect): boolean {
  return dialects[dialect].halfClose;
}

/** A unix-socket path, its dialect and, but for `unix`, a port. Immutable. */
export class HybridAddress {
  readonly family = 'hybrid' as const;
  readonly dialect: Dialect;
  /** Absolute, and taken literally: no percent-encoding, no normalisation. */
  readonly path: string;
  /** Unsigned 32-bit; absent for `unix`. */
  declare readonly port?: number;

  /**
   * @throws ERR_HVSOCK_INVALID_ARGUMENT naming the field that is of a wrong type or range;
   * ERR_HVSOCK_INVALID_ADDRESS for a path that cannot be a socket's
   */
  constructor(fields: HybridFields, options: PathLimitOptions = {}) {
    checkFields(fields, 'hybrid', ['dialect', 'path', 'port']);
    const { path, port, dialect = port === undefined ? 'unix' : 'firecracker' } = fields;
    this.dialect = dialectField(dialect);
    if (typeof path !== 'string') throw invalidArgument('path', path, 'a string');
    this.path = path;
    if (dialects[this.dialect].hasPort) this.port = uint32Field('port', port);
    else if (port !== undefined) throw invalidArgument('port', port, 'absent in the unix dialect');

    const problem = pathProblem(this, options);
    if (problem !== undefined) throw invalidAddress(this.toString(), problem);
    Object.freeze(this);
  }

  /** The name of the unix socket that a connection to the guest goes to. */
  get connectPath(): string {
    return dialects[this.dialect].connectPath(this.path, this.port ?? 0);
  }

  /** The name of the unix socket that the guest's connections to this port arrive at. */
  get listenPath(): string {
    return dialects[this.dialect].listenPath(this.path, this.port ?? 0);
  }

  /** The same path and dialect, with another port. */
  withPort(port: number): HybridAddress {
    return new HybridAddress({ dialect: this.dialect, path: this.path, port });
  }

  /** `firecracker://:52/run/vm.sock`, `hyperkit://:80/run/vm`, `unix:///run/vm.sock`. */
  toString(): string {
    return `${this.dialect}://${this.port === undefined ? '' : `:${this.port}`}${this.path}`;
  }

  toJSON(): { family: 'hybrid'; dialect: Dialect; path: string; port?: number } {
    const { family, dialect, path, port } = this;
    return port === undefined ? { family, dialect, path } : { family, dialect, path, port };
  }

  equals(other: unknown): boolean {
    return (
      other instanceof HybridAddress &&
      other.dialect === this.dialect &&
      other.path === this.path &&
      other.port === this.port
    );
  }

  static {
    inspectAsText(HybridAddress);
  }
}

function dialectField(value: unknown): Dialect {
  if (typeof value !== 'string' || !Object.hasOwn(dialects, value)) {
    throw invalidArgument('dialect', value, `one of ${Object.keys(dialects).join(', ')}`);
  }
  return value as Dialect;
}

/** Why a path cannot be a socket's; undefined when it can. */
export function pathProblem(
  address: { readonly dialect: Dialect; readonly path: string; readonly port?: number | undefined },
  options: PathLimitOptions = {},
): string | undefined {
  const { dialect, path, port = 0 } = address;
  if (path === '') return 'the path is missing';
  if (!path.startsWith('/')) return `the path ${JSON.stringify(path)} must be absolute, beginning with a slash`;
  if (path.includes('\0')) return 'a path cannot hold a NUL character';
  // The system gets UTF-8, where half a surrogate pair would silently become another name.
  if (/\p{Surrogate}/u.test(path)) return 'the path holds half a surrogate pair, which no file name can';

  const { platform = process.platform } = options;
  const limit = platform === 'darwin' ? 103 : 107; // sun_path, less its closing NUL
  const { connectPath, listenPath } = dialects[dialect];
  for (const name of [listenPath(path, port), connectPath(path, port)]) {
    const length = Buffer.byteLength(name);
    if (length <= limit) continue;
    const added = name.slice(path.length);
    const counted = added === '' ? '' : `, with the ${JSON.stringify(added)} that its dialect adds,`;
    return `the path${counted} is ${length} bytes long, and a unix socket's name has at most ${limit}`;
  }
  return undefined;
}
