// The transport of the emulated hypervisor: vsock and Hyper-V addresses over unix sockets, as one of its machines.
import net from 'node:net';
import type { Address } from '../address/address.ts';
import type { HvsockError } from '../errors.ts';
import type { Attempt, Connection, Endpoints } from '../socket.ts';
import { HELLO_LENGTH, type Hello, readHello, writeHello } from './emulated-hello.ts';
import { answersHello, endpoint, fail, placeFor, type Route, refusal, routeTo } from './emulated-routes.ts';
import { refusePathOptions } from './foreign-options.ts';
import { HandshakeAnswer } from './hybrid-handshake.ts';
import { attach, listen } from './hybrid-listener.ts';
import { type Handshake, HybridSocket } from './hybrid-socket.ts';
import { limited } from './limited.ts';
import type { Partition } from './partition.ts';
import { removeSighted } from './sighting.ts';
import type { AttemptOptions, Transport } from './transport.ts';

/** How long a connect waits for a machine that does not answer, in milliseconds, as Linux does. */
const CONNECT_TIMEOUT = 2000;
/** How long who has connected may take to say who it is, in milliseconds. */
const HELLO_TIMEOUT = 10_000;

function prepare(own: Partition, target: Address, { to, hello, answered }: Route): Handshake {
  const local = endpoint(own, target.family, hello?.cid ?? own.cid, `${hello?.port ?? 0}`);
  return {
    to,
    greeting: hello === undefined ? '' : writeHello(hello),
    answer: answered ? new HandshakeAnswer(target) : undefined,
    address: target,
    connection: () => ({ local, remote: target }),
  };
}

/** What unix sockets say where the kernel resets: nobody listens, or too many wait already. */
const refusals = ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EAGAIN', 'EPIPE'];

const asKernel = (error: HvsockError, target: Address) =>
  error.syscall === 'connect' && refusals.includes(error.code) ? refusal(target) : error;

type OnEnd = (error: HvsockError | undefined, connection?: Connection) => void;

/** One attempt; two where it meets the gate of a process that was killed, which is then removed. */
function attempt(
  own: Partition,
  socket: HybridSocket,
  target: Address,
  options: AttemptOptions,
  onEnd: OnEnd,
): Attempt {
  let latest: Attempt;
  const start = (pastGate: boolean) => {
    let route: Route | undefined;
    latest = socket.attempt(
      () => {
        route = routeTo(own, target, options, pastGate);
        return prepare(own, target, route);
      },
      (error, connection) => {
        // The system's refusals have a number; those of a gate, which closes without an answer, have not.
        if (route?.gate !== undefined && error?.code === 'ECONNREFUSED' && error.errno !== undefined) {
          try {
            removeSighted(route.gate);
          } catch {
            // Somebody else's, who may; here it is as good as removed.
          }
          start(true);
        } else onEnd(error && asKernel(error, target), connection);
      },
    );
  };
  start(false);
  return {
    cancel: () => latest.cancel(),
    setRef: (referenced) => latest.setRef(referenced),
  };
}

/** Reads the hello of who has connected; closes on anything else. */
export function meetHello(own: Partition, accepted: net.Socket, known: (hello: Hello) => void): void {
  // As `pauseOnConnect` of its server has made it.
  const isPaused = accepted.isPaused();
  const timer = setTimeout(() => accepted.destroy(), HELLO_TIMEOUT);
  const leave = () => {
    clearTimeout(timer);
    accepted.off('readable', acceptedOnReadable).off('error', ignore).off('close', leave);
  };
  const acceptedOnReadable = () => {
    const bytes = accepted.read(HELLO_LENGTH) as Buffer | null;
    if (bytes === null) return;
    leave();
    const hello = readHello(bytes);
    if (hello?.token !== own.hypervisor.token) {
      accepted.on('error', ignore).destroy();
      return;
    }
    discount(accepted, 'bytesRead', HELLO_LENGTH);
    // The stream forgets its pause one tick after it has lost its listener of 'readable'.
    process.nextTick(() => {
      if (isPaused) accepted.pause();
      known(hello);
    });
  };
  accepted.on('readable', acceptedOnReadable).on('error', ignore).on('close', leave);
}

function ignore(): void {}

/** Tells who has said hello that the connection is there. */
export function answerHello(accepted: net.Socket, { port }: Hello): void {
  const answer = `OK ${port}\n`;
  accepted.write(answer);
  discount(accepted, 'bytesWritten', answer.length);
}

/** Leaves the bytes of the handshake out of what the socket counts. */
function discount(socket: net.Socket, name: 'bytesRead' | 'bytesWritten', bytes: number): void {
  Object.defineProperty(socket, name, {
    configurable: true,
    get: () => (Reflect.get(net.Socket.prototype, name, socket) as number) - bytes,
  });
}

/** Finds out who has connected to a listener. */
function meet(own: Partition, { family }: Address, accepted: net.Socket, known: (met: Connection) => void): void {
  meetHello(own, accepted, (hello) => {
    if (answersHello(own)) answerHello(accepted, hello);
    known({
      local: endpoint(own, family, hello.targetCid, hello.service),
      remote: endpoint(own, family, hello.cid, `${hello.port}`),
    });
  });
}

/** The transport of one machine. Addresses are of either family. */
export function emulatedTransport(own: Partition, family: 'vsock' | 'hyperv'): Transport {
  return {
    family,
    createSocket: (options) => new HybridSocket(family, options),

    connect(socket, target, options, onEnd) {
      const start = (end: OnEnd) => attempt(own, socket as HybridSocket, target, options, end);
      if (options.timeout !== undefined) return start(onEnd);
      return limited(CONNECT_TIMEOUT, () => fail('ETIMEDOUT', 'connect', target), start, onEnd);
    },

    async listen(target, options, accepting, events) {
      refusePathOptions(options);
      const place = placeFor(own, target);
      return listen(place, options, accepting, events, (accepted, known) => meet(own, place.address, accepted, known));
    },

    attach(server, target, options) {
      refusePathOptions(options);
      const place = placeFor(own, target);
      const endpoints = new WeakMap<net.Socket, Endpoints>();
      holdConnections(server, (accepted, go) =>
        meet(own, place.address, accepted, ({ local, remote }) => {
          endpoints.set(accepted, { localEndpoint: local, remoteEndpoint: remote });
          go();
        }),
      );
      return attach(server, place, options, (socket) => endpoints.get(socket));
    },
  };
}

/** Has a server hear of its connections only when `meet` lets them go. */
function holdConnections(server: net.Server, meet: (accepted: net.Socket, go: () => void) => void): void {
  const emit = server.emit as (this: net.Server, event: string, ...values: unknown[]) => boolean;
  Object.defineProperty(server, 'emit', {
    configurable: true,
    writable: true,
    value(this: net.Server, event: string, ...values: unknown[]): boolean {
      if (event !== 'connection') return emit.call(this, event, ...values);
      meet(values[0] as net.Socket, () => emit.call(this, event, ...values));
      return true;
    },
  });
  server.once('close', () => {
    delete (server as Partial<net.Server>).emit;
  });
}
