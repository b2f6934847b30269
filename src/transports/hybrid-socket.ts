// A Socket over node:net's own unix sockets, with a dialect's handshake before the connection is announced. It stands
// between net.Socket's machinery and the user: until the handshake is over, what net.Socket emits, reads or fails with is
// the attempt's; then nothing stands there any more.
import net from 'node:net';
import type { Address } from '../address/address.ts';
import { type Family, HvsockError, withKind } from '../errors.ts';
import { type Attempt, type Connection, Socket, type StreamOptions, setConnecting } from '../socket.ts';
import type { HandshakeAnswer } from './hybrid-handshake.ts';

/** `connect()` of net.Socket itself, which a `Socket` hides from users. */
const openHandle: (this: net.Socket, options: net.NetConnectOpts) => net.Socket = net.Socket.prototype.connect;

type OnEnd = (error: HvsockError | undefined, connection?: Connection) => void;

/** What one attempt does. */
export interface Handshake {
  /** Where to connect to: a unix socket, or a port of the loopback. */
  readonly to: net.IpcNetConnectOpts | (net.TcpNetConnectOpts & { readonly host: string });
  /** What is sent first; empty where nothing is. */
  readonly greeting: string;
  /** What is awaited then; absent where nothing is answered. */
  readonly answer: HandshakeAnswer | undefined;
  /** For messages. */
  readonly address: Address;
  /** What there is when all went well; `port` is the answer's. */
  connection(port: number | undefined): Connection;
}

interface Try {
  readonly handshake: Handshake;
  readonly onEnd: OnEnd;
}

export class HybridSocket extends Socket {
  #try: Try | undefined;
  #referenced = true;
  // Handles of failed attempts, whose 'close' is not the socket's.
  #abandoned = 0;
  // Bytes of the handshake, which net.Socket counts with the others.
  readonly #overhead = { bytesRead: 0, bytesWritten: 0 };

  static {
    for (const name of ['bytesRead', 'bytesWritten'] as const) {
      Object.defineProperty(HybridSocket.prototype, name, {
        configurable: true,
        get(this: HybridSocket) {
          const counted = Reflect.get(net.Socket.prototype, name, this) as number | undefined;
          return counted === undefined ? undefined : counted - this.#overhead[name];
        },
      });
    }
  }

  constructor(family: Family, options: StreamOptions) {
    super(family, options.onread === undefined ? options : { ...options, onread: gated(options.onread, take) });

    /** Gives the answer's bytes in a read buffer to the handshake: how many of them are the connection's. */
    function take(socket: net.Socket, bytes: Uint8Array): number {
      return (socket as HybridSocket).#takeAnswer(bytes);
    }
  }

  /** One attempt; `onEnd` tells how it ends. An error that `prepare` throws is told so, too. */
  attempt(prepare: () => Handshake, onEnd: OnEnd): Attempt {
    let cancelled = false;
    // In a turn of its own, so that who wraps the socket now (TLS, say) does not take a handle that may be replaced.
    process.nextTick(() => {
      if (cancelled) return;
      let handshake: Handshake;
      try {
        handshake = prepare();
      } catch (error) {
        onEnd(error as HvsockError);
        return;
      }
      this.#start(handshake, onEnd);
    });
    return {
      cancel: () => {
        cancelled = true;
        this.#abandon();
      },
      setRef: (referenced) => this.#setRef(referenced),
    };
  }

  #start(handshake: Handshake, onEnd: OnEnd): void {
    this.#overhead.bytesRead = 0;
    this.#overhead.bytesWritten = 0;
    this.#try = { handshake, onEnd };
    openHandle.call(this, handshake.to);
    if (!this.#referenced) net.Socket.prototype.unref.call(this);
  }

  /** Whether the attempts keep the process alive. */
  #setRef(referenced: boolean): void {
    this.#referenced = referenced;
    // Each attempt has a handle of its own.
    if (this.#try !== undefined) net.Socket.prototype[referenced ? 'ref' : 'unref'].call(this);
  }

  /** Gives up the attempt, and nothing but the attempt. */
  #abandon(): void {
    if (this.#try === undefined) return;
    this.#try = undefined;
    // Closes the handle and leaves the streams alone, so that what was written waits for the next attempt.
    this.#abandoned++;
    net.Socket.prototype._destroy.call(this, null, () => {});
    setConnecting(this, true);
  }

  /**
   * net.Socket resets its streams whenever it makes a handle, for sockets that are connected again after their end. This
   * one has not ended: an `end()` that waits for the connection must not be forgotten.
   * @internal
   */
  _undestroy(): void {}

