// The connection that users hold: a net.Socket that knows hypervisor addresses. It does not know how a transport
// connects; a transport drives it through the two functions exported beside it.
import net from 'node:net';
import { type Address, type Capabilities, capabilitiesOf } from './address/address.ts';
import { type Family, HvsockError, withKind } from './errors.ts';
import { batchesOf, messagesOf, writeInTurn } from './messages.ts';

/**
 * Pieces of one write. libuv keeps to the system's limit by itself, but not on Windows: Wine's is 1024 too, and AF_HYPERV's is
 * not known. A framed write of 2 MiB has as many.
 */
const MOST_PIECES = 1024;

/** What the stream of a socket can be told. */
export interface StreamOptions {
  /** Keep the writable side open when the other side has ended its own. Default: false, as in `node:net`. */
  readonly allowHalfOpen?: boolean | undefined;
  /** Read into one reused buffer and skip the stream machinery, as `net.connect`'s `onread`. */
  readonly onread?: net.OnReadOpts | undefined;
  /** Bytes buffered in each direction before backpressure sets in. Default: Node's own. */
  readonly highWaterMark?: number | undefined;
  /**
   * The most bytes of a single send: larger writes go to the system in several, in order. For Windows builds that lose
   * what is sent in larger ones: 4096 after build 10586, 8192 with guests of Linux 4.9. Default: no limit.
   */
  readonly messageSize?: number | undefined;
}

/** Sizes of a vsock connection's receive buffer, in bytes (SO_VM_SOCKETS_BUFFER_*). */
export interface BufferSizes {
  readonly size: number;
  readonly minSize: number;
  readonly maxSize: number;
}

/** What every socket of a hypervisor address tells, also one that a server of `listen()` accepted. */
export interface Endpoints {
  /** This side's address, once connected; it stays after the connection has ended. */
  readonly localEndpoint: Address | undefined;
  /** The other side's. Undefined, too, where the transport does not tell. */
  readonly remoteEndpoint: Address | undefined;
}

/** An established connection, as its transport tells it. */
export interface Connection {
  readonly local: Address;
  /** Undefined where the transport does not tell who is there. */
  readonly remote: Address | undefined;
  /** The buffer's sizes now, if this transport has them. The connection is open when this is called. */
  bufferSizes?(): BufferSizes;
  /** Whether it keeps the process alive, where something does that is not the socket. */
  setRef?: ((referenced: boolean) => void) | undefined;
}

/** An attempt to connect, under way. */
export interface Attempt {
  /** Gives up; nothing is reported any more. Harmless when it has ended. */
  cancel(): void;
  /** Whether the attempt keeps the process alive. */
  setRef(referenced: boolean): void;
}

interface State {
  readonly family: Family;
  readonly messageSize: number | undefined;
  attempt: Attempt | undefined;
  connection: Connection | undefined;
  referenced: boolean;
}

// Beside the class and not within: a socket that node:net accepted becomes a Socket after it was made.
const states = new WeakMap<net.Socket, State>();

/** Lets `attempt` answer to the socket: destroying it cancels the attempt, `unref()` reaches it. */
export function socketConnecting(socket: Socket, attempt: Attempt): void {
  const state = states.get(socket) as State;
  state.attempt = attempt;
  if (!state.referenced) attempt.setRef(false);
}

/** Says that the connection is there: with `announce`, as after a connect, else silently, as after an accept. */
export function socketConnected(socket: Socket, connection: Connection, announce: boolean): void {
  const state = states.get(socket) as State;
  state.connection = connection;
  state.attempt = undefined;
  if (!state.referenced) connection.setRef?.(false);
  setConnecting(socket, false);
  // The idle time counts from here, as net.Socket has it.
  if (socket.timeout) socket.setTimeout(socket.timeout);
  if (announce) {
    socket.emit('connect');
    socket.emit('ready');
  }
  // The first read starts the flow, or fetches an EOF that is already there.
  if (!socket.destroyed && !socket.isPaused()) socket.read(0);
}

/** `connecting` is net.Socket's own property; all that waits for the connection goes by it. */
export function setConnecting(socket: net.Socket, connecting: boolean): void {
  (socket as { connecting: boolean }).connecting = connecting;
}

/** The `messageSize` that a socket was made with; undefined without one, and for sockets that are none of ours. */
export function messageSizeOf(socket: object): number | undefined {
  return states.get(socket as net.Socket)?.messageSize;
}

/** Makes a socket that node:net accepted one of ours. */
export function socketFromAccepted(
  accepted: net.Socket,
  family: Family,
  connection: Connection,
  { messageSize }: StreamOptions,
): Socket {
  states.set(accepted, { family, messageSize, attempt: undefined, connection, referenced: true });
  return Object.setPrototypeOf(accepted, Socket.prototype) as Socket;
}

