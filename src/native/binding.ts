// What the addon promises, in types and sentences. Implemented by native/addon.c.
// Every result that is a number is 0 or more, or the negative number of an error: an errno, on Windows one of Winsock's,
// or libuv's own. Nothing here throws for a failed call. On Windows a descriptor is a SOCKET.

declare const operation: unique symbol;

/** A connect under way, or a listener that accepts. It owns its descriptor until it ends. */
export interface Operation {
  readonly [operation]: never;
}

declare const pump: unique symbol;

/** Two sockets whose bytes are carried outside the event loop. It owns both descriptors until it ends. */
export interface Pump {
  readonly [pump]: never;
}

export interface Binding {
  /** A new socket, non-blocking and close-on-exec: its descriptor. */
  socket_open(family: number, type: number, protocol: number): number;
  socket_close(fd: number): number;
  /** For a socket that came from elsewhere. */
  socket_make_nonblocking(fd: number): number;
  socket_bind(fd: number, address: Uint8Array): number;
  socket_listen(fd: number, backlog: number): number;
  /** Writes the local address into `address`: its length. */
  socket_local_name(fd: number, address: Uint8Array): number;
  /** Writes the peer's address into `address`: its length. */
  socket_peer_name(fd: number, address: Uint8Array): number;
  socket_set_option(fd: number, level: number, name: number, value: Uint8Array): number;
  /** Writes the option into `value`: its length. */
  socket_get_option(fd: number, level: number, name: number, value: Uint8Array): number;
  socket_shutdown(fd: number, how: 0 | 1 | 2): number;
  /** Writes two descriptors into the bytes of an `Int32Array(2)`: sockets of a kind that libuv knows, connected. */
  socket_pair(pair: Uint8Array): number;
  /** Puts the socket `from` in the place of the descriptor `into`. `from` is closed, also on failure. */
  socket_adopt(from: number, into: number): number;
  /**
   * Takes a socket out of the hands of a net.Socket: `placeholder` takes the place of its descriptor `fd`, and what `fd`
   * was is the answer, a new descriptor. `placeholder` is closed, also on failure.
   */
  socket_exchange(fd: number, placeholder: number): number;
  /**
   * Says that a descriptor which a callback was given has another owner now. What closes a descriptor, or takes it, says so
   * by itself; what nobody has taken when a callback throws, or its worker is terminated, is closed.
   */
  descriptor_taken(fd: number): void;
  /** An ioctl that answers with one unsigned 32-bit number. */
  descriptor_ioctl(fd: number, request: number): number;

  /**
   * Connects. Takes the descriptor, except when it answers 0: then the socket is connected already. An operation
   * means that `onEnd` follows exactly once, unless it is cancelled: with the connected descriptor, which is the
   * callee's from then on, or with an errno.
   */
  connect_start(fd: number, address: Uint8Array, onEnd: (result: number) => void): Operation | number;
  /**
   * Accepts on a listening descriptor, which it takes. `onAccept` gets each new descriptor, its own from then on; or
   * an errno, after which the listener pauses.
   */
  listener_start(fd: number, onAccept: (result: number) => void): Operation | number;
  /** Accepts again after an errno. */
  listener_resume(listener: Operation): number;
  /** Ends the operation and closes its descriptor; no callback follows. Harmless once it has ended. */
  operation_cancel(operation: Operation): void;
  /** Whether the operation keeps the process alive. */
  operation_set_ref(operation: Operation, referenced: boolean): void;

  /**
   * Carries the bytes of each of two connected stream sockets to the other, in two threads. Takes both descriptors, also
   * on failure, and makes their sockets blocking. The end of one stream is carried on as the end of what the other
   * socket is sent; where a socket takes no more, its pair is no longer read; a failed read ends both directions.
   * `bufferSize` bytes are held for each direction; no single send has more than `messageSize` bytes, unless that is 0.
   *
   * With `isCarrier`, the second socket is one end of a pair whose holder takes it for the first socket: every failure
   * ends both directions, and `onEnd` comes before the holder can take a failure for an end.
   *
   * The heads are bytes that have been read already from the first and from the second socket; they are sent first.
   *
   * `onEnd` follows exactly once, when both directions have ended and both descriptors are closed; a carrier's are closed
   * after it. It gets 0 or the errno of the first failure, which socket failed, and whether in sending.
   */
  pump_start(
    first: number,
    second: number,
    bufferSize: number,
    messageSize: number,
    isCarrier: boolean,
    onEnd: (result: number, side: 0 | 1, inSend: boolean) => void,
    firstHead?: Uint8Array,
    secondHead?: Uint8Array,
  ): Pump | number;
  /** Bytes that came from the first socket (0) or the second (1) and have been sent to the other; at any time. */
  pump_count(pump: Pump, source: 0 | 1): number;
  /** The holder of a carrier's pair is gone: what it has sent is still carried, then both directions end. */
  pump_finish(pump: Pump): void;
  /** Ends both directions; `onEnd` follows with ECANCELED, or with the failure before. Harmless once it has ended. */
  pump_cancel(pump: Pump): void;
  /** Whether the pump keeps the process alive. */
  pump_set_ref(pump: Pump, referenced: boolean): void;
}