  #fail(error: HvsockError): void {
    const { onEnd } = this.#try as Try;
    this.#abandon();
    onEnd(error);
  }

  #succeed(port: number | undefined): void {
    const { handshake, onEnd } = this.#try as Try;
    this.#try = undefined;
    onEnd(undefined, handshake.connection(port));
  }

  // net.Socket's own 'connect' and 'ready' say that the path answered, not that the guest did.
  override emit(event: string | symbol, ...values: unknown[]): boolean {
    if (event === 'close' && this.#abandoned > 0) {
      this.#abandoned--;
      return true;
    }
    // net.Socket tells this of its handle, which a failed attempt has let go of before.
    if (event === 'close') return super.emit(event, this.errored != null);
    if (this.#try !== undefined && (event === 'connect' || event === 'ready')) {
      if (event === 'connect') this.#onOpen();
      return true;
    }
    return super.emit(event, ...values);
  }

  #onOpen(): void {
    const attempt = this.#try as Try;
    const { greeting, answer } = attempt.handshake;
    // Written beneath the stream, whose own chunks wait until the connection is announced; and in one piece.
    if (greeting !== '') {
      this.#overhead.bytesWritten = greeting.length;
      net.Socket.prototype._write.call(this, greeting, 'latin1', (error) => {
        if (error && this.#try === attempt) this.#fail(this.#explain(error));
      });
    }
    if (answer !== undefined) this._read(0);
    setConnecting(this, true);
    // net.Socket has still to say 'ready', which is not for the user either.
    if (answer === undefined)
      process.nextTick(() => {
        if (this.#try === attempt) this.#succeed(undefined);
      });
  }

  /** How many of these bytes are the handshake's; those after them are the connection's. */
  #takeAnswer(bytes: Uint8Array): number {
    const answer = this.#try?.handshake.answer;
    if (answer === undefined) return 0;
    try {
      const taken = answer.take(bytes);
      const used = taken?.used ?? bytes.length;
      this.#overhead.bytesRead += used;
      if (taken !== undefined) this.#succeed(taken.port);
      return used;
    } catch (error) {
      if (!(error instanceof HvsockError) || this.#try === undefined) throw error;
      this.#fail(error);
      return bytes.length;
    }
  }

  override push(chunk: Uint8Array | null, encoding?: BufferEncoding): boolean {
    const answer = this.#try?.handshake.answer;
    if (answer === undefined) return super.push(chunk, encoding);
    if (chunk === null) {
      this.#fail(answer.end());
      return false;
    }
    const used = this.#takeAnswer(chunk);
    return used === chunk.length || this.destroyed ? true : super.push(chunk.subarray(used));
  }

  /** net.Socket destroys itself when a connect, or a read of the handshake, fails: then only the attempt ends. */
  override destroy(error?: Error): this {
    // The connect of a handle that an attempt has let go of; net.Socket takes it for the socket's.
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'ECANCELED' && !(error instanceof HvsockError)) {
      setConnecting(this, true);
      return this;
    }
    // What reads a stream by iteration destroys it with null.
    if (error != null && this.#isOfTry(error)) {
      this.#fail(this.#explain(error));
      return this;
    }
    return super.destroy(error);
  }

  /** net.Socket's own errors: of a connect to that path, or the reset by a peer that is to answer. */
  #isOfTry(error: NodeJS.ErrnoException & { address?: string }): boolean {
    const { syscall, code, address } = error;
    if (this.#try === undefined || error instanceof HvsockError) return false;
    const { to, answer } = this.#try.handshake;
    if (syscall === 'connect') return address === ('path' in to ? to.path : to.host);
    return syscall === 'read' && code === 'ECONNRESET' && answer !== undefined;
  }

  #explain(error: Error): HvsockError {
    return withKind(error, 'hybrid', `${this.#try?.handshake.address}`, 'connect') as HvsockError;
  }
}

/** `onread` that keeps the handshake's bytes from the user. */
function gated(onread: net.OnReadOpts, take: (socket: net.Socket, bytes: Uint8Array) => number): net.OnReadOpts {
  return {
    buffer: onread.buffer,
    callback(this: net.Socket, length: number, buffer: Uint8Array) {
      const used = take(this, buffer.subarray(0, length));
      if (used === length || this.destroyed) return true;
      if (used > 0) buffer.copyWithin(0, used, length);
      return onread.callback.call(this, length - used, buffer);
    },
  } as net.OnReadOpts;
}
