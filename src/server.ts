// Server: what a net.Server has, over any transport; and listen(), which makes any net.Server listen on an address.
import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import { type Address, type AddressLike, toAddress } from './address/address.ts';
import { checkFunction, checkSignal } from './checks.ts';
import { abortError, HvsockError, invalidArgument, withKind } from './errors.ts';
import { checkFramed, frameSocket, optionsBeneath } from './frame-socket.ts';
import type { FramedOptions, FramedSocket } from './framing/framed-socket.ts';
import {
  checkBoolean,
  checkBuffers,
  checkHalfClose,
  checkNative,
  checkRights,
  checkStream,
  type HalfCloseOptions,
  requireHalfClose,
} from './options.ts';
import { type Socket, textualEndpoints } from './socket.ts';
import type { Partition } from './transports/partition.ts';
import { transportFor } from './transports/registry.ts';
import type {
  AcceptOptions,
  BufferOptions,
  HypervOptions,
  Incoming,
  IoOptions,
  Listener,
  PathOptions,
  Transport,
} from './transports/transport.ts';

export interface ServerOptions extends AcceptOptions, HalfCloseOptions {
  /** Hand sockets out paused. Default: false. */
  readonly pauseOnConnect?: boolean | undefined;
  /**
   * Whether to take a connection from this peer, who is undefined where the transport does not tell (hybrid addresses).
   * Asked before a socket is handed out; no means that it is closed at once.
   */
  readonly filter?: ((peer: Address | undefined, local: Address) => boolean) | undefined;
  /** With `true` the connections are `FramedSocket`s: see `FramedServerOptions`. Default: false. */
  readonly framed?: false | undefined;
}

/** The same for connections whose ends are told in frames; the clients must be framed, too. */
export interface FramedServerOptions extends Omit<ServerOptions, 'framed'> {
  readonly framed: true | FramedOptions;
}

export interface ListenOptions extends BufferOptions, PathOptions, IoOptions, HypervOptions {
  /** Connections that may wait to be accepted; the kernel has a limit of its own (net.core.somaxconn). Default: 511. */
  readonly backlog?: number | undefined;
  /** Listen as this machine of an emulated hypervisor (`hvsock/testing`). Default: what HVSOCK_EMULATOR says, if set. */
  readonly partition?: Partition | undefined;
  /** Closes the server. */
  readonly signal?: AbortSignal | undefined;
}

/** What a 'drop' event carries: the addresses as net.Server has them, and why. */
export interface DropArgument extends net.DropArgument {
  readonly reason: 'filter' | 'max-connections';
}

interface ServerEvents<S> {
  connection: [socket: S];
  listening: [];
  close: [];
  error: [error: HvsockError];
  drop: [drop: DropArgument];
}

const DEFAULT_BACKLOG = 511;

/** Listens on an address of any family and emits a `Socket`, or a `FramedSocket`, for each connection. */
export class Server<S extends Socket | FramedSocket = Socket> extends EventEmitter<ServerEvents<S>> {
  /** Connections beyond this number are closed at once and told by 'drop'. Default: no limit. */
  maxConnections?: number;
  readonly #options: ServerOptions | FramedServerOptions;
  #listener: Listener | undefined;
  // Between listen() and a transport's word that it listens.
  #starting: Promise<Listener> | undefined;
  #connections = 0;
  #closing = false;
  #referenced = true;

  constructor(options: ServerOptions | FramedServerOptions = {}, connectionListener?: (socket: S) => void) {
    super();
    if (typeof options !== 'object' || options === null) throw invalidArgument('options', options, 'an object');
    checkStream(options);
    checkBoolean('pauseOnConnect', options.pauseOnConnect);
    checkHalfClose(options.halfClose);
    checkFramed(options.framed);
    checkFunction('filter', options.filter);
    checkFunction('connectionListener', connectionListener);
    this.#options = options;
    if (connectionListener !== undefined) this.on('connection', connectionListener);
  }

  /** Whether connections are accepted now. */
  get listening(): boolean {
    return this.#listener !== undefined;
  }

  /** The address, with the port that the system chose if any was asked for; null unless listening. */
  address(): Address | null {
    return this.#listener?.address ?? null;
  }

