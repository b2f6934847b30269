// One connection and what a tool wants to know of it. What is done with its bytes is a service's business.
import type { OnReadOpts } from 'node:net';
import type { Socket } from '../index.ts';
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

export class Session {
  readonly socket: Socket;
  readonly counters: Counters;
  /** Fulfilled when the socket has closed, with the error that closed it, if one did. */
  readonly closed: Promise<Error | undefined>;

  constructor(socket: Socket, total: Counters) {
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

  get addresses(): { local: string | undefined; remote: string | undefined } {
    return { local: this.socket.localAddress, remote: this.socket.remoteAddress };
  }
}
