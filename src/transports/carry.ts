// How a connected descriptor's bytes reach a net.Socket: the descriptor itself takes the socket's seat (direct), or two
// threads pump between it and a pair whose other end does (threads).
import type net from 'node:net';
import type { Address } from '../address/address.ts';
import { type Family, systemError } from '../errors.ts';
import type { Binding } from '../native/binding.ts';
import type { Seat } from '../native/seat.ts';
import type { ChosenIo } from './transport.ts';

export interface Carrier {
  /** The descriptor by which the connection's options are reached; undefined where threads own it. */
  readonly fd: number | undefined;
  /** Ties what carries the bytes to the socket on the seat: each learns of the other's end. */
  follow(socket: net.Socket): void;
}

/** Seats a connected descriptor, which it takes, also on failure. Throws. */
export function carry(
  binding: Binding,
  family: Family,
  seat: Seat,
  io: ChosenIo,
  fd: number,
  address: Address,
): Carrier {
  const check = (result: number, syscall: string) => {
    if (result < 0) throw systemError(result, syscall, family, `${address}`);
  };
  if (io === 'direct') {
    check(seat.adopt(fd), 'dup');
    return { fd: seat.fd, follow() {} };
  }
  throw systemError(binding.socket_pair(new Int32Array(2)), 'socketpair', family, `${address}`);
}
