// connect(): from an address to a Socket, synchronously; then one attempt after another until one holds.
import type { Duplex } from 'node:stream';
import { type Address, type AddressLike, toAddress } from './address/address.ts';
import { uint32Field } from './address/field.ts';
import { VMADDR_CID_ANY } from './address/vsock.ts';
import { checkMilliseconds, checkSignal } from './checks.ts';
import {
  abortError,
  type ErrorKind,
  errorKinds,
  HvsockError,
  invalidAddress,
  invalidArgument,
  timeoutError,
} from './errors.ts';
import { checkFramed, frameSocket, optionsBeneath } from './frame-socket.ts';
import type { FramedOptions, FramedSocket } from './framing/framed-socket.ts';
import {
  checkBoolean,
  checkBuffers,
  checkHalfClose,
  checkNative,
  checkStream,
  type HalfCloseOptions,
  requireHalfClose,
} from './options.ts';
import {
  type Attempt,
  type Connection,
  type Socket,
  type StreamOptions,
  socketConnected,
  socketConnecting,
} from './socket.ts';
import type { Partition } from './transports/partition.ts';
import { transportFor } from './transports/registry.ts';
import type { AttemptOptions, Transport } from './transports/transport.ts';

/** When to try again, and for how long. */
export interface RetryOptions {
  /** Milliseconds from the first attempt to the last moment of the last one. Default: 30,000. Infinity: for ever. */
  readonly for?: number | undefined;
  /** Milliseconds before the second attempt; doubled after each. Default: 50. */
  readonly delay?: number | undefined;
  /** The longest delay in milliseconds. Default: 1,000. */
  readonly maxDelay?: number | undefined;
  /** The kinds of error that mean "not yet". Default: refused, no-vm, timeout, reset. */
  readonly kinds?: readonly ErrorKind[] | undefined;
}

export interface ConnectOptions extends StreamOptions, AttemptOptions, HalfCloseOptions {
  /**
   * Milliseconds that each attempt may take; then the error is ETIMEDOUT, kind `timeout`. Default: the transport's own
   * limit, which is 2 s on Linux.
   */
  readonly timeout?: number | undefined;
  /** Destroys the socket, connected or not, with an AbortError of kind `aborted`. */
  readonly signal?: AbortSignal | undefined;
  /** Try again, with a fresh system socket each time; `true` is `{}`. Default: false. */
  readonly retry?: boolean | RetryOptions | undefined;
  /** Connect as this machine of an emulated hypervisor (`hvsock/testing`). Default: what HVSOCK_EMULATOR says, if set. */
  readonly partition?: Partition | undefined;
  /** Only `stream`: the other types of AF_VSOCK are refused with kind `unsupported`. */
  readonly type?: 'stream' | undefined;
  /** With `true` the result is a `FramedSocket`: see `FramedConnectOptions`. Default: false. */
  readonly framed?: false | undefined;
}

/** The same for a connection whose ends are told in frames; the other side must be framed, too. */
export interface FramedConnectOptions extends Omit<ConnectOptions, 'framed'> {
  readonly framed: true | FramedOptions;
}

type Retry = { readonly [name in keyof RetryOptions]-?: NonNullable<RetryOptions[name]> };

const RETRIED_KINDS: readonly ErrorKind[] = ['refused', 'no-vm', 'timeout', 'reset'];

/** Connects to `like` and returns the `Socket` at once; 'connect' and 'ready', or 'error', follow. */
export function connect(like: AddressLike, options?: ConnectOptions): Socket;
/** The same with frames: half close, and no byte lost at the end, whatever the hypervisor makes of it. */
export function connect(like: AddressLike, options: FramedConnectOptions): FramedSocket;
export function connect(like: AddressLike, options: ConnectOptions | FramedConnectOptions): Socket | FramedSocket;
export function connect(like: AddressLike, options: ConnectOptions | FramedConnectOptions = {}): Socket | FramedSocket {
  return prepareConnect(like, options)();
}

