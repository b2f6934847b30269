// One connection of a stress test: sends what its plan says, ends, and checks that the same comes back, and nothing else.
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { HvsockError } from '../index.ts';
import type { Counters } from './counters.ts';
import type { Plan } from './stress-data.ts';
import type { Target } from './stress-target.ts';

export interface ExchangeOptions {
  readonly target: Target;
  readonly plan: Plan;
  /** Where reads go; this exchange has it for itself until it is done. */
  readonly memory: Buffer;
  /** Milliseconds that connecting, a write, or a read of the size of `memory` may take. */
  readonly timeout: number;
  /** Whether the end of sending is told to the other side; without, bytes are counted and the rest is not waited for. */
  readonly halfClose: boolean;
  readonly counters: Counters;
}

export interface Outcome {
  /** Milliseconds until it was connected; undefined if it was not. */
  readonly connectTime: number | undefined;
  /** Milliseconds from the beginning until everything was back. */
  readonly time: number;
  /** Undefined when everything came back. */
  readonly error: Error | undefined;
  /** Whether `stop()` ended it before it could tell. */
  readonly stopped: boolean;
  /** SHA-256 of what came back. */
  readonly digest: string;
}

/** What came back is not what was sent. */
export class EchoError extends Error {
  override readonly name = 'EchoError';
  /** Other bytes, or the end before all had come. */
  readonly kind: 'mismatch' | 'incomplete';

  constructor(message: string, kind: 'mismatch' | 'incomplete') {
    super(`${message} (${kind})`);
    this.kind = kind;
  }
}

/** Begins at once. */
export class Exchange {
  /** Fulfilled when the socket has closed; never rejected. */
  readonly done: Promise<Outcome>;
  readonly #options: ExchangeOptions;
  readonly #socket: Socket;
  readonly #started = performance.now();
  readonly #sentDigest = createHash('sha256');
  readonly #receivedDigest = createHash('sha256');
  readonly #receiving: NodeJS.Timeout;
  #sending: NodeJS.Timeout | undefined;
  #connectTime: number | undefined;
  #time: number | undefined;
  #error: Error | undefined;
  #stopped = false;
  #sent = 0;
  #received = 0;
  /** How much must have been received for the read that is under way to be done. */
  #due = 0;
  #digest = '';
  #difference: number | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    const { target, plan, memory, timeout } = options;
    this.#socket = target.connect({
      buffer: () => memory.subarray(0, plan.nextRead()),
      callback: (length, buffer) => this.#socketOnRead(buffer.subarray(0, length)),
    });
    this.#receiving = setTimeout(() => this.#expire(this.#socket.connecting ? 'connect' : 'read'), timeout);
    this.#socket.once('connect', () => this.#socketOnConnect());
    this.#socket.once('end', () => this.#socketOnEnd());
    // The first one is why: what follows follows from it.
    this.#socket.once('error', (error) => {
      this.#error ??= error;
    });
    this.done = new Promise((resolve) => this.#socket.once('close', () => resolve(this.#socketOnClose())));
  }

  /** Ends it now; it has then neither failed nor succeeded. */
  stop(): void {
    this.#stopped = true;
    this.#socket.destroy();
  }

  #socketOnConnect(): void {
    this.#connectTime = performance.now() - this.#started;
    this.#readNext();
    this.#send();
    this.#finishIfCounted();
  }

  #send(): void {
    const { plan, timeout, halfClose, counters } = this.#options;
    const size = Math.min(plan.nextWrite(), plan.length - this.#sent);
    clearTimeout(this.#sending);
    if (size === 0) {
      if (halfClose) this.#socket.end();
      return;
    }
    const bytes = plan.bytes(this.#sent, size);
    this.#sentDigest.update(bytes);
    this.#sending = setTimeout(() => this.#expire('write'), timeout);
    this.#socket.write(bytes, (error) => {
      if (error) return;
      this.#sent += size;
      counters.addSent(size);
      if (!this.#socket.destroyed) this.#send();
    });
  }

  /** The time for a read counts from here. */
  #readNext(): void {
    const { plan, memory } = this.#options;
    this.#receiving.refresh();
    this.#due = Math.min(plan.length, this.#received + memory.length);
  }

  #socketOnRead(bytes: Uint8Array): boolean {
    const { plan, counters } = this.#options;
    counters.addReceived(bytes.length);
    this.#receivedDigest.update(bytes);
    this.#difference ??= plan.firstDifference(this.#received, bytes);
    this.#received += bytes.length;
    if (this.#received > plan.length) {
      this.#fail(
        new EchoError(`${this.#received} bytes came back of the ${plan.length} that were to be sent`, 'mismatch'),
      );
    }
    if (this.#received >= this.#due) this.#readNext();
    this.#finishIfCounted();
    return true;
  }

  /** Where the end of sending cannot be told, the last byte is the end. */
  #finishIfCounted(): void {
    if (this.#options.halfClose || this.#received < this.#options.plan.length || this.#socket.destroyed) return;
    this.#verify();
    this.#socket.destroy();
  }

  #socketOnEnd(): void {
    const { length } = this.#options.plan;
    if (this.#received < length) {
      this.#fail(new EchoError(`the other side ended after ${this.#received} of ${length} bytes`, 'incomplete'));
    } else this.#verify();
  }

  #verify(): void {
    this.#time = performance.now() - this.#started;
    this.#digest = this.#receivedDigest.digest('hex');
    const sent = this.#sentDigest.digest('hex');
    if (this.#digest === sent) return;
    this.#fail(
      new EchoError(
        `${this.#digest} is the SHA-256 of what came back, ${sent} of what was sent; they differ from byte ` +
          `${this.#difference} of ${this.#received} on`,
        'mismatch',
      ),
    );
  }

  #expire(syscall: 'connect' | 'write' | 'read'): void {
    const { target, plan, timeout } = this.#options;
    const progress = `${this.#sent} of ${plan.length} bytes sent, ${this.#received} back`;
    const message = `${syscall} ETIMEDOUT ${target}: not done within ${timeout / 1000} s; ${progress}`;
    this.#fail(new HvsockError(message, { code: 'ETIMEDOUT', kind: 'timeout', syscall, address: `${target}` }));
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#socket.destroy();
  }

  #socketOnClose(): Outcome {
    clearTimeout(this.#sending);
    clearTimeout(this.#receiving);
    const time = this.#time ?? performance.now() - this.#started;
    const { length } = this.#options.plan;
    // The socket may close without an 'end' or an error, as when somebody destroys it.
    if (this.#time === undefined && !this.#stopped) {
      this.#error ??= new EchoError(`closed after ${this.#received} of ${length} bytes`, 'incomplete');
    }
    return {
      connectTime: this.#connectTime,
      time,
      error: this.#error,
      stopped: this.#stopped && this.#error === undefined && this.#time === undefined,
      digest: this.#digest,
    };
  }
}
