// stdin to the connection, the connection to stdout, one connection at a time.
import type { OnReadOpts } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { pump } from './pump.ts';
import type { Service, Session } from './session.ts';
import type { StandardInput } from './standard-streams.ts';

export interface StandardServiceOptions {
  readonly input: StandardInput;
  readonly output: Writable;
  /** Whether the end of the input ends the sending direction of the connection. */
  readonly shutdown: boolean;
  /** Milliseconds to wait for the other side's end after the input's. Default: for ever. */
  readonly quitAfter?: number | undefined;
}

/** As much as a vsock buffers by default: one read can empty it. */
const BUFFER_SIZE = 256 * 1024;
/** Milliseconds without input, after the other side's end, that mean that nothing more comes. socat has the same. */
const IDLE_MAX = 500;

export class StandardService implements Service {
  // One buffer for everything that is read: fresh memory for each read costs half the speed.
  readonly onread: OnReadOpts = {
    buffer: Buffer.allocUnsafeSlow(BUFFER_SIZE),
    callback: (length, buffer) => this.#socketOnRead(length, buffer),
  };
  readonly #options: StandardServiceOptions;
  readonly #input: Readable;
  readonly #output: Writable;
  #session: Session | undefined;
  #inputHasEnded = false;
  #outputHasFailed = false;
  #peerHasEnded = false;
  #stopSending: (() => void) | undefined;
  // The wait for the other side's end, or for more input: never both.
  #timer: NodeJS.Timeout | undefined;

  constructor(options: StandardServiceOptions) {
    this.#options = options;
    this.#input = options.input.stream;
    this.#output = options.output;
    this.#input.once('end', () => this.#inputOnEnd());
    this.#input.once('error', (error) => this.#inputOnError(error));
    this.#output.on('error', (error) => this.#outputOnError(error));
  }

  /** Whether stdout is closed: then there is no point in another connection. */
  get isOver(): boolean {
    return this.#outputHasFailed;
  }

  serve(session: Session): void {
    const { socket, counters } = session;
    this.#session = session;
    this.#peerHasEnded = false;
    socket.once('end', () => this.#socketOnEnd());
    socket.once('close', () => this.#socketOnClose());
    if (this.#inputHasEnded) this.#endSending();
    else {
      const onTaken = (bytes: number) => {
        counters.addSent(bytes);
        if (this.#peerHasEnded) this.#waitForInput();
      };
      this.#stopSending = pump(this.#input, socket, onTaken, (error) => session.refused(error));
    }
    socket.resume();
  }

  close(): void {
    this.#input.destroy();
  }

  #socketOnRead(length: number, buffer: Uint8Array): boolean {
    const { socket, counters } = this.#session as Session;
    counters.addReceived(length);
    if (this.#outputHasFailed) return true;
    this.#output.write(buffer.subarray(0, length), () => {
      // Several may come in one turn; this may be the callback of one that did not have to wait.
      if (this.#output.writableLength === 0 && socket.isPaused() && !socket.destroyed) socket.resume();
    });
    // Not before it has been written may the buffer be read into again.
    if (this.#output.writableLength > 0) socket.pause();
    return true;
  }

  /** The other side has ended, and all of it has been written. It may still read what this side sends. */
  #socketOnEnd(): void {
    this.#peerHasEnded = true;
    if (this.#inputHasEnded || this.#options.input.type === 'terminal') this.#finish();
    else this.#waitForInput();
  }

  #socketOnClose(): void {
    this.#clearTimer();
    this.#stopSending?.();
    this.#stopSending = undefined;
    this.#session = undefined;
  }

  #inputOnEnd(): void {
    this.#inputHasEnded = true;
    if (this.#session !== undefined) this.#endSending();
  }

  #inputOnError(error: Error): void {
    this.#inputHasEnded = true;
    this.#session?.socket.destroy(new Error(`stdin: ${error.message}`));
  }

  #outputOnError(error: NodeJS.ErrnoException): void {
    this.#outputHasFailed = true;
    // A reader that has gone, as head does, has had what it wanted.
    this.#session?.socket.destroy(error.code === 'EPIPE' ? undefined : new Error(`stdout: ${error.message}`));
  }

  #endSending(): void {
    this.#clearTimer();
    const { shutdown, quitAfter } = this.#options;
    const session = this.#session as Session;
    const { socket } = session;
    if (shutdown) session.complete();
    if (this.#peerHasEnded) {
      this.#finish();
      return;
    }
    const sent = () => {
      if (quitAfter === undefined || socket.destroyed) return;
      this.#timer = setTimeout(() => socket.destroy(), quitAfter);
    };
    // Counted from when everything is sent, so that a slow reader loses nothing.
    if (shutdown) socket.end(sent);
    else socket.write('', sent);
  }

  /** Both directions are done, or the other side's is and nobody will send more. What is written still goes out. */
  #finish(): void {
    this.#session?.socket.destroySoon();
  }

  #waitForInput(): void {
    this.#clearTimer();
    const { input, quitAfter = 0 } = this.#options;
    const { socket } = this.#session as Session;
    if (this.#inputHasEnded || input.type === 'file') return;
    const inputOnIdle = () => {
      // Still sending is not idle; what is sent comes back here.
      if (socket.writableLength === 0) this.#finish();
    };
    this.#timer = setTimeout(inputOnIdle, Math.max(IDLE_MAX, quitAfter));
  }

  #clearTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