/** For who connects again and again: throws now what `connect()` would throw, and returns what connects each time. */
export function prepareConnect(like: AddressLike, options?: ConnectOptions): () => Socket;
export function prepareConnect(
  like: AddressLike,
  options: ConnectOptions | FramedConnectOptions,
): () => Socket | FramedSocket;
export function prepareConnect(
  like: AddressLike,
  options: ConnectOptions | FramedConnectOptions = {},
): () => Socket | FramedSocket {
  checkConnectOptions(options);
  const wanted = toAddress(like);
  const { transport, address } = transportFor(wanted, options.partition);
  // As it was given, and as this system has it.
  if ([wanted, address].some((one) => one.family === 'vsock' && one.cid === VMADDR_CID_ANY)) {
    throw invalidAddress(`${wanted}`, 'any machine is nobody to connect to; name a CID, as in vsock://3:1024');
  }
  const { framed = false, signal } = options;
  if (!framed) requireHalfClose(options, address);
  const { allowHalfOpen, onread, highWaterMark, messageSize } = options;
  const streamOptions = { allowHalfOpen, onread, highWaterMark, messageSize };
  return () => {
    const socket = transport.createSocket(framed ? optionsBeneath(streamOptions) : streamOptions);
    const held = framed ? frameSocket(socket, framed, streamOptions) : socket;
    if (signal?.aborted) {
      socket.destroy(abortError(signal, wanted.toString()));
      return held;
    }
    new Connecting(socket, transport, address, options).start();
    if (signal !== undefined) followSignal(socket, signal, wanted);
    return held;
  };
}

/** The same as a promise: fulfilled with the connected socket, rejected with what its 'error' event would carry. */
export function connectAsync(like: AddressLike, options?: ConnectOptions): Promise<Socket>;
export function connectAsync(like: AddressLike, options: FramedConnectOptions): Promise<FramedSocket>;
export function connectAsync(
  like: AddressLike,
  options: ConnectOptions | FramedConnectOptions,
): Promise<Socket | FramedSocket>;
export function connectAsync(
  like: AddressLike,
  options: ConnectOptions | FramedConnectOptions = {},
): Promise<Socket | FramedSocket> {
  return new Promise((resolve, reject) => {
    const socket: Duplex = connect(like, options);
    const socketOnConnect = () => {
      socket.off('error', reject);
      resolve(socket as Socket | FramedSocket);
    };
    socket.once('connect', socketOnConnect);
    socket.once('error', reject);
  });
}

function checkConnectOptions(options: ConnectOptions | FramedConnectOptions): void {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', options, 'an object');
  checkMilliseconds('timeout', options.timeout);
  checkSignal(options.signal);
  checkStream(options);
  checkBoolean('toHost', options.toHost);
  for (const name of ['localPort', 'guestCid'] as const) {
    if (options[name] !== undefined) uint32Field(name, options[name]);
  }
  checkBuffers(options);
  checkNative(options);
  checkHalfClose(options.halfClose);
  checkFramed(options.framed);
  if (options.type !== undefined && options.type !== 'stream') {
    throw new HvsockError(
      `type must be 'stream', not ${JSON.stringify(options.type)}: seqpacket and datagram sockets keep message ` +
        'boundaries, which a net.Socket cannot',
      { code: 'ERR_HVSOCK_UNSUPPORTED', kind: 'unsupported' },
    );
  }
  const { retry } = options;
  if (retry === undefined || typeof retry === 'boolean') return;
  if (typeof retry !== 'object' || retry === null) throw invalidArgument('retry', retry, 'a boolean or an object');
  if (retry.for !== Number.POSITIVE_INFINITY) checkMilliseconds('retry.for', retry.for);
  checkMilliseconds('retry.delay', retry.delay);
  checkMilliseconds('retry.maxDelay', retry.maxDelay);
  const { kinds = [] } = retry;
  if (!Array.isArray(kinds)) throw invalidArgument('retry.kinds', kinds, 'an array of error kinds');
  for (const kind of kinds) {
    if (!errorKinds.includes(kind)) throw invalidArgument('retry.kinds', kind, `made of ${errorKinds.join(', ')}`);
  }
}

