// Connecting through the addon, whatever the family: the addon connects, and what it has connected is then seated where a
// net.Socket waits for it.
import type { Address } from '../address/address.ts';
import { HvsockError, systemError } from '../errors.ts';
import type { Operation } from '../native/binding.ts';
import { loadBinding } from '../native/load.ts';
import { openSeat, type Seat } from '../native/seat.ts';
import { type Attempt, type Connection, Socket, type StreamOptions } from '../socket.ts';
import { carry } from './carry.ts';
import { attachNative } from './native-attach.ts';
import type { Ends, NativeFamily } from './native-family.ts';
import { NativeListener } from './native-listener.ts';
import type { AttemptOptions, ChosenIo, IoOptions, Transport } from './transport.ts';

type OnEnd = (error: HvsockError | undefined, connection?: Connection) => void;

interface Seated {
  /** What the socket waits on; the number of an error, or an error, where there is nothing. */
  readonly seat: Seat | number | HvsockError;
  readonly messageSize: number | undefined;
}

const seated = new WeakMap<Socket, Seated>();

/** The transport of a family that the operating system has. */
export function nativeTransport(family: NativeFamily): Transport {
  return {
    family: family.family,
    createSocket: (options) => createSocket(family, options),
    connect(socket, target, options, onEnd) {
      family.checkOptions(options);
      return new NativeAttempt(family, socket, target, options, onEnd);
    },
    listen(target, options, accepting, events) {
      family.checkOptions(options);
      const binding = loadBinding();
      const open = (io: ChosenIo) => new NativeListener({ binding, family, target, io, options }, accepting, events);
      return withIo(family, options, open);
    },
    attach(server, target, options) {
      family.checkOptions(options);
      const binding = loadBinding();
      let closed = false;
      const serverOnClose = () => {
        closed = true;
      };
      server.once('close', serverOnClose);
      return withIo(family, options, (io) => {
        server.off('close', serverOnClose);
        if (!closed) attachNative({ binding, family, target, io, options }, server);
      });
    },
  };
}

/** Goes on once it is known how bytes are carried: at once, unless that must be tried first. */
function withIo<T>(family: NativeFamily, { io = 'auto' }: IoOptions, go: (io: ChosenIo) => T): T | Promise<T> {
  const chosen = io === 'auto' ? family.chooseIo() : io;
  return chosen instanceof Promise ? chosen.then(go) : go(chosen);
}

function createSocket(family: NativeFamily, options: StreamOptions): Socket {
  let seat: Seat | number | HvsockError;
  try {
    seat = openSeat(loadBinding());
  } catch (error) {
    seat = error as HvsockError;
  }
  const stream = typeof seat === 'number' || seat instanceof HvsockError ? undefined : seat.stream;
  const socket = new Socket(family.family, options, stream);
  seated.set(socket, { seat, messageSize: options.messageSize });
  return socket;
}

class NativeAttempt implements Attempt {
  readonly #family: NativeFamily;
  readonly #socket: Socket;
  readonly #target: Address;
  readonly #options: AttemptOptions;
  readonly #onEnd: OnEnd;
  #operation: Operation | undefined;
  #cancelled = false;
  #referenced = true;

  constructor(family: NativeFamily, socket: Socket, target: Address, options: AttemptOptions, onEnd: OnEnd) {
    this.#family = family;
    this.#socket = socket;
    this.#target = target;
    this.#options = options;
    this.#onEnd = onEnd;
    try {
      this.#start();
    } catch (error) {
      process.nextTick(() => this.#fail(error));
    }
  }

  #start(): void {
    const { seat } = seated.get(this.#socket) as Seated;
    if (typeof seat === 'number') throw systemError(seat, 'socket', this.#family.family, `${this.#target}`);
    if (seat instanceof HvsockError) throw seat;
    const opening = withIo(this.#family, this.#options, (io) => {
      if (!this.#cancelled) this.#open(seat, io);
    });
    opening?.catch((error) => this.#fail(error));
  }

  #fail(error: unknown): void {
    if (!this.#cancelled) this.#onEnd(error as HvsockError);
  }

  /** Opens, prepares and starts. */
  #open(seat: Seat, io: ChosenIo): void {
    const binding = loadBinding();
    const sockaddr = this.#family.sockaddrOf(this.#target, this.#options);
    const fd = this.#family.openConnecting(binding, this.#target, this.#options);
    const started = binding.connect_start(fd, sockaddr, (result) => this.#finish(seat, io, result));
    if (typeof started === 'number') {
      process.nextTick(() => this.#finish(seat, io, started === 0 ? fd : started));
      return;
    }
    this.#operation = started;
    if (!this.#referenced) binding.operation_set_ref(started, false);
  }

  #finish(seat: Seat, io: ChosenIo, result: number): void {
    if (this.#cancelled) {
      if (result >= 0) loadBinding().socket_close(result);
      return;
    }
    let connection: Connection;
    try {
      connection = this.#seat(seat, io, result);
    } catch (error) {
      this.#onEnd(error as HvsockError);
      return;
    }
    this.#onEnd(undefined, connection);
  }

  #seat(seat: Seat, io: ChosenIo, result: number): Connection {
    const { family } = this.#family;
    const binding = loadBinding();
    if (result < 0) throw systemError(result, 'connect', family, `${this.#target}`);
    const fd = result;
    let ends: Ends;
    try {
      ends = { local: this.#family.readName(binding, fd, 'local'), remote: this.#target };
    } catch (error) {
      binding.socket_close(fd);
      throw error;
    }
    const { messageSize } = seated.get(this.#socket) as Seated;
    const carrier = carry(binding, seat, { fd, io, messageSize, family, address: this.#target });
    carrier.follow(this.#socket);
    const connection = this.#family.connection(carrier.fd, ends, this.#options);
    if (carrier.setRef !== undefined) connection.setRef = carrier.setRef;
    return connection;
  }

  cancel(): void {
    this.#cancelled = true;
    if (this.#operation !== undefined) loadBinding().operation_cancel(this.#operation);
  }

  setRef(referenced: boolean): void {
    this.#referenced = referenced;
    if (this.#operation !== undefined) loadBinding().operation_set_ref(this.#operation, referenced);
  }
}
