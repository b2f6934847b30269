// Listening for somebody else's net.Server, whatever the family. On POSIX systems accepting is libuv's, on a listening
// descriptor that takes a placeholder's place. On Windows libuv accepts on TCP alone: there a handle of Node's own class
// hands over what the addon accepts.
import type net from 'node:net';
import type { Address } from '../address/address.ts';
import { HvsockError, systemError } from '../errors.ts';
import { openListeningPlaceholder } from '../native/adopt.ts';
import type { Binding } from '../native/binding.ts';
import { tcpSeat } from '../native/seat.ts';
import { newListeningHandle, type TcpHandle } from '../native/tcp-handle.ts';
import type { Endpoints } from '../socket.ts';
import { Acceptor } from './acceptor.ts';
import { attachServer } from './attached-server.ts';
import { type Carrier, carry } from './carry.ts';
import type { Listening, NativeFamily } from './native-family.ts';

/** Makes a `net.Server` of somebody else listen. Throws the error of the call that failed. */
export function attachNative(listening: Listening, server: net.Server): void {
  if (process.platform === 'win32') attachByHandle(listening, server);
  else attachByDescriptor(listening, server);
}

/** Where node:net keeps the handle of a socket that it accepted: no public property tells it. */
interface HandleHolder {
  readonly _handle?: (TcpHandle & { readonly fd?: unknown }) | null;
}

function endpointsOf(binding: Binding, family: NativeFamily, fd: unknown): Endpoints | undefined {
  if (typeof fd !== 'number' || fd < 0) return undefined;
  try {
    return {
      localEndpoint: family.readName(binding, fd, 'local'),
      remoteEndpoint: family.readName(binding, fd, 'peer'),
    };
  } catch {
    // Gone already: a closed socket of net's has no addresses either.
    return undefined;
  }
}

function attachByDescriptor({ binding, family, target, io, options }: Listening, server: net.Server): void {
  if (io === 'threads') {
    throw new HvsockError(`${target}: io 'threads' needs a Server of hvsock; other servers accept by themselves here`, {
      code: 'ERR_HVSOCK_UNSUPPORTED',
      kind: 'unsupported',
      address: `${target}`,
    });
  }
  attachListening(binding, family, server, family.openListening(binding, target, options), options.backlog);
}

/** Makes a server accept on a listening descriptor, which it takes, also on failure. POSIX systems only. Throws. */
export function attachListening(
  binding: Binding,
  family: NativeFamily,
  server: net.Server,
  fd: number,
  backlog: number,
): void {
  let address: Address;
  let placeholder: number;
  try {
    address = family.readName(binding, fd, 'local');
    placeholder = openListeningPlaceholder(binding);
    if (placeholder < 0) throw systemError(placeholder, 'socket', family.family, `${address}`);
  } catch (error) {
    binding.socket_close(fd);
    throw error;
  }
  // libuv polls the descriptor from the next turn of the loop on, so it never sees the placeholder listen.
  server.listen({ fd: placeholder, backlog, exclusive: true });
  const result = binding.socket_adopt(fd, placeholder);
  if (result < 0) throw systemError(result, 'dup', family.family, `${address}`);
  attachServer(server, address, (socket) => endpointsOf(binding, family, (socket as HandleHolder)._handle?.fd));
}

function attachByHandle(listening: Listening, server: net.Server): void {
  const { binding, family, target, io, options } = listening;
  const arrivals = new WeakMap<TcpHandle, { readonly endpoints: Endpoints; readonly carrier: Carrier }>();
  const followed = new WeakSet<Carrier>();
  const onTrouble = (error: HvsockError) => process.emitWarning(error);
  const acceptor = new Acceptor(listening, {
    makeRoom() {},
    onConnection(fd, { local, remote }) {
      const seat = tcpSeat(binding);
      const cargo = { fd, io, messageSize: undefined, family: family.family, address: target };
      let carrier: Carrier;
      try {
        carrier = carry(binding, seat, cargo);
      } catch (error) {
        seat.discard();
        onTrouble(error as HvsockError);
        return;
      }
      arrivals.set(seat.stream.handle, { endpoints: { localEndpoint: local, remoteEndpoint: remote }, carrier });
      try {
        handle.onconnection?.(0, seat.stream.handle);
      } finally {
        // Dropped, without a socket.
        if (!followed.has(carrier)) carrier.abandon();
      }
    },
    onTrouble,
  });
  const handle = newListeningHandle({
    onClose: () => acceptor.close(),
    onRef: (referenced) => acceptor.setRef(referenced),
  });
  try {
    server.listen(handle, options.backlog);
  } catch (error) {
    // It listens elsewhere by now.
    handle.close();
    throw error;
  }
  const follow = (socket: net.Socket) => {
    const { _handle } = socket as HandleHolder;
    const carrier = _handle ? arrivals.get(_handle)?.carrier : undefined;
    if (carrier === undefined) return;
    followed.add(carrier);
    carrier.follow(socket);
  };
  server.prependListener('connection', follow);
  server.once('close', () => server.off('connection', follow));
  attachServer(server, acceptor.address, (socket) => {
    const { _handle } = socket as HandleHolder;
    return _handle ? arrivals.get(_handle)?.endpoints : undefined;
  });
}
