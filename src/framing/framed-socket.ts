// A connection whose ends are frames: half close and the last bytes survive where the socket beneath loses them.
import { Duplex } from 'node:stream';
import { uint32Field } from '../address/field.ts';
import { HvsockError, invalidArgument } from '../errors.ts';
import { type Beneath, OverSocket } from './over-socket.ts';
import { type ControlFrame, encodeControl, encodeData, FrameParser } from './shutdown-protocol.ts';

export interface FramedOptions {
  /** Milliseconds that a close waits for the other side's, 0 for not at all. Default: 10000. */
  readonly closeTimeout?: number | undefined;
}

/** The same for who makes one by hand. */
export interface FramedSocketOptions extends FramedOptions {
  /** Keep the writable side open when the other side has ended its own. Default: true, as in `node:stream`. */
  readonly allowHalfOpen?: boolean | undefined;
  /** Bytes buffered in each direction before backpressure sets in. Default: Node's own. */
  readonly highWaterMark?: number | undefined;
}

const CLOSE_TIMEOUT = 10_000;
/** In milliseconds: what a timer of Node's can take. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;
/**
 * How long a connection stays after both have said Close, in milliseconds: the last one to say so cannot know that it was
 * heard, and an end at once could overtake it.
 */
const LINGER = 100;

/** @throws ERR_HVSOCK_INVALID_ARGUMENT */
export function checkFramedOptions({ closeTimeout }: FramedOptions): void {
  if (closeTimeout !== undefined) uint32Field('closeTimeout', closeTimeout, LONGEST_TIMEOUT);
}

/**
 * A stream with half close over a connection that may have none. Both sides must be framed. `end()` sends a frame instead of
 * ending the connection; once both sides have ended, or one is destroyed, each sends Close and waits for the other's
 * before the connection itself ends, so that nothing is in flight then. To the user it is what a `Socket` is, but for
 * being a `stream.Duplex`: 'connect', 'ready', 'retry' and 'timeout' are told, addresses, idle time and `unref()` are there.
 *
 * Its errors, beside those of the socket beneath: `ERR_HVSOCK_PROTOCOL` for what is no frame; code ECONNRESET, kind `reset`,
 * for a connection that ends without a closing frame; EPIPE, kind `reset`, for a write to a side that reads no more. A
 * write to one that has closed is told to its callback only, and closes this side.
 */
export class FramedSocket extends OverSocket {
  /**
   * Fulfilled when the other side's program has read everything that was written, to the `end()`, as its Close says;
   * rejected with an error when that can no longer happen. Rejections need no handler.
   */
  readonly drained: Promise<void>;
  readonly #socket: Beneath;
  readonly #parser = new FrameParser();
  readonly #closeTimeout: number;
  #settleDrained: (error?: Error) => void = () => {};
  /** What was pushed has an end: the other side's, or this one's by shutdownRead(). */
  #readingIsOver = false;
  /** The other side writes no more. */
  #peerHasEnded = false;
  /** The other side reads no more. */
  #isRefused = false;
  /** Nothing more comes from the other side. */
  #isOver = false;
  #saidEnd = false;
  #saidClose = false;
  #isLeaving = false;
  #bytesRead = 0;
  #bytesTaken = 0;
  #onOver: () => void = () => {};

