// How a connected descriptor's bytes reach a net.Socket: the descriptor itself takes the socket's seat (direct), or two
// threads carry them between it and one end of a pair, whose other end does (threads).
import type net from 'node:net';
import type { Address } from '../address/address.ts';
import { type Family, type HvsockError, systemError } from '../errors.ts';
import type { Binding } from '../native/binding.ts';
import type { Seat } from '../native/seat.ts';
import type { ChosenIo } from './transport.ts';

/** Bytes that each thread holds. */
const BUFFER_SIZE = 256 * 1024;
/** How long what was written may take to leave once its socket is closed, in milliseconds; kernels give it 8 s. */
const LINGER = 10_000;

export interface Carrier {
  /** The descriptor by which the connection's options are reached; undefined where threads own it. */
  readonly fd: number | undefined;
  /** Ties what carries the bytes to the socket on the seat: each learns of the other's end. */
  follow(socket: net.Socket): void;
  /** Whether what carries the bytes keeps the process alive, as it does at first; undefined where nothing does. */
  readonly setRef?: (referenced: boolean) => void;
  /** Ends what carries the bytes: nobody was made to hold the seat. */
  abandon(): void;
}

/** A connection to be carried. */
export interface Cargo {
  /** Connected. Taken by `carry`, also on failure. */
  readonly fd: number;
  readonly io: ChosenIo;
  /** The largest single send, in bytes; no limit where undefined. */
  readonly messageSize: number | undefined;
  /** For messages. */
  readonly family: Family;
  readonly address: Address;
}

/** Seats a connected descriptor. Throws, and then the seat is as it was. */
export function carry(binding: Binding, seat: Seat, cargo: Cargo): Carrier {
  if (cargo.io === 'threads') return carryByThreads(binding, seat, cargo);
  const result = seat.adopt(cargo.fd);
  if (result < 0) throw failure(cargo, result, 'dup');
  return { fd: seat.fd, follow() {}, abandon() {} };
}

function failure({ family, address }: Cargo, result: number, syscall: string): HvsockError {
  return systemError(result, syscall, family, `${address}`);
}

function carryByThreads(binding: Binding, seat: Seat, cargo: Cargo): Carrier {
  const { fd, messageSize = 0 } = cargo;
  const pair = new Int32Array(2);
  let result = binding.socket_pair(new Uint8Array(pair.buffer));
  if (result < 0) {
    binding.socket_close(fd);
    throw failure(cargo, result, 'socketpair');
  }
  const [ours, theirs] = pair as unknown as [number, number];
  let follower: net.Socket | undefined;
  let linger: NodeJS.Timeout | undefined;
  let ended = false;
  const pump = binding.pump_start(fd, ours, BUFFER_SIZE, messageSize, true, (result, side) => {
    ended = true;
    clearTimeout(linger);
    // The pair's failures are the socket's own: it has been destroyed.
    if (result < 0 && side === 0) follower?.destroy(failure(cargo, result, 'read'));
  });
  if (typeof pump === 'number') {
    binding.socket_close(theirs);
    throw failure(cargo, pump, 'pthread_create');
  }
  result = seat.adopt(theirs);
  if (result < 0) {
    binding.pump_cancel(pump);
    throw failure(cargo, result, 'dup');
  }
  return {
    fd: undefined,
    follow(socket) {
      follower = socket;
      socket.once('close', () => {
        if (ended) return;
        // What it has written is still to leave.
        binding.pump_set_ref(pump, true);
        binding.pump_finish(pump);
        linger = setTimeout(() => binding.pump_cancel(pump), LINGER);
      });
    },
    setRef: (referenced) => binding.pump_set_ref(pump, referenced),
    abandon: () => binding.pump_cancel(pump),
  };
}
