// Listening for our own Server, which accepts in the addon, whatever the family.
import type { Address } from '../address/address.ts';
import { systemError } from '../errors.ts';
import type { Binding } from '../native/binding.ts';
import { openSeat, type Seat } from '../native/seat.ts';
import { Socket, socketConnected } from '../socket.ts';
import { Acceptor } from './acceptor.ts';
import { type Carrier, carry } from './carry.ts';
import type { Ends, Listening, NativeFamily } from './native-family.ts';
import type { AcceptOptions, ChosenIo, Listener, ListenerEvents } from './transport.ts';

export class NativeListener implements Listener {
  readonly #binding: Binding;
  readonly #family: NativeFamily;
  readonly #io: ChosenIo;
  readonly #accepting: AcceptOptions;
  readonly #acceptor: Acceptor;
  // One seat is always kept ready, so that a connection never arrives at a process without a descriptor for it: accept
  // itself then fails, and the connection waits in the backlog.
  #spare: Seat | undefined;
  #closed = false;

  constructor(listening: Listening, accepting: AcceptOptions, events: ListenerEvents) {
    const { binding, family, target, io } = listening;
    this.#binding = binding;
    this.#family = family;
    this.#io = io;
    this.#accepting = accepting;
    try {
      this.#acceptor = new Acceptor(listening, {
        makeRoom: () => {
          this.#spare ??= this.#openSeat(this.#acceptor?.address ?? target);
        },
        onConnection: (fd, ends) =>
          events.onIncoming({
            ...ends,
            accept: () => this.#accept(fd, ends),
            refuse: () => binding.socket_close(fd),
          }),
        onTrouble: (error) => events.onTrouble(error),
      });
    } catch (error) {
      this.#dropSpare();
      throw error;
    }
  }

  get address(): Address {
    return this.#acceptor.address;
  }

  #openSeat(address: Address): Seat {
    const seat = openSeat(this.#binding);
    const syscall = this.#acceptor === undefined ? 'socket' : 'accept';
    if (typeof seat === 'number') throw systemError(seat, syscall, this.#family.family, address.toString());
    return seat;
  }

  #accept(fd: number, ends: Ends): Socket {
    let seat: Seat;
    try {
      // There is a spare, unless the listener was closed just now, by whoever decided to accept.
      seat = this.#spare ?? this.#openSeat(this.address);
    } catch (error) {
      this.#binding.socket_close(fd);
      throw error;
    }
    this.#spare = undefined;
    const { family } = this.#family;
    const socket = new Socket(family, this.#accepting, seat.stream);
    // Frees a descriptor, which the next spare takes.
    const { messageSize } = this.#accepting;
    let carrier: Carrier;
    try {
      carrier = carry(this.#binding, seat, { fd, io: this.#io, messageSize, family, address: this.address });
    } catch (error) {
      socket.destroy();
      throw error;
    }
    carrier.follow(socket);
    const next = this.#closed ? -1 : openSeat(this.#binding);
    if (typeof next !== 'number') this.#spare = next;
    if (this.#accepting.pauseOnConnect) socket.pause();
    const connection = this.#family.connection(carrier.fd, ends, {});
    if (carrier.setRef !== undefined) connection.setRef = carrier.setRef;
    socketConnected(socket, connection, false);
    return socket;
  }

  #dropSpare(): void {
    this.#spare?.discard();
    this.#spare = undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#acceptor.close();
    this.#dropSpare();
  }

  setRef(referenced: boolean): void {
    this.#acceptor.setRef(referenced);
  }
}
