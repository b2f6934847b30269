// A connection whose ends are frames: half close and the last bytes survive where the socket beneath loses them.
import { Duplex } from 'node:stream';
import type { Address } from '../address/address.ts';
import { HvsockError } from '../errors.ts';
import { type ControlFrame, encodeControl, encodeData, FrameParser } from './shutdown-protocol.ts';

export interface FramedOptions {
  /** Milliseconds that a close waits for the other side's. Default: 10000. */
  readonly closeTimeout?: number | undefined;
}

/** What it runs over: a `Socket`, or any stream of bytes both ways that stays half open. */
export interface Beneath extends Duplex {
  readonly localEndpoint?: Address | undefined;
  readonly remoteEndpoint?: Address | undefined;
}

const CLOSE_TIMEOUT = 10_000;
/**
 * How long a connection stays after both have said Close, in milliseconds: the last one to say so cannot know that it was
 * heard, and an end at once could overtake it.
 */
const LINGER = 100;

/**
 * A stream with half close over a connection that may have none. Both sides must be framed. `end()` sends a frame instead of
 * ending the connection; once both sides have ended, or one is destroyed, each sends Close and waits for the other's
 * before the connection itself ends, so that nothing is in flight then.
 *
 * Its errors: `ERR_HVSOCK_PROTOCOL` for what is no frame; code ECONNRESET, kind `reset`, for a connection that ends without
 * a closing frame; EPIPE, kind `reset`, for a write to a side that reads no more.
 */
export class FramedSocket extends Duplex {
  /**
   * Fulfilled when the other side has taken everything that was written, to the `end()`, and says so by its Close; rejected
   * with an error when that can no longer happen. Rejections need no handler.
   */
  readonly drained: Promise<void>;
  readonly #socket: Beneath;
  readonly #parser = new FrameParser();
  readonly #closeTimeout: number;
  #settleDrained: (error?: Error) => void = () => {};
  /** The other side reads no more. */
  #isRefused = false;
  #isOver = false;
  /** The other side has said that it writes no more. */
  #ended = false;
  #onOver: () => void = () => {};

  /** Takes over `socket`, which must be open both ways and have `allowHalfOpen`; nobody else may use it then. */
  constructor(socket: Beneath, { closeTimeout = CLOSE_TIMEOUT }: FramedOptions = {}) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#closeTimeout = closeTimeout;
    this.drained = new Promise((resolve, reject) => {
      this.#settleDrained = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.drained.catch(() => {});
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    socket.once('end', () => this.#onEnd());
    socket.on('error', (error) => this.destroy(error));
    socket.once('close', () => this.#over());
  }

  get localEndpoint(): Address | undefined {
    return this.#socket.localEndpoint;
  }

  get remoteEndpoint(): Address | undefined {
    return this.#socket.remoteEndpoint;
  }

  /** Tells the other side that nothing more is read here, and ends the readable side. */
  shutdownRead(): this {
    if (!this.readableEnded && !this.destroyed) {
      this.#send('shutdown-read');
      this.push(null);
      this.resume();
    }
    return this;
  }

  #send(frame: ControlFrame, sent?: () => void): void {
    if (this.#socket.writable) this.#socket.write(encodeControl(frame), () => sent?.());
    else sent?.();
  }

  #take(bytes: Buffer): void {
    try {
      for (const frame of this.#parser.parse(bytes)) {
        if (typeof frame === 'string') this.#obey(frame);
        // After a close of this side nobody wants it.
        else if (!this.destroyed && !this.readableEnded && !this.#ended && !this.push(frame)) this.#socket.pause();
      }
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  #endReading(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!this.destroyed) this.push(null);
    // What comes are frames now, which nobody's reading holds up.
    this.#socket.resume();
  }

  #obey(frame: ControlFrame): void {
    if (frame === 'shutdown-write') this.#endReading();
    else if (frame === 'shutdown-read') {
      this.#isRefused = true;
      this.#settleDrained(this.#pipeError());
      if (this.destroyed) this.#over();
    } else {
      if (this.writableFinished) this.#settleDrained();
      this.#isRefused = true;
      this.#endReading();
      this.#over();
      // Nobody is there to hear more. What has come is still the reader's.
      if (this.readableEnded) this.destroy();
      else this.once('end', () => this.destroy());
    }
  }

  /** The connection ends; without a Close before, what came may not be all. */
  #onEnd(): void {
    try {
      if (!this.destroyed && !this.#isOver) {
        this.#parser.end();
        if (!this.#ended || !this.writableFinished) throw this.#resetError();
      }
    } catch (error) {
      this.destroy(error as Error);
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
    if (this.#isRefused) {
      callback(this.#pipeError());
      return;
    }
    this.#socket.cork();
    const pieces = [...encodeData(chunk)];
    for (const [index, piece] of pieces.entries()) {
      if (index < pieces.length - 1) this.#socket.write(piece);
      // The last one is there when all are. An error is the socket's, which destroys this.
      else this.#socket.write(piece, (error) => callback(error));
    }
    this.#socket.uncork();
    if (pieces.length === 0) callback();
  }

  override _final(callback: () => void): void {
    this.#send('shutdown-write', callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#settleDestroyed(error);
    const socket = this.#socket;
    if (error !== null || socket.destroyed) {
      socket.destroy();
      callback(error);
      return;
    }
    const deadline = setTimeout(() => this.#onOver(), this.#closeTimeout);
    this.#onOver = () => {
      this.#onOver = () => {};
      clearTimeout(deadline);
      if (this.#isOver) leave(socket);
      else socket.destroy();
      callback();
    };
    socket.resume();
    this.#send('close', () => this.#isOver && this.#onOver());
  }

  #settleDestroyed(error: Error | null): void {
    if (error !== null) this.#settleDrained(error);
    else if (!this.writableFinished) this.#settleDrained(this.#resetError());
  }
}

/** Ends a connection on which all is said: when the other side does, or when what was said last must have arrived. */
function leave(socket: Beneath): void {
  const timer = setTimeout(() => socket.destroy(), LINGER);
  socket.once('end', () => socket.end()).once('close', () => clearTimeout(timer));
}
