// One connection and what a tool wants to know of it. What is done with its bytes is a service's business.
import type { OnReadOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import { Counters } from './counters.ts';

/** What is done with the bytes of connections. */
export interface Service {
  /** How the sockets of this service are to read, if not as streams. */
  readonly onread?: OnReadOpts | undefined;
  /** Takes over a connected socket; `session.closed` tells when it is done with. */
  serve(session: Session): void;
  /** Whether there is nothing to serve with any more. */
  readonly isOver?: boolean;
  /** Lets go of what would keep the process alive. */
  close?(): void;
}

/** A `Socket`, or a `FramedSocket`, which has `drained`. */
export interface SessionSocket extends Duplex {
  readonly localAddress?: string | undefined;
  readonly remoteAddress?: string | undefined;
  readonly drained?: Promise<void>;
  destroySoon(): void;
}

export class Session {
  readonly socket: SessionSocket;
  readonly counters: Counters;
  /** Fulfilled when the socket has closed, with the error that closed it, if one did. */
  readonly closed: Promise<Error | undefined>;
  #refusal: Error | undefined;
  #isComplete = false;

  constructor(socket: SessionSocket, total: Counters) {
    this.socket = socket;
    this.counters = new Counters(total);
    this.closed = new Promise((resolve) => {
      let failure: Error | undefined;
      socket.once('error', (error) => {
        failure = error;
      });
      socket.once('close', () => {
        this.counters.stop();
        resolve(failure);
      });
    });
  }

  /** A write has failed; a framed socket need not tell it in another way. */
  refused(error: NodeJS.ErrnoException): void {
    if (error.code === 'EPIPE') this.#refusal ??= error;
  }

  /** What has been sent is all there was to send: whether the other side gets it counts. */
  complete(): void {
    this.#isComplete = true;
  }

  /** Once closed without an error: why the other side lacks something of what was sent, if that is known. */
  async lack(): Promise<Error | undefined> {
    if (this.#refusal !== undefined || this.counters.sent === 0) return this.#refusal;
    const error = await this.socket.drained?.then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error,
    );
    // When there was more to come, only that what was sent is not read means a loss.
    return this.#isComplete || error?.code === 'EPIPE' ? error : undefined;
  }

  get addresses(): { local: string | undefined; remote: string | undefined } {
    return { local: this.socket.localAddress, remote: this.socket.remoteAddress };
  }
}
