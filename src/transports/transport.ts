// The contract that every socket family fulfils. Nothing here runs.
import type net from 'node:net';
import type { Address } from '../address/address.ts';
import type { Family, HvsockError } from '../errors.ts';
import type { Attempt, Connection, Socket, StreamOptions } from '../socket.ts';

/** Sizes in bytes to ask for before the handshake; a transport without them refuses them. */
export interface BufferOptions {
  /** SO_VM_SOCKETS_BUFFER_SIZE. Default: the kernel's 256 KiB. On Hyper-V SO_SNDBUF and SO_RCVBUF; default: 64 KiB. */
  readonly bufferSize?: number | undefined;
  /** SO_VM_SOCKETS_BUFFER_MIN_SIZE. Default: the kernel's 128. */
  readonly bufferMinSize?: number | undefined;
  /** SO_VM_SOCKETS_BUFFER_MAX_SIZE. Default: the kernel's 256 KiB, or `bufferSize` if that is more. */
  readonly bufferMaxSize?: number | undefined;
}

/** How a connection's bytes are carried, once it has been made. */
export type ChosenIo = 'direct' | 'threads';

export interface IoOptions {
  /**
   * `direct`: by libuv on the connection itself. `threads`: by two threads of its own, which pump between the connection
   * and a pair whose other end the socket is. Default: `auto`, which on Windows tries once in a process whether direct
   * carries everything, and is direct elsewhere. Unix sockets have no choice.
   */
  readonly io?: 'auto' | ChosenIo | undefined;
}

/** What AF_HYPERV alone has; other families refuse these. */
export interface HypervOptions {
  /** The connection survives while its machine is suspended (HVSOCKET_CONNECTED_SUSPEND). Default: true. */
  readonly connectedSuspend?: boolean | undefined;
  /** Pass by a container to the host of its machine (HVSOCKET_CONTAINER_PASSTHRU). Default: false. */
  readonly containerPassthru?: boolean | undefined;
  /** Reach the paravisor of a machine, in its VTL2 (HVSOCKET_HIGH_VTL). Default: false. */
  readonly highVtl?: boolean | undefined;
}

/** What one attempt to connect needs to know. */
export interface AttemptOptions extends BufferOptions, IoOptions, HypervOptions {
  /** Bind to this port first. */
  readonly localPort?: number | undefined;
  /** Reach a sibling machine by way of the host (VMADDR_FLAG_TO_HOST). */
  readonly toHost?: boolean | undefined;
  /** The guest's CID, for a dialect that names it (HyperKit). Default: 3. */
  readonly guestCid?: number | undefined;
  /** Milliseconds after which the caller cancels: a system's own limit must not be shorter. */
  readonly timeout?: number | undefined;
}

/** Rights of the unix socket that a hybrid address listens on; other families refuse them. */
export interface PathOptions {
  /** Permission bits, as 0o660. Default: what the process's umask leaves of 0o777. */
  readonly mode?: number | undefined;
  /** The user who owns it. Default: that of the process. */
  readonly uid?: number | undefined;
  /** The group that owns it. Default: that of the process, or of the directory. */
  readonly gid?: number | undefined;
}

export interface ListenerOptions extends BufferOptions, PathOptions, IoOptions, HypervOptions {
  /** Connections that may wait to be accepted. */
  readonly backlog: number;
}

/** How accepted connections become sockets. */
export interface AcceptOptions extends StreamOptions {
  readonly pauseOnConnect?: boolean | undefined;
}

/** A connection that has arrived and is not yet a user's. Exactly one of its methods must be called, at once. */
export interface Incoming {
  readonly local: Address;
  /** Undefined where the transport does not tell who is there. */
  readonly remote: Address | undefined;
  /** Throws a `HvsockError` where the system has no more to give; the connection is closed then. */
  accept(): Socket;
  refuse(): void;
}

export interface ListenerEvents {
  onIncoming(incoming: Incoming): void;
  /** Accepting failed for now; the listener tries again by itself, and loses nobody that waits. */
  onTrouble(error: HvsockError): void;
}

export interface Listener {
  /** The address that it got, with the port that the system chose. */
  readonly address: Address;
  close(): void;
  setRef(referenced: boolean): void;
}

/** How one family connects and listens. Addresses are of its own family; options have been checked. */
export interface Transport {
  readonly family: Family;
  /** A socket to connect with. Never fails: a lack of descriptors is told by `connect`. */
  createSocket(options: StreamOptions): Socket;
  /** One attempt. `onEnd` is called once, never within this call, and not after a cancel. */
  connect(
    socket: Socket,
    target: Address,
    options: AttemptOptions,
    onEnd: (error: HvsockError | undefined, connection?: Connection) => void,
  ): Attempt;
  /** Listens, at once where nothing must be awaited first. Fails with a `HvsockError` of the call that failed. */
  listen(
    target: Address,
    options: ListenerOptions,
    accept: AcceptOptions,
    events: ListenerEvents,
  ): Listener | Promise<Listener>;
  /** Makes a `net.Server` of the caller's listen. Fails as `listen` does; the server's 'listening' follows. */
  attach(server: net.Server, target: Address, options: ListenerOptions): void | Promise<void>;
}