  /**
   * Listens. With a callback it is `net.Server`'s: returns the server, and emits 'error' if it fails. Without one it
   * returns a promise of the server, which rejects with that error. Wrong arguments are thrown at once.
   */
  listen(like: AddressLike, options: ListenOptions, callback: () => void): this;
  listen(like: AddressLike, callback: () => void): this;
  listen(like: AddressLike, options?: ListenOptions): Promise<this>;
  listen(
    like: AddressLike,
    optionsOrCallback?: ListenOptions | (() => void),
    callbackAfterOptions?: () => void,
  ): this | Promise<this> {
    const callback = typeof optionsOrCallback === 'function' ? optionsOrCallback : callbackAfterOptions;
    const options = checkListenOptions(typeof optionsOrCallback === 'function' ? {} : optionsOrCallback);
    if (this.#listener !== undefined || this.#starting !== undefined) throw alreadyListening(this.#listener?.address);
    const { transport, address } = transportFor(toAddress(like), options.partition);
    if (!this.#options.framed) requireHalfClose(this.#options, address);
    if (callback !== undefined) this.once('listening', callback);
    let started: Promise<this>;
    try {
      throwIfAborted(options.signal, address);
      const listener = this.#open(transport, address, options);
      const forgetSignal = followSignal(this, options.signal);
      started = listener === undefined ? Promise.resolve(this) : this.#await(listener, options.signal, address);
      started.catch(forgetSignal);
    } catch (error) {
      started = Promise.reject(error);
    }
    started.then(
      () => process.nextTick(() => this.listening && this.emit('listening')),
      (error) => {
        if (callback !== undefined) this.off('listening', callback);
        if (callback === undefined && this.listenerCount('error') === 0) return;
        process.nextTick(() => this.emit('error', error));
      },
    );
    // Who listens to 'error' is told there, and need not await the promise as well.
    if (callback !== undefined || this.listenerCount('error') > 0) started.catch(() => {});
    return callback !== undefined ? this : started;
  }

  /** Opens the listener: it is there at once, or once its promise is kept. */
  #open(
    transport: Transport,
    address: Address,
    options: ListenOptions & { backlog: number },
  ): undefined | Promise<Listener> {
    const onTrouble = warnOnce();
    const events = { onIncoming: (incoming: Incoming) => this.#onIncoming(incoming, onTrouble), onTrouble };
    const accepting = this.#options.framed ? optionsBeneath(this.#options) : this.#options;
    const listener = transport.listen(address, options, accepting, events);
    if (listener instanceof Promise) return listener;
    this.#take(listener);
    return undefined;
  }

  #take(listener: Listener): void {
    this.#listener = listener;
    if (!this.#referenced) listener.setRef(false);
  }

  async #await(opening: Promise<Listener>, signal: AbortSignal | undefined, address: Address): Promise<this> {
    this.#starting = opening;
    // Not if it was closed meanwhile, and perhaps listens again.
    const isAwaited = () => this.#starting === opening;
    try {
      const listener = await opening;
      if (isAwaited()) {
        this.#take(listener);
        return this;
      }
      listener.close();
      throw signal?.aborted ? abortError(signal, `${address}`) : notRunningError('was closed before it listened');
    } finally {
      if (isAwaited()) this.#starting = undefined;
    }
  }

  #onIncoming(incoming: Incoming, onTrouble: (error: HvsockError) => void): void {
    const { filter } = this.#options;
    const isFull = this.maxConnections !== undefined && this.#connections >= this.maxConnections;
    let accepted = false;
    try {
      accepted = !isFull && (filter === undefined || filter(incoming.remote, incoming.local) === true);
    } finally {
      // Also when the filter throws: it has not said yes.
      if (!accepted) incoming.refuse();
    }
    if (!accepted) {
      const addresses = textualEndpoints(incoming.local, incoming.remote);
      this.emit('drop', { ...addresses, reason: isFull ? 'max-connections' : 'filter' });
      return;
    }
    let socket: Socket;
    try {
      socket = incoming.accept();
    } catch (error) {
      onTrouble(error as HvsockError);
      return;
    }
    this.#connections++;
    socket.once('close', () => {
      this.#connections--;
      this.#emitCloseIfDone();
    });
    this.emit('connection', this.#handedOut(socket));
  }

  #handedOut(socket: Socket): S {
    const { framed = false, pauseOnConnect = false } = this.#options;
    if (!framed) return socket as S;
    const framedSocket = frameSocket(socket, framed, this.#options);
    return (pauseOnConnect ? framedSocket.pause() : framedSocket) as S;
  }

  /** Stops listening. The callback, and 'close', come when every connection has ended. */
  close(callback?: (error?: Error) => void): this {
    checkFunction('callback', callback);
    if (this.#listener === undefined && this.#starting === undefined) {
      const error = notRunningError('is not listening');
      // As net.Server has it: one that is still closing is waited for.
      if (callback !== undefined) {
        if (this.#closing) this.once('close', () => callback(error));
        else process.nextTick(callback, error);
      }
      return this;
    }
    if (callback !== undefined) this.once('close', callback);
    this.#listener?.close();
    this.#listener = undefined;
    this.#starting = undefined;
    this.#closing = true;
    process.nextTick(() => this.#emitCloseIfDone());
    return this;
  }

  #emitCloseIfDone(): void {
    // One that listens again has not closed.
    if (!this.#closing || this.#connections > 0 || this.#listener !== undefined) return;
    this.#closing = false;
    this.emit('close');
  }

  getConnections(callback: (error: Error | null, count: number) => void): this {
    process.nextTick(callback, null, this.#connections);
    return this;
  }

  /** Keeps the process alive while listening; so it is from the start. */
  ref(): this {
    this.#referenced = true;
    this.#listener?.setRef(true);
    return this;
  }

  /** Lets the process end while listening. */
  unref(): this {
    this.#referenced = false;
    this.#listener?.setRef(false);
    return this;
  }

  /** Closes the server and waits for its connections to end. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.listening && this.#starting === undefined) return;
    const closed = once(this, 'close');
    this.close();
    await closed;
  }
}

/** A `Server`; `connectionListener` gets each `Socket`. */
export function createServer(connectionListener?: (socket: Socket) => void): Server;
export function createServer(options: ServerOptions, connectionListener?: (socket: Socket) => void): Server;
/** The same with frames; `connectionListener` gets each `FramedSocket`. */
export function createServer(
  options: FramedServerOptions,
  connectionListener?: (socket: FramedSocket) => void,
): Server<FramedSocket>;
export function createServer(
  options: ServerOptions | FramedServerOptions,
  connectionListener?: (socket: Socket | FramedSocket) => void,
): Server<Socket | FramedSocket>;
export function createServer<S extends Socket | FramedSocket>(
  optionsOrListener?: ServerOptions | FramedServerOptions | ((socket: S) => void),
  connectionListener?: (socket: S) => void,
): Server<S> {
  if (typeof optionsOrListener === 'function') return new Server<S>({}, optionsOrListener);
  return new Server<S>(optionsOrListener, connectionListener);
}

/**
 * Makes any server listen on an address: `net`, `http`, `https`, `http2`, or this library's own. Accepting is then
 * Node's. Its sockets get the address properties of a `Socket`, and `server.address()` tells the address. Rejects with
 * the error of the call that failed; wrong arguments are rejected too.
 */
export async function listen<S extends net.Server | Server | Server<FramedSocket>>(
  server: S,
  like: AddressLike,
  options: ListenOptions = {},
): Promise<S> {
  if (server instanceof Server) {
    await server.listen(like, options);
    return server;
  }
  if (!(server instanceof net.Server)) {
    throw invalidArgument('server', server, 'a Server of this library, or of node:net, tls, http, https or http2');
  }
  const checked = checkListenOptions(options);
  const { transport, address } = transportFor(toAddress(like), options.partition);
  throwIfAborted(options.signal, address);
  if (server.listening) throw alreadyListening();
  const forgetSignal = followSignal(server, options.signal);
  try {
    const attaching = transport.attach(server, address, checked);
    const announced = listening(server, checked.signal, address);
    await Promise.all([attaching, announced]);
  } catch (error) {
    forgetSignal();
    throw error;
  }
  return server;
}

/** Until a server listens; rejects if it is closed before. */
function listening(server: net.Server, signal: AbortSignal | undefined, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      server.off('listening', settle).off('error', settle).off('close', serverOnClose);
      if (error === undefined) resolve();
      else reject(withKind(error, address.family, `${address}`));
    };
    const serverOnClose = () => {
      settle(signal?.aborted ? abortError(signal, `${address}`) : notRunningError('was closed before it listened'));
    };
    server.once('listening', settle).once('error', settle).once('close', serverOnClose);
  });
}

function alreadyListening(address?: Address): HvsockError {
  return new HvsockError(`the server listens already${address === undefined ? '' : `, on ${address}`}`, {
    code: 'ERR_SERVER_ALREADY_LISTEN',
    kind: 'invalid',
  });
}

function notRunningError(problem: string): HvsockError {
  return new HvsockError(`the server ${problem}`, { code: 'ERR_SERVER_NOT_RUNNING', kind: 'invalid' });
}

function checkListenOptions(options: ListenOptions = {}): ListenOptions & { backlog: number } {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', options, 'an object');
  // Ignored, it would leave two sides that do not understand each other.
  const { framed } = options as { framed?: unknown };
  if (framed !== undefined) throw invalidArgument('framed', framed, 'absent: it is an option of createServer()');
  const { backlog = DEFAULT_BACKLOG, signal } = options;
  if (!Number.isInteger(backlog) || backlog < 1) throw invalidArgument('backlog', backlog, 'a positive integer');
  checkSignal(signal);
  checkBuffers(options);
  checkNative(options);
  checkRights(options);
  return { ...options, backlog };
}

function throwIfAborted(signal: AbortSignal | undefined, address: Address): void {
  if (signal?.aborted) throw abortError(signal, address.toString());
}

/** Closes the server when the signal says so, until it is closed or this function's result is called. */
function followSignal(
  server: { close(): unknown; once(event: 'close', listener: () => void): unknown },
  signal: AbortSignal | undefined,
): () => void {
  const signalOnAbort = () => {
    server.close();
  };
  const forget = () => signal?.removeEventListener('abort', signalOnAbort);
  signal?.addEventListener('abort', signalOnAbort, { once: true });
  server.once('close', forget);
  return forget;
}

function warnOnce(): (error: HvsockError) => void {
  let warned = false;
  return (error) => {
    if (!warned) process.emitWarning(error);
    warned = true;
  };
}
