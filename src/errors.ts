// The one error class, its kinds, and the one table that maps what a system says to what it means.
// Knows no socket and no address type: addresses arrive as text.
import { getSystemErrorMap, getSystemErrorName, inspect } from 'node:util';
import { windowsErrors } from './windows-errors.ts';

/** What an error means, the same on every transport and operating system. */
export const errorKinds = [
  'refused',
  'no-vm',
  'timeout',
  'aborted',
  'permission',
  'unsupported',
  'address-in-use',
  'address-not-available',
  'reset',
  'protocol',
  'invalid',
  'resources',
  'unknown',
] as const;

export type ErrorKind = (typeof errorKinds)[number];

/** A socket family of this library. */
export type Family = 'vsock' | 'hyperv' | 'hybrid';

/** When in a socket's life the error came: the same code means different things. */
export type Step = 'open' | 'connect' | 'listen' | 'stream';

export interface Row {
  readonly codes: readonly string[];
  readonly steps: readonly Step[];
  /** Only for this family; a row without one serves every family. */
  readonly family?: Family;
  readonly kind: ErrorKind;
  readonly advice: string;
}

const anyStep: readonly Step[] = ['open', 'connect', 'listen', 'stream'];

// The first row that fits wins, so a family's own rows stand before the general ones. docs/errors.md shows it to users.
// Sources: Linux net/vmw_vsock/*.c and drivers/vhost/vsock.c, man vsock(7), man unix(7).
export const errorRows: readonly Row[] = [
  {
    codes: ['ECONNRESET'],
    steps: ['connect'],
    kind: 'refused',
    advice: 'nobody listens on that port, or its backlog is full; start the listener, or retry',
  },
  {
    codes: ['ECONNREFUSED'],
    steps: ['connect'],
    kind: 'refused',
    advice: 'nobody listens there; start the listener, or retry',
  },
  {
    codes: ['EAGAIN'],
    steps: ['connect'],
    kind: 'refused',
    advice: 'the backlog of the listener at that path is full; retry',
  },
  {
    codes: ['ENODEV', 'ENETUNREACH', 'EHOSTUNREACH'],
    steps: ['open', 'connect'],
    family: 'hyperv',
    kind: 'no-vm',
    advice: 'no such virtual machine, or it does not run; "hvsock vms" lists those that there are',
  },
  {
    codes: ['EAGAIN'],
    steps: ['stream'],
    kind: 'resources',
    advice: 'the system makes no more threads; raise the limit (ulimit -u), or relay with io: streams',
  },
  {
    codes: ['ENODEV'],
    steps: ['open', 'connect'],
    kind: 'no-vm',
    advice:
      'no such virtual machine, or no vsock driver serves that CID; start the machine, or load one: ' +
      'modprobe vhost_vsock on a host, vmw_vsock_virtio_transport in a guest, vsock_loopback for CID 1',
  },
  {
    codes: ['ENETUNREACH', 'EHOSTUNREACH'],
    steps: ['connect'],
    kind: 'no-vm',
    advice:
      'no vsock driver reaches that CID; from a Hyper-V or VMware guest only the host (CID 2) can be reached, ' +
      'and CID 1 needs modprobe vsock_loopback',
  },
  {
    codes: ['ENOENT'],
    steps: ['connect'],
    kind: 'no-vm',
    advice: 'there is no socket at that path; start the virtual machine, or correct the path',
  },
  {
    codes: ['ENOENT', 'ENOTDIR'],
    steps: ['listen'],
    kind: 'address-not-available',
    advice: 'the directory of that path does not exist; create it first',
  },
  {
    codes: ['ETIMEDOUT'],
    steps: ['connect'],
    kind: 'timeout',
    advice: 'the other side did not answer; is the machine running, and does it listen on that port?',
  },
  {
    codes: ['ETIMEDOUT'],
    steps: ['stream'],
    kind: 'reset',
    advice: 'the other side went away in mid-connection',
  },
  {
    codes: ['EACCES', 'EPERM'],
    steps: anyStep,
    family: 'hyperv',
    kind: 'permission',
    advice: 'not permitted; run elevated, or have the security descriptor of the service allow it',
  },
  {
    codes: ['EINVAL'],
    steps: ['connect'],
    family: 'hyperv',
    kind: 'permission',
    advice: 'the service is disabled for that machine; enable it where the machine is configured',
  },
  {
    codes: ['EADDRNOTAVAIL'],
    steps: ['listen', 'connect'],
    family: 'hyperv',
    kind: 'address-not-available',
    advice:
      'wildcard and children are nobody to connect to, and only the GUID of a machine of this host is one to listen for',
  },
  {
    codes: ['EAFNOSUPPORT', 'ENETDOWN', 'EPROTONOSUPPORT', 'ESOCKTNOSUPPORT'],
    steps: ['open', 'listen', 'connect'],
    family: 'hyperv',
    kind: 'unsupported',
    advice:
      'AF_HYPERV is not available here; it needs Windows 10 1607 or Server 2016, or later, with Hyper-V or the ' +
      'Virtual Machine Platform turned on; "hvsock doctor" tells which is missing',
  },
  {
    codes: ['EACCES'],
    steps: ['listen', 'connect'],
    family: 'vsock',
    kind: 'permission',
    advice: 'ports below 1024 need root or CAP_NET_BIND_SERVICE; use a port from 1024 up, or grant it',
  },
  {
    codes: ['EACCES', 'EPERM'],
    steps: anyStep,
    kind: 'permission',
    advice:
      'not permitted; in a container, allow AF_VSOCK in its seccomp profile; for a path, check the rights of the file',
  },
  {
    codes: ['EADDRINUSE'],
    steps: ['listen'],
    family: 'hybrid',
    kind: 'address-in-use',
    advice: 'somebody listens at that path, or it is a file but no socket; stop it, or choose another path or port',
  },
  {
    codes: ['EADDRINUSE'],
    steps: ['listen', 'connect'],
    kind: 'address-in-use',
    advice: 'another socket is bound to that port; stop it, or choose another port',
  },
  {
    codes: ['EADDRNOTAVAIL'],
    steps: ['listen', 'connect'],
    kind: 'address-not-available',
    advice: "that CID is not this machine's; bind to any (vsock://:PORT), or load vsock_loopback for CID 1",
  },
  {
    codes: ['EAFNOSUPPORT'],
    steps: anyStep,
    kind: 'unsupported',
    advice: 'this system has no such socket family; on Linux: modprobe vsock',
  },
  {
    codes: ['ESOCKTNOSUPPORT', 'EPROTONOSUPPORT', 'EPROTOTYPE', 'EOPNOTSUPP', 'ENOTSUP', 'ENOPROTOOPT'],
    steps: anyStep,
    kind: 'unsupported',
    advice: 'the transport does not offer this; stream sockets are what every transport has',
  },
  {
    codes: ['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ENOTCONN'],
    steps: ['stream'],
    kind: 'reset',
    advice: 'the other side closed the connection before everything was sent or read',
  },
  {
    codes: ['EPROTO'],
    steps: anyStep,
    kind: 'protocol',
    advice: 'the other side broke the protocol of the handshake',
  },
  {
    codes: ['EINVAL', 'EFAULT', 'EBADF', 'ENOTSOCK', 'EISCONN', 'EALREADY'],
    steps: anyStep,
    kind: 'invalid',
    advice: 'the system refused the arguments',
  },
  {
    codes: ['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'ENOSPC'],
    steps: anyStep,
    kind: 'resources',
    advice: 'the process or the system is out of descriptors or memory; raise the limit (ulimit -n), or close some',
  },
];

const stepOfSyscall: Readonly<Record<string, Step>> = {
  socket: 'open',
  bind: 'listen',
  listen: 'listen',
  accept: 'listen',
  connect: 'connect',
};

function describe(code: string, step: Step, family: Family): { kind: ErrorKind; advice: string } {
  const row = errorRows.find(
    (row) =>
      row.codes.includes(code) && row.steps.includes(step) && (row.family === undefined || row.family === family),
  );
  return row ?? { kind: 'unknown', advice: 'an error this library has no name for' };
}

interface ErrorProperties {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly errno?: number | undefined;
  readonly syscall?: string | undefined;
  readonly address?: string | undefined;
  readonly cause?: unknown;
}

/** A system call that failed, as the system told it. */
type Failure = Omit<ErrorProperties, 'kind'> & { readonly syscall: string };

/** Every error that this library makes. Match on `kind`, or on `code` for what exactly the system said. */
export class HvsockError extends Error {
  /** The system's code (`ECONNRESET`, ...), `ABORT_ERR`, or one of this library's `ERR_HVSOCK_*`. */
  readonly code: string;
  readonly kind: ErrorKind;
  /** The system's error number, negative as in Node's own errors. */
  declare readonly errno?: number;
  /** The call that failed: `socket`, `bind`, `listen`, `accept`, `connect`, `read`, `write`. */
  declare readonly syscall?: string;
  /** The address as text, where one was concerned. */
  declare readonly address?: string;

  constructor(message: string, properties: ErrorProperties) {
    super(message, properties.cause === undefined ? undefined : { cause: properties.cause });
    this.name = properties.kind === 'aborted' ? 'AbortError' : 'HvsockError';
    this.code = properties.code;
    this.kind = properties.kind;
    for (const key of ['errno', 'syscall', 'address'] as const) {
      if (properties[key] !== undefined) Object.defineProperty(this, key, { value: properties[key], enumerable: true });
    }
  }
}

/** The name of a system's error `errno` (negative: the system's number, or libuv's), as `ECONNRESET`. */
export function systemCode(errno: number): string {
  const known = getSystemErrorMap().has(errno) ? getSystemErrorName(errno) : windowsErrors.get(-errno);
  return known ?? `E${-errno}`;
}

/** The number that Node's own errors have for a code, negative: on Windows libuv's, which are no system's. */
export function errnoOf(code: string): number {
  for (const [errno, [name]] of getSystemErrorMap()) if (name === code) return errno;
  throw new RangeError(`no system error is called ${code}`);
}

/** The error for a system call that failed with `errno` (negative). */
export function systemError(errno: number, syscall: string, family: Family, address?: string): HvsockError {
  return explain({ code: systemCode(errno), errno, syscall, address }, family);
}

/** The calls of a net.Socket or net.Server that fail while it is used. */
const socketSyscalls = ['connect', 'read', 'write', 'shutdown', 'listen', 'accept'];

/**
 * Gives a system error of net.Socket its kind; any other error, as of a file that is piped into a socket, is returned as
 * it is. What it means depends on the step, which follows from the call that failed unless it is given.
 */
export function withKind(error: Error, family: Family, address?: string, step?: Step): Error {
  if (error instanceof HvsockError) return error;
  const { code, errno, syscall, path } = error as NodeJS.ErrnoException;
  if (code === undefined || errno === undefined || syscall === undefined) return error;
  if (path !== undefined || !socketSyscalls.includes(syscall)) return error;
  return explain({ code, errno, syscall, address, cause: error }, family, step);
}

function explain(failure: Failure, family: Family, step?: Step): HvsockError {
  const { code, syscall, address } = failure;
  const { kind, advice } = describe(code, step ?? stepOfSyscall[syscall] ?? 'stream', family);
  const where = address === undefined ? '' : ` ${address}`;
  return new HvsockError(`${syscall} ${code}${where}: ${advice}`, { ...failure, kind });
}

/** ETIMEDOUT of a caller's own `timeout`, in milliseconds. */
export function timeoutError(timeout: number, address: string): HvsockError {
  return new HvsockError(`connect ETIMEDOUT ${address}: not connected within ${timeout} ms`, {
    code: 'ETIMEDOUT',
    kind: 'timeout',
    syscall: 'connect',
    address,
  });
}

/** ABORT_ERR, named AbortError like Node's own, its cause the signal's reason. */
export function abortError(signal: AbortSignal, address: string): HvsockError {
  return new HvsockError(`${address}: the operation was aborted`, {
    code: 'ABORT_ERR',
    kind: 'aborted',
    address,
    cause: signal.reason,
  });
}

/** ERR_HVSOCK_INVALID_ADDRESS: quotes the text and says what would be right. */
export function invalidAddress(text: string, problem: string): HvsockError {
  return new HvsockError(`${JSON.stringify(text)} is no address: ${problem}`, {
    code: 'ERR_HVSOCK_INVALID_ADDRESS',
    kind: 'invalid',
    address: text,
  });
}

/** ERR_HVSOCK_INVALID_ARGUMENT: names the option, its value, and what would be right. */
export function invalidArgument(name: string, value: unknown, expected: string): HvsockError {
  return new HvsockError(`${name} must be ${expected}, not ${shown(value)}`, {
    code: 'ERR_HVSOCK_INVALID_ARGUMENT',
    kind: 'invalid',
  });
}

/** A value in one line; of an object with much in it, a socket for one, only what it is. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  // Not String(): it throws on an object without a prototype. Not a custom inspect: it may do anything.
  const options = { customInspect: false, showProxy: true, maxArrayLength: 3 };
  const text = inspect(value, { ...options, depth: 0 });
  return text.includes('\n') ? inspect(value, { ...options, depth: -1 }) : text;
}
