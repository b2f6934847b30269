// What a net.Socket sits on until its connection is there. On POSIX systems a placeholder, whose place the connection's
// descriptor takes; on Windows a TCP handle without a socket, which then gets one: see 'Adoption' in ARCHITECTURE.md.
import { openPlaceholder } from './adopt.ts';
import type { Binding } from './binding.ts';
import { newTcpHandle, type TcpHandle } from './tcp-handle.ts';

export interface Seat {
  /** What the constructor of net.Socket takes. */
  readonly stream: { readonly fd: number } | { readonly handle: TcpHandle };
  /** The descriptor by which the connection's options are reached, once it is seated. */
  readonly fd: number;
  /** Seats a connected descriptor, which it takes, also on failure: 0, or the negative number of an error. */
  adopt(fd: number): number;
  /** Gives up a seat that no net.Socket was made on. */
  discard(): void;
}

/** A seat for one net.Socket, or the negative number of an error. */
export function openSeat(binding: Binding): Seat | number {
  if (process.platform === 'win32') return tcpSeat(binding);
  const placeholder = openPlaceholder(binding);
  return placeholder < 0 ? placeholder : placeholderSeat(binding, placeholder);
}

function placeholderSeat(binding: Binding, fd: number): Seat {
  return {
    stream: { fd },
    fd,
    adopt: (connected) => binding.socket_adopt(connected, fd),
    discard: () => binding.socket_close(fd),
  };
}

/** A seat on a TCP handle. */
export function tcpSeat(binding: Binding): Seat & { readonly stream: { readonly handle: TcpHandle } } {
  const handle = newTcpHandle();
  let socket = -1;
  return {
    stream: { handle },
    get fd() {
      return socket;
    },
    adopt(connected) {
      binding.descriptor_taken(connected);
      const result = handle.open(connected);
      if (result < 0) binding.socket_close(connected);
      else socket = connected;
      return result;
    },
    discard: () => handle.close(),
  };
}
