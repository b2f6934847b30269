// relay(): two connections become one, whatever they are. Sockets with descriptors are carried outside JavaScript, all
// else through streams; how, the engines know.
import { Duplex } from 'node:stream';
import { checkMilliseconds, checkSignal } from './checks.ts';
import { HvsockError, invalidArgument, withKind } from './errors.ts';
import type { Engine, Pair, RelayCounts } from './relaying/engine.ts';
import { startStreams } from './relaying/stream-engine.ts';
import { type Descriptors, descriptorsOf, startThreads } from './relaying/thread-engine.ts';

export interface RelayOptions {
  /** Ends the relay with an AbortError of kind `aborted`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Milliseconds without a byte in either direction, counted once both are connected, that end the relay with ETIMEDOUT,
   * kind `timeout`; it may take an eighth longer. Default: for ever.
   */
  readonly idleTimeout?: number | undefined;
  /** Bytes that each direction reads at once, in threads. Default: 262,144. */
  readonly bufferSize?: number | undefined;
  /**
   * `threads`: outside JavaScript, which needs a descriptor on both sides. `streams`: in JavaScript. `auto`: threads where
   * they can be. Default: auto.
   */
  readonly io?: RelayIo | undefined;
}

export type RelayIo = 'auto' | 'threads' | 'streams';

/** A relay under way: a promise of what it carried, which tells that meanwhile too. */
export interface Relay extends Promise<RelayCounts> {
  /** What has been carried so far. */
  readonly counts: RelayCounts;
  /** What carries; undefined until both are connected. */
  readonly io: Exclude<RelayIo, 'auto'> | undefined;
}

const BUFFER_SIZE = 256 * 1024;
/** The least that is useful, and more than any kernel hands over at once. */
const [BUFFER_MIN, BUFFER_MAX] = [1024, 64 * 1024 * 1024];
const NOTHING: RelayCounts = { forward: 0, backward: 0 };

/**
 * Carries the bytes of each of two connections to the other until both directions have ended, half close included; then
 * both are destroyed. Either may still be connecting. What has been read from one and not consumed is delivered
 * first. From the call on both are the relay's: nobody else may read, write or end them; `destroy()` ends the relay.
 *
 * Fulfilled with the bytes carried, once both have emitted 'close'. Rejected then if it failed: with the error of a
 * connection (`reset`, or what kept it from connecting), `timeout`, `aborted` by the signal or by a `destroy()`, or
 * `resources`. Wrong arguments are thrown.
 */
export function relay(first: Duplex, second: Duplex, options: RelayOptions = {}): Relay {
  checkRelay(first, second, options);
  const relaying = new Relaying([first, second], options);
  return Object.defineProperties(relaying.over, {
    counts: { get: () => relaying.counts },
    io: { get: () => relaying.io },
  }) as Relay;
}

function checkRelay(first: Duplex, second: Duplex, options: RelayOptions): void {
  for (const [name, stream] of Object.entries({ first, second })) {
    if (!(stream instanceof Duplex)) throw invalidArgument(name, stream, 'a socket or another stream.Duplex');
    if (stream.readableEncoding !== null) {
      throw invalidArgument(`${name}.readableEncoding`, stream.readableEncoding, 'null: a relay carries bytes');
    }
    if (stream.readableObjectMode || stream.writableObjectMode) {
      throw invalidArgument(name, stream, 'a stream of bytes, not of objects');
    }
  }
  if (first === second) throw invalidArgument('second', second, 'another connection than the first');
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', options, 'an object');
  const { signal, idleTimeout, bufferSize, io } = options;
  checkSignal(signal);
  checkMilliseconds('idleTimeout', idleTimeout);
  if (
    bufferSize !== undefined &&
    !(Number.isInteger(bufferSize) && bufferSize >= BUFFER_MIN && bufferSize <= BUFFER_MAX)
  ) {
    throw invalidArgument('bufferSize', bufferSize, `a number of bytes, ${BUFFER_MIN} to ${BUFFER_MAX}`);
  }
  if (io !== undefined && !['auto', 'threads', 'streams'].includes(io)) {
    throw invalidArgument('io', io, "'auto', 'threads' or 'streams'");
  }
}

class Relaying {
  io: Relay['io'];
  readonly over: Promise<RelayCounts>;
  readonly #pair: Pair;
  readonly #options: RelayOptions;
  #engine: Engine | undefined;
  #isCarrying = false;
  #isEnding = false;
  #failure: Error | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #onOver: () => void = () => {};