function followSignal(socket: Socket, signal: AbortSignal, address: Address): void {
  const signalOnAbort = () => {
    socket.destroy(abortError(signal, address.toString()));
  };
  signal.addEventListener('abort', signalOnAbort, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', signalOnAbort));
}

/** The time before a `Socket` is connected: its attempts, the pauses between them, and every clock that runs. */
class Connecting implements Attempt {
  readonly #socket: Socket;
  readonly #transport: Transport;
  readonly #target: Address;
  readonly #options: ConnectOptions | FramedConnectOptions;
  readonly #retry: Retry | undefined;
  readonly #started: number;
  #delay: number;
  #attempt: Attempt | undefined;
  // One clock at a time: an attempt's limit, or the pause before the next.
  #timer: NodeJS.Timeout | undefined;
  #lastError: HvsockError | undefined;
  #referenced = true;

  constructor(socket: Socket, transport: Transport, target: Address, options: ConnectOptions | FramedConnectOptions) {
    this.#socket = socket;
    this.#transport = transport;
    this.#target = target;
    this.#options = options;
    const retry = options.retry === true ? {} : options.retry || undefined;
    this.#retry = retry && {
      for: retry.for ?? 30_000,
      delay: retry.delay ?? 50,
      maxDelay: retry.maxDelay ?? 1000,
      kinds: retry.kinds ?? RETRIED_KINDS,
    };
    this.#started = this.#retry === undefined ? 0 : performance.now();
    this.#delay = this.#retry?.delay ?? 0;
  }

  start(): void {
    socketConnecting(this.#socket, this);
    this.#try();
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#attempt?.cancel();
    this.#attempt = undefined;
  }

  setRef(referenced: boolean): void {
    this.#referenced = referenced;
    this.#attempt?.setRef(referenced);
    if (referenced) this.#timer?.ref();
    else this.#timer?.unref();
  }

  /** Milliseconds until the last attempt must end. */
  #timeLeft(): number {
    return this.#retry === undefined ? Number.POSITIVE_INFINITY : this.#started + this.#retry.for - performance.now();
  }

  #setTimer(callback: () => void, milliseconds: number): void {
    this.#timer = setTimeout(callback, milliseconds);
    if (!this.#referenced) this.#timer.unref();
  }

  #try(): void {
    const left = this.#timeLeft();
    const { timeout = Number.POSITIVE_INFINITY } = this.#options;
    const limit = Math.max(1, Math.min(timeout, left));
    const bounded = limit < Number.POSITIVE_INFINITY;
    // Not with the limit of all attempts together: without a timeout, each one has the system's own.
    this.#attempt = this.#transport.connect(this.#socket, this.#target, this.#options, (error, connection) =>
      this.#onEnd(error, connection),
    );
    if (!this.#referenced) this.#attempt.setRef(false);
    if (bounded) this.#setTimer(() => this.#onTimeout(left < timeout), limit);
  }

  #onTimeout(isDeadline: boolean): void {
    const milliseconds = isDeadline ? (this.#retry?.for ?? 0) : (this.#options.timeout ?? 0);
    const error = timeoutError(milliseconds, this.#target.toString());
    // What the attempts before met tells more than that the time was up.
    this.#onEnd(isDeadline ? (this.#lastError ?? error) : error);
  }

  #onEnd(error: HvsockError | undefined, connection?: Connection): void {
    this.cancel();
    if (connection !== undefined) {
      socketConnected(this.#socket, connection, true);
      return;
    }
    const retry = this.#retry;
    const failure = error as HvsockError;
    if (!retry?.kinds.includes(failure.kind) || this.#delay >= this.#timeLeft()) {
      this.#socket.destroy(failure);
      return;
    }
    this.#lastError = failure;
    this.#setTimer(() => this.#try(), this.#delay);
    this.#socket.emit('retry', failure, this.#delay);
    this.#delay = Math.min(this.#delay * 2, retry.maxDelay);
  }
}
