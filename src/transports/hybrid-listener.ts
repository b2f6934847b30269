// Listening on unix sockets: for our own Server, by way of a net.Server within, and for other people's.
import { once } from 'node:events';
import { chmodSync, chownSync, statSync } from 'node:fs';
import net from 'node:net';
import { dirname } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type { Address } from '../address/address.ts';
import { type HvsockError, systemError, withKind } from '../errors.ts';
import { readThrough } from '../read-through.ts';
import { type Connection, type Endpoints, type Socket, socketFromAccepted } from '../socket.ts';
import { attachServer } from './attached-server.ts';
import { openLoopback } from './loopback-port.ts';
import { removeSighted, type Sighting, sight } from './sighting.ts';
import type { AcceptOptions, Listener, ListenerEvents, ListenerOptions, PathOptions } from './transport.ts';

/** Where to listen: the file, and the address that it stands for. */
export interface Place {
  readonly path: string;
  readonly address: Address;
  /** Whether the file is to name a port of the loopback. Default: false, it is the socket. */
  readonly onLoopback?: boolean;
}

/** Finds out who has connected, and tells it if that ends well; else closes the socket. */
export type Meeting = (accepted: net.Socket, known: (connection: Connection) => void) => void;

export async function listen(
  place: Place,
  options: ListenerOptions,
  accepting: AcceptOptions,
  events: ListenerEvents,
  meet: Meeting,
): Promise<Listener> {
  const { address } = place;
  const { family } = address;
  const { allowHalfOpen = false, highWaterMark, pauseOnConnect = false } = accepting;
  const server = net.createServer({
    allowHalfOpen,
    pauseOnConnect,
    // For the loopback; unix sockets wait for nothing.
    noDelay: true,
    ...(highWaterMark === undefined ? {} : { highWaterMark }),
  });
  server.on('connection', (accepted) => {
    meet(accepted, (connection) => {
      events.onIncoming({
        local: connection.local,
        remote: connection.remote,
        accept: () => acceptSocket(accepted, connection, accepting),
        refuse: () => accepted.destroy(),
      });
    });
  });
  const listening = once(server, 'listening');
  try {
    await Promise.all([open(server, place, options), listening]);
  } catch (error) {
    throw withKind(error as Error, family, `${address}`);
  }
  server.on('error', (error) => events.onTrouble(withKind(error, family, `${address}`) as HvsockError));
  return {
    address,
    close: () => server.close(),
    setRef: (referenced) => {
      server[referenced ? 'ref' : 'unref']();
    },
  };
}

/** Makes a `net.Server` of somebody else listen. */
export function attach(
  server: net.Server,
  place: Place,
  options: ListenerOptions,
  endpointsOf: (socket: net.Socket) => Endpoints | undefined,
): void | Promise<void> {
  const name = () => attachServer(server, place.address, endpointsOf);
  const opening = open(server, place, options);
  if (opening instanceof Promise) return opening.then(name);
  name();
}

/** Opens the socket, and removes a stale one before. The server's 'listening' or 'error' follows. */
export function open(server: net.Server, place: Place, options: ListenerOptions): void | Promise<void> {
  const { path, address } = place;
  if (place.onLoopback) return openLoopback(server, place, options.backlog);
  try {
    // libuv tells of a missing directory as of one that is closed.
    statSync(dirname(path));
  } catch (error) {
    throw systemError((error as NodeJS.ErrnoException).errno ?? 0, 'listen', address.family, `${address}`);
  }
  if (!sight(path)?.stats.isSocket()) return bind(server, place, options);
  let closed = false;
  server.once('close', () => {
    closed = true;
  });
  return staleSocket(path).then((stale) => {
    // In one turn with what follows, so that nothing comes between, but for other processes.
    if (stale !== undefined) removeSighted(stale);
    if (!closed) bind(server, place, options);
  });
}

/** Binds and listens at once; a failure of these two is told by 'error'. */
function bind(server: net.Server, { path, address }: Place, options: ListenerOptions): void {
  const { mode } = options;
  // The mask is the process's and out of a worker's reach, so there a socket has the wider rights for an instant.
  const mask = mode !== undefined && isMainThread ? process.umask(0o777 & ~mode) : undefined;
  try {
    server.listen({ path, backlog: options.backlog, exclusive: true });
  } finally {
    if (mask !== undefined) process.umask(mask);
  }
  if (!server.listening) return;
  try {
    setRights(path, options);
  } catch (error) {
    server.close();
    const { errno = 0, syscall = 'chmod' } = error as NodeJS.ErrnoException;
    throw systemError(errno, syscall, address.family, `${address}`);
  }
}

function setRights(path: string, { mode, uid, gid }: PathOptions): void {
  // -1 leaves the owner as it is.
  if (uid !== undefined || gid !== undefined) chownSync(path, uid ?? -1, gid ?? -1);
  if (mode !== undefined) chmodSync(path, mode);
}

/** The file at the path, if it is a socket that nobody answers on. */
function staleSocket(path: string): Promise<Sighting | undefined> {
  const socket = sight(path);
  return new Promise((resolve) => {
    const probe = net.connect(path);
    // A server must not be the worse for being asked: it sees a client that says nothing and ends.
    probe.once('connect', () => {
      probe.resume().end().unref();
      resolve(undefined);
    });
    probe.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED' ? socket : undefined));
  });
}

function acceptSocket(accepted: net.Socket, connection: Connection, options: AcceptOptions): Socket {
  const { onread } = options;
  const socket = socketFromAccepted(accepted, connection.local.family, connection, options);
  if (onread !== undefined) readThrough(socket, onread);
  return socket;
}
