// Listening on AF_VSOCK: for our own Server, which accepts in the addon, and for other people's, where libuv does.
import type net from 'node:net';
import type { VsockAddress } from '../address/vsock.ts';
import { type HvsockError, systemError } from '../errors.ts';
import { openListeningPlaceholder, openPlaceholder } from '../native/adopt.ts';
import type { Binding, Operation } from '../native/binding.ts';
import { loadBinding } from '../native/load.ts';
import { type Endpoints, Socket, socketConnected } from '../socket.ts';
import { attachServer } from './attached-server.ts';
import type { AcceptOptions, Listener, ListenerEvents, ListenerOptions } from './transport.ts';
import { check, openSocket, readName, setBuffers, VsockConnection } from './vsock-system.ts';

/** How long a listener that could not accept waits before it tries again, in milliseconds. */
const ACCEPT_PAUSE = 100;

/** A listening descriptor, bound to the address that it tells. */
function openListener(binding: Binding, target: VsockAddress, options: ListenerOptions): number {
  const fd = openSocket(binding, target);
  try {
    setBuffers(binding, fd, options);
    check(binding.socket_bind(fd, target.toSockaddr()), 'bind', target);
    check(binding.socket_listen(fd, options.backlog), 'listen', target);
    return fd;
  } catch (error) {
    binding.socket_close(fd);
    throw error;
  }
}

export class VsockListener implements Listener {
  readonly address: VsockAddress;
  readonly #binding: Binding;
  readonly #accepting: AcceptOptions;
  readonly #events: ListenerEvents;
  readonly #operation: Operation;
  // One placeholder is always kept ready, so that a connection never arrives at a process without a descriptor for it:
  // accept itself then fails, and the connection waits in the backlog.
  #spare: number;
  #pause: NodeJS.Timeout | undefined;
  #referenced = true;
  #closed = false;

  constructor(
    binding: Binding,
    target: VsockAddress,
    options: ListenerOptions,
    accepting: AcceptOptions,
    events: ListenerEvents,
  ) {
    this.#binding = binding;
    this.#accepting = accepting;
    this.#events = events;
    this.#spare = check(openPlaceholder(binding), 'socket', target);
    try {
      const fd = openListener(binding, target, options);
      this.address = readName(binding, fd, 'local');
      const started = binding.listener_start(fd, (result) => this.#onAccept(result));
      if (typeof started === 'number') throw systemError(started, 'listen', 'vsock', target.toString());
      this.#operation = started;
    } catch (error) {
      binding.socket_close(this.#spare);
      throw error;
    }
  }

  #onAccept(result: number): void {
    if (result < 0) {
      this.#pauseFor(systemError(result, 'accept', 'vsock', this.address.toString()));
      return;
    }
    let local: VsockAddress;
    let remote: VsockAddress;
    try {
      if (this.#spare < 0) this.#spare = check(openPlaceholder(this.#binding), 'accept', this.address);
      local = readName(this.#binding, result, 'local');
      remote = readName(this.#binding, result, 'peer');
    } catch (error) {
      // No descriptor for it, or the client was gone before it could be named.
      this.#binding.socket_close(result);
      this.#events.onTrouble(error as HvsockError);
      return;
    }
    this.#events.onIncoming({
      local,
      remote,
      accept: () => this.#accept(result, local, remote),
      refuse: () => this.#binding.socket_close(result),
    });
  }

  #accept(fd: number, local: VsockAddress, remote: VsockAddress): Socket {
    // There is a spare, unless the listener was closed just now, by whoever decided to accept.
    const placeholder = this.#spare >= 0 ? this.#spare : openPlaceholder(this.#binding);
    if (placeholder < 0) this.#binding.socket_close(fd);
    const socket = new Socket('vsock', this.#accepting, check(placeholder, 'accept', this.address));
    // Frees a descriptor, which the next spare takes.
    check(this.#binding.socket_adopt(fd, placeholder), 'dup', this.address);
    this.#spare = this.#closed ? -1 : openPlaceholder(this.#binding);
    if (this.#accepting.pauseOnConnect) socket.pause();
    socketConnected(socket, new VsockConnection(placeholder, local, remote), false);
    return socket;
  }

  #pauseFor(error: HvsockError): void {
    this.#pause = setTimeout(() => {
      if (this.#spare < 0) this.#spare = openPlaceholder(this.#binding);
      const result = this.#spare < 0 ? this.#spare : this.#binding.listener_resume(this.#operation);
      if (result < 0) this.#pauseFor(systemError(result, 'accept', 'vsock', this.address.toString()));
    }, ACCEPT_PAUSE);
    if (!this.#referenced) this.#pause.unref();
    this.#events.onTrouble(error);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#pause);
    this.#binding.operation_cancel(this.#operation);
    if (this.#spare >= 0) this.#binding.socket_close(this.#spare);
    this.#spare = -1;
  }

  setRef(referenced: boolean): void {
    this.#referenced = referenced;
    this.#binding.operation_set_ref(this.#operation, referenced);
    if (referenced) this.#pause?.ref();
    else this.#pause?.unref();
  }
}

/** Where node:net keeps the descriptor of a socket that libuv accepted: no public property tells it. */
interface HandleHolder {
  readonly _handle?: { readonly fd?: unknown } | null;
}

/** The addresses of a socket that libuv accepted. */
function endpointsOf(socket: net.Socket): Endpoints | undefined {
  const fd = (socket as HandleHolder)._handle?.fd;
  if (typeof fd !== 'number' || fd < 0) return undefined;
  try {
    const binding = loadBinding();
    return { localEndpoint: readName(binding, fd, 'local'), remoteEndpoint: readName(binding, fd, 'peer') };
  } catch {
    // Gone already: a closed socket of net's has no addresses either.
    return undefined;
  }
}

/** Makes a `net.Server` of somebody else listen; accepting is then libuv's. */
export function attach(server: net.Server, target: VsockAddress, options: ListenerOptions): void {
  const binding = loadBinding();
  const placeholder = check(openListeningPlaceholder(binding), 'socket', target);
  let fd: number;
  let address: VsockAddress;
  try {
    fd = openListener(binding, target, options);
    address = readName(binding, fd, 'local');
  } catch (error) {
    binding.socket_close(placeholder);
    throw error;
  }
  // libuv polls the descriptor from the next turn of the loop on, so it never sees the placeholder listen.
  server.listen({ fd: placeholder, backlog: options.backlog, exclusive: true });
  check(binding.socket_adopt(fd, placeholder), 'dup', target);
  attachServer(server, address, endpointsOf);
}
