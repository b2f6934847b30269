// Copies sockets into streams through a pool of buffers. Fresh memory for each read, as streams take it, lets garbage of
// 50 MB pile up before it is collected, and a buffer for each connection breaks up the heap. So all sockets read into one
// buffer, and what they read is copied into one that is used again when the sink has taken it.
import type { OnReadOpts } from 'node:net';
import type { Duplex, Writable } from 'node:stream';

const BUFFER_SIZE = 64 * 1024;
/** Less than this is copied into memory of its own size, so that a sink that waits does not hold a buffer for each byte. */
const SMALL = 4096;
/** Bytes that may wait in a sink: one write under way, and the next at hand. */
const WAITING_MAX = 2 * BUFFER_SIZE;
/** Buffers that are kept; as many more as are in use at one moment come and go. */
const FREE_MAX = 64;

/** Who wants to know of the bytes. */
export interface PumpListener {
  onRead(bytes: number): void;
  /** The sink took them. */
  onTaken?(bytes: number): void;
}

interface Pumping extends PumpListener {
  /** Undefined: what is read is dropped. */
  readonly sink: Writable | undefined;
}

/** Sockets that are to be copied must be made with this `onread`; they emit no 'data'. */
export class PooledPump {
  readonly onread: OnReadOpts;
  readonly #free: Buffer[] = [];
  readonly #pumpings = new WeakMap<Duplex, Pumping>();

  constructor() {
    const socketOnRead = (socket: Duplex, bytes: Uint8Array) => this.#socketOnRead(socket, bytes);
    this.onread = {
      // libuv reads into it when there is something to read, and the callback follows at once.
      buffer: Buffer.allocUnsafeSlow(BUFFER_SIZE),
      // One for all sockets of a server: which of them, only `this` tells.
      callback(this: unknown, length, buffer) {
        socketOnRead(this as Duplex, buffer.subarray(0, length));
        return true;
      },
    };
  }

  /** Copies `socket` into `sink`, or nowhere if that is undefined. Ends and destroys neither. */
  pump(socket: Duplex, sink: Writable | undefined, listener: PumpListener): void {
    this.#pumpings.set(socket, { ...listener, sink });
    socket.resume();
  }

  #socketOnRead(socket: Duplex, bytes: Uint8Array): void {
    const pumping = this.#pumpings.get(socket);
    const { length } = bytes;
    pumping?.onRead(length);
    const sink = pumping?.sink;
    if (sink === undefined) return;
    const buffer = length < SMALL ? undefined : (this.#free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_SIZE));
    buffer?.set(bytes);
    sink.write(buffer?.subarray(0, length) ?? Buffer.from(bytes), (error) => {
      if (buffer !== undefined) this.#release(buffer);
      if (!error) pumping?.onTaken?.(length);
      if (socket.isPaused() && !socket.destroyed && sink.writableLength < WAITING_MAX) socket.resume();
    });
    if (sink.writableLength >= WAITING_MAX) socket.pause();
  }

  #release(buffer: Buffer): void {
    if (this.#free.length < FREE_MAX) this.#free.push(buffer);
  }
}