/**
 * A connection, made by `connect()` or handed out by a `Server`; in every respect a `net.Socket`. Before the
 * connection is there, writes are kept, and `end()`, `destroy()` and `setTimeout()` work, as on a TCP socket.
 */
export class Socket extends net.Socket implements Endpoints {
  /** @internal Sockets come from `connect()` and from servers. Without a `seat`, there is nothing to connect with yet. */
  constructor(family: Family, options: StreamOptions, seat?: { fd: number } | { handle: object }) {
    super({
      ...options,
      ...(seat === undefined ? {} : { ...seat, manualStart: true }),
      readable: true,
      writable: true,
    } as net.SocketConstructorOpts);
    const { messageSize } = options;
    states.set(this, { family, messageSize, attempt: undefined, connection: undefined, referenced: true });
    setConnecting(this, true);
  }

  /** This side's address, once connected; it stays after the connection has ended. */
  get localEndpoint(): Address | undefined {
    return states.get(this)?.connection?.local;
  }

  /** The other side's address, once connected; it stays after the connection has ended. */
  get remoteEndpoint(): Address | undefined {
    return states.get(this)?.connection?.remote;
  }

  /** What the connection can do, once there is one; `capabilitiesOf(address)` tells it before. */
  get capabilities(): Capabilities | undefined {
    const { localEndpoint } = this;
    return localEndpoint && capabilitiesOf(localEndpoint);
  }

  /** The sizes of the connection's buffer in bytes; undefined unless connected, and where a transport has none. */
  get bufferSizes(): BufferSizes | undefined {
    return this.destroyed ? undefined : states.get(this)?.connection?.bufferSizes?.();
  }

  /** A `Socket` is connected once; call the module's `connect()` for another. Throws `ERR_HVSOCK_UNSUPPORTED`. */
  override connect(): never {
    throw new HvsockError("a hypervisor socket cannot be connected again; make a new one with hvsock's connect()", {
      code: 'ERR_HVSOCK_UNSUPPORTED',
      kind: 'unsupported',
    });
  }

  /** Ends the connection at once. System errors get their `kind` here, whoever raised them. */
  override destroy(error?: Error): this {
    const family = states.get(this)?.family;
    return super.destroy(error && family && withKind(error, family, this.remoteAddress));
  }

  /** The same as `destroy()`: no hypervisor transport lets a program send a reset. */
  override resetAndDestroy(): this {
    return this.destroy();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    states.get(this)?.attempt?.cancel();
    super._destroy(error, callback);
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (states.get(this)?.messageSize === undefined) super._write(chunk, encoding, callback);
    else this._writev([{ chunk, encoding }], callback);
  }

  override _writev(
    chunks: { chunk: Buffer | string; encoding: BufferEncoding }[],
    callback: (error?: Error | null) => void,
  ): void {
    const write = (pieces: typeof chunks, onTaken: typeof callback) => super._writev?.(pieces, onTaken);
    const messageSize = states.get(this)?.messageSize;
    if (messageSize === undefined) {
      if (chunks.length <= MOST_PIECES) write(chunks, callback);
      else writeInTurn(batchesOf(chunks, MOST_PIECES), write, callback);
      return;
    }
    const bytes = chunks.map(({ chunk, encoding }) =>
      typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk,
    );
    // One without bytes is the stream's to wait for, too.
    if (bytes.every(({ length }) => length === 0)) write(chunks, callback);
    else writeInTurn(messagesOf(bytes, messageSize), write, callback);
  }

  override ref(): this {
    setReferenced(this, true);
    return super.ref();
  }

  override unref(): this {
    setReferenced(this, false);
    return super.unref();
  }
}

function setReferenced(socket: Socket, referenced: boolean): void {
  const state = states.get(socket);
  if (state === undefined) return;
  state.referenced = referenced;
  state.attempt?.setRef(referenced);
  state.connection?.setRef?.(referenced);
}

/** The six properties by which programs written for TCP ask for addresses. */
export function textualEndpoints(local: Address | undefined, remote: Address | undefined): Record<string, unknown> {
  const portOf = (address: Address | undefined) => (address && 'port' in address ? address.port : undefined);
  return {
    localAddress: local?.toString(),
    localPort: portOf(local),
    localFamily: local?.family,
    remoteAddress: remote?.toString(),
    remotePort: portOf(remote),
    remoteFamily: remote?.family,
  };
}

for (const name of Object.keys(textualEndpoints(undefined, undefined))) {
  Object.defineProperty(Socket.prototype, name, {
    configurable: true,
    get(this: Socket) {
      return textualEndpoints(this.localEndpoint, this.remoteEndpoint)[name];
    },
  });
}