  constructor(pair: Pair, options: RelayOptions) {
    this.#pair = pair;
    this.#options = options;
    const { signal } = options;
    const signalOnAbort = () => this.#end(endedError('the signal', { cause: signal?.reason }));
    const ended = new Promise<void>((resolve) => {
      this.#onOver = resolve;
    });
    const closed = Promise.all(pair.map((stream) => this.#follow(stream)));
    signal?.addEventListener('abort', signalOnAbort, { once: true });
    this.over = Promise.all([closed, ended]).then(() => {
      signal?.removeEventListener('abort', signalOnAbort);
      if (this.#failure !== undefined) throw this.#failure;
      return this.counts;
    });
    if (signal?.aborted) signalOnAbort();
    void this.#start();
  }

  get counts(): RelayCounts {
    return this.#engine?.counts ?? NOTHING;
  }

  /** Until the stream has closed. */
  #follow(stream: Duplex): Promise<void> {
    stream.pause();
    stream.allowHalfOpen = true;
    stream.on('error', (error) => {
      this.#end(withKind(error, 'hybrid', (stream as { remoteAddress?: string }).remoteAddress));
    });
    if (stream.destroyed) this.#end(stream.errored ?? endedError('destroy()'));
    if (stream.closed) return Promise.resolve();
    return new Promise((resolve) => {
      stream.once('close', () => {
        // By itself, a stream closes when all of it has been carried.
        if (!stream.readableEnded || !stream.writableFinished) this.#end(endedError('destroy()'));
        resolve();
      });
    });
  }

  async #start(): Promise<void> {
    await Promise.all(this.#pair.map(connected));
    // The 'close' of one that is destroyed follows.
    if (this.#isEnding || this.#pair.some((stream) => stream.destroyed)) return;
    const { io = 'auto', idleTimeout } = this.#options;
    const haveDescriptors = io !== 'streams' && descriptorsOf(this.#pair) !== undefined;
    if (io === 'threads' && !haveDescriptors) {
      this.#end(noDescriptorError());
      return;
    }
    if (idleTimeout !== undefined) this.#watchIdleTime(idleTimeout);
    if (haveDescriptors) await Promise.all(this.#pair.map(written));
    // Again, for one that was destroyed meanwhile has none any more.
    const descriptors = haveDescriptors ? descriptorsOf(this.#pair) : undefined;
    if (this.#isEnding || (haveDescriptors && descriptors === undefined)) return;
    this.#carry(descriptors);
  }

  #carry(descriptors: Descriptors | undefined): void {
    const engineOnEnd = (error?: Error) => {
      this.#isCarrying = false;
      this.#end(error);
    };
    this.io = descriptors === undefined ? 'streams' : 'threads';
    try {
      this.#engine =
        descriptors === undefined
          ? startStreams(this.#pair, engineOnEnd)
          : startThreads(descriptors, this.#pair, this.#options.bufferSize ?? BUFFER_SIZE, engineOnEnd);
      this.#isCarrying = true;
    } catch (error) {
      this.#end(error as Error);
    }
  }

  /** The first call tells how it ended; the engine's own comes after it when this one cancelled. */
  #end(failure?: Error): void {
    if (!this.#isEnding) {
      this.#isEnding = true;
      this.#failure = failure;
      clearInterval(this.#idleTimer);
      if (this.#isCarrying) this.#engine?.cancel();
      for (const stream of this.#pair) stream.destroy();
    }
    if (!this.#isCarrying) this.#onOver();
  }

  #watchIdleTime(idleTimeout: number): void {
    let last = this.counts;
    let since = performance.now();
    this.#idleTimer = setInterval(
      () => {
        const { counts } = this;
        const now = performance.now();
        if (counts.forward !== last.forward || counts.backward !== last.backward) {
          last = counts;
          since = now;
        } else if (now - since >= idleTimeout) this.#end(idleError(idleTimeout));
      },
      Math.max(1, Math.floor(idleTimeout / 8)),
    );
    this.#idleTimer.unref();
  }
}

/** Until the stream is connected, or has closed. */
async function connected(stream: Duplex): Promise<void> {
  if (!(stream as { connecting?: boolean }).connecting) return;
  await new Promise<void>((resolve) => {
    stream.once('connect', resolve).once('close', resolve);
  });
}

/** Until the system has taken what was written before, or the stream has closed. */
async function written(stream: Duplex): Promise<void> {
  if (stream.destroyed || (stream.writableLength === 0 && stream.writableEnded === stream.writableFinished)) return;
  await new Promise<void>((resolve) => {
    stream.once('close', resolve);
    if (stream.writableEnded) stream.once('finish', resolve);
    else stream.write('', () => resolve());
  });
}

function endedError(by: string, options?: { cause: unknown }): HvsockError {
  return new HvsockError(`the relay was ended by ${by}`, { code: 'ABORT_ERR', kind: 'aborted', ...options });
}

function idleError(idleTimeout: number): HvsockError {
  return new HvsockError(`the relay carried nothing for ${idleTimeout} ms`, { code: 'ETIMEDOUT', kind: 'timeout' });
}

function noDescriptorError(): HvsockError {
  return new HvsockError(
    "io 'threads' needs a descriptor on both sides, which TLS, framed and other streams, and Windows, have not; use 'auto'",
    { code: 'ERR_HVSOCK_UNSUPPORTED', kind: 'unsupported' },
  );
}
