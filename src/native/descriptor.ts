// The descriptors of sockets that libuv holds: which they are, and how they are taken from it, so that the connection
// goes on without its net.Socket.
import net from 'node:net';
import type { Duplex } from 'node:stream';
import type { Binding } from './binding.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const [SOL_SOCKET, SO_TYPE] = process.platform === 'linux' ? [1, 3] : [0xffff, 0x1008];

interface HandleHolder {
  // No public property tells it.
  readonly _handle?: { readonly fd?: unknown } | null;
  /** Of tls.TLSSocket, whose handle has the descriptor of the socket beneath. */
  readonly encrypted?: boolean;
}

/** The descriptor of a net.Socket that is a connected stream socket and nothing more; undefined for all else. */
export function descriptorOf(binding: Binding, stream: Duplex): number | undefined {
  const { _handle, encrypted } = stream as HandleHolder;
  const fd = _handle?.fd;
  if (!(stream instanceof net.Socket) || encrypted || typeof fd !== 'number' || fd < 0) return undefined;
  const type = new Int32Array(1);
  const length = binding.socket_get_option(fd, SOL_SOCKET, SO_TYPE, new Uint8Array(type.buffer));
  return length === 4 && type[0] === SOCK_STREAM ? fd : undefined;
}

/**
 * Takes the connection from the net.Socket that has it as `fd`: a descriptor that is the caller's, or a negative errno.
 * The net.Socket keeps a socket on which nothing happens, and can still be destroyed.
 */
export function takeDescriptor(binding: Binding, fd: number): number {
  // Unconnected, and without a connection to be had: neither readable nor at an end.
  const placeholder = binding.socket_open(AF_UNIX, SOCK_DGRAM, 0);
  return placeholder < 0 ? placeholder : binding.socket_exchange(fd, placeholder);
}