  /** Takes over `socket`, which must be open both ways, or connecting, and have `allowHalfOpen`; nobody else may use it then. */
  constructor(socket: Beneath, options: FramedSocketOptions = {}) {
    if (!(socket instanceof Duplex)) throw invalidArgument('socket', socket, 'a socket or another stream.Duplex');
    checkFramedOptions(options);
    const { closeTimeout = CLOSE_TIMEOUT, allowHalfOpen = true, highWaterMark } = options;
    super(socket, { allowHalfOpen, ...(highWaterMark === undefined ? {} : { highWaterMark }) });
    this.#socket = socket;
    this.#closeTimeout = closeTimeout;
    this.drained = new Promise((resolve, reject) => {
      this.#settleDrained = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.drained.catch(() => {});
    socket.on('data', (bytes: Buffer) => this.#take(this.#parser.parse(bytes)));
    socket.once('end', () => this.#onEnd());
    socket.on('error', (error) => this.destroy(error));
    socket.once('close', () => this.#onEnd());
  }

  /** Bytes of data, without the frames. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Bytes of data, without the frames; as `net.Socket` has it, what is still to be sent is counted. */
  get bytesWritten(): number {
    return this.#bytesTaken + this.writableLength;
  }

  /** Tells the other side that nothing more is read here, and ends the readable side. */
  shutdownRead(): this {
    if (!this.#readingIsOver && !this.destroyed) {
      this.#send('shutdown-read');
      this.#endReading();
      this.resume();
    }
    return this;
  }

  /** After a Close, nothing is sent. */
  #send(frame: ControlFrame, sent?: () => void): void {
    if (!this.#saidClose && this.#socket.writable) this.#socket.write(encodeControl(frame), () => sent?.());
    else sent?.();
  }

  #sayClose(sent: () => void): void {
    this.#send('close', sent);
    this.#saidClose = true;
  }

  #take(frames: Iterator<ControlFrame | Uint8Array>): void {
    let isDone = false;
    try {
      for (;;) {
        const frame = this.#next(frames);
        isDone = frame === undefined;
        if (frame === undefined) return;
        if (typeof frame === 'string') this.#obey(frame);
        else this.#takeData(frame);
      }
    } finally {
      // That a listener threw must not cost the frames behind.
      if (!isDone) process.nextTick(() => this.#take(frames));
    }
  }

  #next(frames: Iterator<ControlFrame | Uint8Array>): ControlFrame | Uint8Array | undefined {
    try {
      return frames.next().value;
    } catch (error) {
      this.destroy(error as Error);
      return undefined;
    }
  }

  #takeData(data: Uint8Array): void {
    // After a close of this side nobody wants it.
    if (this.#readingIsOver || this.destroyed) return;
    this.#bytesRead += data.length;
    if (!this.push(data)) this.#socket.pause();
  }

  #endReading(): void {
    if (this.#readingIsOver) return;
    this.#readingIsOver = true;
    if (!this.destroyed) this.push(null);
    // What comes are frames now, which nobody's reading holds up.
    this.#socket.resume();
  }

  /** Whether the program has had all that the other side wrote. */
  get #hasReadAll(): boolean {
    return this.#peerHasEnded && this.readableLength === 0;
  }

  #obey(frame: ControlFrame): void {
    if (frame === 'shutdown-write') {
      this.#peerHasEnded = true;
      this.#endReading();
    } else if (frame === 'shutdown-read') {
      this.#isRefused = true;
      this.#settleDrained(this.#pipeError());
      if (this.destroyed) this.#over();
    } else {
      // Without a ShutdownRead before, it has read what was sent so far.
      this.#settleDrained(this.#saidEnd ? undefined : this.#closedError());
      this.#isRefused = true;
      this.#peerHasEnded = true;
      this.#endReading();
      this.#over();
      // What has come is still the reader's; then there is nothing more to say.
      const answer = () => this.#sayClose(() => this.#leave());
      if (this.#hasReadAll) answer();
      else this.once('end', answer);
    }
  }

  /** The connection ends; without a Close before, what came may not be all. */
  #onEnd(): void {
    if (!this.destroyed && !this.#isOver) {
      try {
        this.#parser.end();
        if (!this.#peerHasEnded || !this.writableFinished) throw this.#resetError();
      } catch (error) {
        this.destroy(error as Error);
      }
    }
    this.#over();
  }

  /** Nothing more is to come from the other side. */
  #over(): void {
    this.#isOver = true;
    this.#settleDrained(this.#resetError());
    this.#onOver();
  }

  #resetError(): HvsockError {
    return new HvsockError('framed connection: it ended without a closing frame; the last bytes may be lost', {
      code: 'ECONNRESET',
      kind: 'reset',
    });
  }

  #closedError(): HvsockError {
    return new HvsockError('framed connection: the other side closed it before end() was sent', {
      code: 'ECONNRESET',
      kind: 'reset',
    });
  }

  #pipeError(): HvsockError {
    return new HvsockError('write EPIPE: the other side of the framed connection reads no more', {
      code: 'EPIPE',
      kind: 'reset',
      syscall: 'write',
    });
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#write([chunk], callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    this.#write(
      chunks.map(({ chunk }) => chunk),
      callback,
    );
  }

  #write(chunks: readonly Buffer[], callback: (error?: Error | null) => void): void {
    if (this.#isRefused) {
      // To one that has closed, it is a last word, as TLS has: told to who wrote it, and no more than the end.
      if (this.#isOver) this.destroy();
      callback(this.#pipeError());
      return;
    }
    const taken = (error?: Error | null) => {
      if (!error) for (const { length } of chunks) this.#bytesTaken += length;
      callback(error);
    };
    this.#socket.cork();
    const pieces = chunks.flatMap((chunk) => [...encodeData(chunk)]);
    for (const [index, piece] of pieces.entries()) {
      // The last one is taken when all are. An error is the socket's, which destroys this.
      if (index < pieces.length - 1) this.#socket.write(piece);
      else this.#socket.write(piece, taken);
    }
    this.#socket.uncork();
    if (pieces.length === 0) callback();
  }

  override _final(callback: () => void): void {
    this.#saidEnd = true;
    this.#send('shutdown-write', callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (error !== null || !this.#saidEnd) this.#settleDrained(error ?? this.#abandonedError());
    const socket = this.#socket;
    // A connection that is not there yet has nothing in flight.
    if (error !== null || socket.destroyed || this.connecting) {
      socket.destroy();
      super._destroy(error, callback);
      return;
    }
    const deadline = this._startTimer(() => this.#onOver(), this.#closeTimeout);
    this.#onOver = () => {
      this.#onOver = () => {};
      clearTimeout(deadline);
      if (this.#isOver) this.#leave();
      else socket.destroy();
      super._destroy(null, callback);
    };
    socket.resume();
    // In one segment, lest a write comes between the two.
    socket.cork();
    // Or the Close would tell the other side that its bytes were wanted, and read.
    if (!this.#readingIsOver || (this.#peerHasEnded && !this.#hasReadAll)) this.#send('shutdown-read');
    this.#sayClose(() => this.#isOver && this.#onOver());
    socket.uncork();
  }

  #abandonedError(): HvsockError {
    return new HvsockError('framed connection: it was destroyed before its end() was sent', {
      code: 'ECONNRESET',
      kind: 'reset',
    });
  }

  /** Ends a connection on which all is said: when the other side does, or when what was said last must have arrived. */
  #leave(): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    const socket = this.#socket;
    const timer = this._startTimer(() => socket.destroy(), LINGER);
    socket.once('end', () => socket.end()).once('close', () => clearTimeout(timer));
  }
}
