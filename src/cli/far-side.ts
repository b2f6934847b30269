// Connects to where a forwarding goes to, again and again if it is to wait for it.
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '../index.ts';
import { type ForwardEnd, formatEnd } from './forward-end.ts';

export interface FarSideOptions {
  /** Milliseconds of each try. */
  readonly timeout: number | undefined;
  /** Milliseconds of all tries, perhaps Infinity; undefined for one try. */
  readonly retryFor: number | undefined;
  readonly signal: AbortSignal;
  readonly onread?: net.OnReadOpts | undefined;
  readonly onRetry: (error: Error, delay: number) => void;
}

/** A connected socket, half open. Rejects with what the last try met, or when the signal says so. */
export function connectFarSide(end: ForwardEnd, options: FarSideOptions): Promise<net.Socket> {
  switch (end.type) {
    case 'address':
      return untilConnected(
        connect(end.address, {
          allowHalfOpen: true,
          onread: options.onread,
          timeout: options.timeout,
          signal: options.signal,
          retry: options.retryFor === undefined ? false : { for: options.retryFor },
        }).on('retry', options.onRetry),
      );
    case 'tcp':
      return connectTcp(end, options);
    default:
      throw new TypeError(`${end.type} is nothing to connect to`);
  }
}

async function untilConnected<S extends net.Socket>(socket: S): Promise<S> {
  await once(socket, 'connect');
  return socket;
}

// What connect() of this library does for its own addresses.

const [FIRST_DELAY, LONGEST_DELAY] = [50, 1000];
const passing = ['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EAI_AGAIN'];

async function connectTcp(end: ForwardEnd & { type: 'tcp' }, options: FarSideOptions): Promise<net.Socket> {
  const { retryFor = 0, signal, onRetry } = options;
  const deadline = performance.now() + retryFor;
  for (let pause = FIRST_DELAY; ; pause = Math.min(pause * 2, LONGEST_DELAY)) {
    try {
      return await tryTcp(end, options);
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (!passing.includes(code) || performance.now() + pause >= deadline) throw error;
      onRetry(error as Error, pause);
      await delay(pause, undefined, { signal });
    }
  }
}

async function tryTcp(end: ForwardEnd & { type: 'tcp' }, { timeout, signal, onread }: FarSideOptions) {
  const { host = '', port } = end;
  signal.throwIfAborted();
  const socket = net.connect({ host, port, allowHalfOpen: true, noDelay: true, ...(onread && { onread }) });
  const timeIsUp = () => {
    const error = new Error(`connect ETIMEDOUT ${formatEnd(end)}: not connected within ${timeout} ms`);
    socket.destroy(Object.assign(error, { code: 'ETIMEDOUT' }));
  };
  const signalOnAbort = () => {
    socket.destroy(signal.reason);
  };
  const timer = timeout === undefined ? undefined : setTimeout(timeIsUp, timeout);
  signal.addEventListener('abort', signalOnAbort);
  socket.once('close', () => signal.removeEventListener('abort', signalOnAbort));
  try {
    return await untilConnected(socket);
  } finally {
    clearTimeout(timer);
  }
}
