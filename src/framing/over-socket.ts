// A stream over a socket that tells its user what the socket tells: addresses, events, idle time. Knows no frames.
import type net from 'node:net';
import { Duplex, type DuplexOptions } from 'node:stream';
import type { Address } from '../address/address.ts';

const toldProperties = [
  'localEndpoint',
  'remoteEndpoint',
  'localAddress',
  'localPort',
  'localFamily',
  'remoteAddress',
  'remotePort',
  'remoteFamily',
  'timeout',
] as const;
const toldEvents = ['connect', 'ready', 'retry', 'timeout'];

interface Endpoints {
  readonly localEndpoint?: Address | undefined;
  readonly remoteEndpoint?: Address | undefined;
}
type SocketProperty = Exclude<(typeof toldProperties)[number], keyof Endpoints>;

/** What it runs over: a `Socket`, or any stream of bytes both ways that stays half open. */
export interface Beneath
  extends Duplex,
    Endpoints,
    Partial<Pick<net.Socket, SocketProperty | 'connecting' | 'pending' | 'setTimeout' | 'ref' | 'unref'>> {}

/** All of a socket but its bytes and its end, which are a subclass's. */
export abstract class OverSocket extends Duplex {
  declare readonly localEndpoint: Address | undefined;
  declare readonly remoteEndpoint: Address | undefined;
  declare readonly localAddress: string | undefined;
  declare readonly localPort: number | undefined;
  declare readonly localFamily: string | undefined;
  declare readonly remoteAddress: string | undefined;
  declare readonly remotePort: number | undefined;
  declare readonly remoteFamily: string | undefined;
  /** Milliseconds of idleness after which 'timeout' is emitted; undefined, or 0, for never. */
  declare readonly timeout: number | undefined;
  readonly #socket: Beneath;
  #isReferenced = true;
  #hasFailed = false;

  static {
    for (const name of toldProperties) {
      Object.defineProperty(OverSocket.prototype, name, {
        configurable: true,
        get(this: OverSocket) {
          return this.#socket[name];
        },
      });
    }
  }

  constructor(socket: Beneath, options: DuplexOptions) {
    super(options);
    this.#socket = socket;
    for (const event of toldEvents) {
      socket.on(event, (...values: unknown[]) => {
        if (!this.destroyed) this.emit(event, ...values);
      });
    }
    // A socket without a handle does at 'connect' what it was told before, over what a listener of that says.
    socket.once('ready', () => (this.#isReferenced ? this.ref() : this.unref()));
  }

  get connecting(): boolean {
    return this.#socket.connecting ?? false;
  }

  get pending(): boolean {
    return this.#socket.pending ?? false;
  }

  get readyState(): net.SocketReadyState {
    if (this.connecting) return 'opening';
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  /** Has 'timeout' emitted after so many idle milliseconds, 0 for never; `callback` is added once to that. */
  setTimeout(milliseconds: number, callback?: () => void): this {
    this.#socket.setTimeout?.(milliseconds);
    if (callback !== undefined) {
      if (milliseconds === 0) this.off('timeout', callback);
      else this.once('timeout', callback);
    }
    return this;
  }

  /** Lets the connection keep the process alive; so it is from the start. */
  ref(): this {
    this.#isReferenced = true;
    this.#socket.ref?.();
    return this;
  }

  /** Lets the process end while there is a connection, also while it is made and while it closes. */
  unref(): this {
    this.#isReferenced = false;
    this.#socket.unref?.();
    return this;
  }

  /** Does nothing; here for programs written for TCP. */
  setNoDelay(_noDelay?: boolean): this {
    return this;
  }

  /** Does nothing; here for programs written for TCP. */
  setKeepAlive(_enable?: boolean, _initialDelay?: number): this {
    return this;
  }

  /** Destroys the connection once everything that was written has been sent. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  // 'close' tells whether it was an error, as net.Socket's does.
  override emit(event: string | symbol, ...values: unknown[]): boolean {
    return event === 'close' ? super.emit(event, this.#hasFailed) : super.emit(event, ...values);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#hasFailed = error !== null;
    callback(error);
  }

  /** A timer that keeps the process alive as the connection does. */
  protected _startTimer(callback: () => void, milliseconds: number): NodeJS.Timeout {
    const timer = setTimeout(callback, milliseconds);
    if (!this.#isReferenced) timer.unref();
    return timer;
  }
}
