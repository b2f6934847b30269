// The server of a stress test: sends back what each connection brings, and ends when the other side has.
import { once } from 'node:events';
import type net from 'node:net';
import { HvsockError, Socket } from '../index.ts';
import { echoService } from './echo-service.ts';
import { pump } from './pump.ts';
import { Session } from './session.ts';
import type { StressServerRun } from './sock-stress-arguments.ts';
import { recordFailure, type StressContext } from './stress-context.ts';

/** Milliseconds that open connections have to end by themselves once the server is stopped. */
const DRAIN_TIME = 5000;

export class StressServer {
  readonly #run: StressServerRun;
  readonly #context: StressContext;
  readonly #echo = echoService();
  readonly #sessions = new Set<Session>();
  #accepted = 0;
  #isStopped = false;
  #close = () => {};

  constructor(run: StressServerRun, context: StressContext) {
    this.#run = run;
    this.#context = context;
  }

  /** Fulfilled when it was stopped and every connection has ended. Rejects with what keeps it from listening. */
  async run(): Promise<void> {
    const { target } = this.#run;
    const { reporter, stop, tally } = this.#context;
    const { server, address } = await target.listen(this.#echo.onread, (socket) => this.#onConnection(socket));
    const closed = once(server, 'close');
    this.#close = () => server.close();
    reporter.tell('listening', { address }, `listening on ${address}`);
    tally.counters.restart();
    stop.whenReceived(() => this.#stop(DRAIN_TIME));
    await closed;
    tally.counters.stop();
  }

  progressLine(): string {
    return this.#context.tally.progressLine(this.#sessions.size, Number.POSITIVE_INFINITY, undefined);
  }

  async #onConnection(socket: net.Socket): Promise<void> {
    const { timeout } = this.#run;
    const { reporter, tally } = this.#context;
    const number = this.#accepted++;
    const session = new Session(socket, tally.counters);
    this.#sessions.add(session);
    const { remote } = session.addresses;
    if (this.#run.verbose > 1) {
      reporter.tell('connection', { number, ...session.addresses }, `connection ${number} from ${remote}`);
    }
    let hasEnded = false;
    socket.once('end', () => {
      hasEnded = true;
    });
    socket.setTimeout(timeout, () => socket.destroy(idleError(timeout, remote)));
    this.#serve(session);

    const error = await session.closed;
    this.#sessions.delete(session);
    const { received, seconds } = session.counters;
    if (error !== undefined) this.#recordFailure(number, error);
    else if (!hasEnded) tally.unfinished++;
    else {
      tally.addSuccess(seconds * 1000);
      reporter.tell(
        'echo',
        { number, ...session.addresses, bytes: received, milliseconds: seconds * 1000 },
        `connection ${number}: ${received} bytes sent back in ${(seconds * 1000).toFixed(3)} ms`,
      );
    }
  }

  #serve(session: Session): void {
    const { socket, counters } = session;
    if (socket instanceof Socket) {
      this.#echo.serve(session);
      return;
    }
    // net.Server's sockets read as streams only.
    socket.once('end', () => socket.end());
    socket.on('data', (bytes: Buffer) => counters.addReceived(bytes.length));
    pump(socket, socket, (bytes) => counters.addSent(bytes));
  }

  #recordFailure(number: number, error: Error): void {
    recordFailure(this.#context, number, error);
    if (this.#run.exitOnError) this.#stop(0);
  }

  /** Takes no more connections, and ends those that are open after so many milliseconds. */
  #stop(drainTime: number): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#close();
    setTimeout(() => {
      for (const { socket } of this.#sessions) socket.destroy();
    }, drainTime).unref();
  }
}

function idleError(timeout: number, remote: string | undefined): HvsockError {
  const message = `ETIMEDOUT ${remote ?? 'the other side'}: nothing sent or read for ${timeout / 1000} s`;
  return new HvsockError(message, { code: 'ETIMEDOUT', kind: 'timeout' });
}
