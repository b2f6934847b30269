// Node's own TCP handles, for Windows: there a net.Socket cannot be made on the number of a SOCKET, but the handle under
// it can take one. Node has no public name for their class; a net.Socket that has begun to connect has one of them.
import net from 'node:net';

/** The part of libuv's TCP handle, as Node wraps it, that is used here. Results are 0 or a negative number of libuv's. */
export interface TcpHandle {
  /** Takes a descriptor, on Windows a SOCKET: `uv_tcp_open`. */
  open(fd: number): number;
  listen(backlog: number): number;
  close(callback?: () => void): void;
  ref(): void;
  unref(): void;
  /** What a net.Server sets, to be told of connections. */
  onconnection?: (status: number, handle: TcpHandle | undefined) => void;
}

type TcpHandleClass = new (type: number) => TcpHandle;

/** `TCPConstants.SOCKET` and `.SERVER` of Node's tcp_wrap: what diagnostics call the handle. */
const SOCKET = 0;
const SERVER = 1;

let handleClass: TcpHandleClass | undefined;

function tcpHandleClass(): TcpHandleClass {
  if (handleClass === undefined) {
    const donor = new net.Socket();
    // Connecting to an address begins in the next turn: destroyed before, it never does.
    donor.connect({ host: '127.0.0.1', port: 1 });
    const { _handle } = donor as unknown as { _handle: { constructor: TcpHandleClass } };
    handleClass = _handle.constructor;
    donor.destroy();
  }
  return handleClass;
}

/** A TCP handle without a socket. */
export function newTcpHandle(): TcpHandle {
  return new (tcpHandleClass())(SOCKET);
}

/**
 * A TCP handle that a net.Server listens with, while somebody else accepts: who calls its `onconnection` hands the server
 * a connection, and net.Server does the rest, `maxConnections` and 'drop' included.
 */
export function newListeningHandle(events: { onClose(): void; onRef(referenced: boolean): void }): TcpHandle {
  const handle = new (tcpHandleClass())(SERVER);
  const { close } = handle;
  return Object.assign(handle, {
    listen: () => 0,
    close(callback?: () => void) {
      events.onClose();
      close.call(handle, callback);
    },
    ref: () => events.onRef(true),
    unref: () => events.onRef(false),
  });
}
