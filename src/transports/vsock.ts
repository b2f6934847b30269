// AF_VSOCK on Linux and macOS, by adoption: the addon connects or accepts, and the descriptor then takes the place of
// the one that a net.Socket or net.Server already holds.
import { VMADDR_CID_ANY, VsockAddress } from '../address/vsock.ts';
import type { HvsockError } from '../errors.ts';
import { openPlaceholder } from '../native/adopt.ts';
import type { Binding, Operation } from '../native/binding.ts';
import { loadBinding } from '../native/load.ts';
import { type Attempt, type Connection, Socket, type StreamOptions } from '../socket.ts';
import { refusePathOptions } from './foreign-options.ts';
import type { AttemptOptions, Transport } from './transport.ts';
import { attach, VsockListener } from './vsock-listener.ts';
import { check, openSocket, readName, setBuffers, setConnectTimeout, VsockConnection } from './vsock-system.ts';

/** The placeholder that each socket waits on; a negative errno or an error where there is none. */
const placeholders = new WeakMap<Socket, number | HvsockError>();

function createSocket(options: StreamOptions): Socket {
  let placeholder: number | HvsockError;
  try {
    placeholder = openPlaceholder(loadBinding());
  } catch (error) {
    placeholder = error as HvsockError;
  }
  const usable = typeof placeholder === 'number' && placeholder >= 0;
  const socket = new Socket('vsock', options, usable ? (placeholder as number) : undefined);
  placeholders.set(socket, placeholder);
  return socket;
}

/** Opens, prepares and starts: the operation under way, or the descriptor if it is connected at once. */
function startConnect(
  binding: Binding,
  target: VsockAddress,
  options: AttemptOptions,
  onEnd: (result: number) => void,
): Operation | number {
  const address = target.toSockaddr({ toHost: options.toHost });
  const fd = openSocket(binding, target);
  try {
    setBuffers(binding, fd, options);
    if (options.timeout !== undefined) setConnectTimeout(binding, fd, options.timeout + 1000);
    if (options.localPort !== undefined) {
      const local = new VsockAddress({ cid: VMADDR_CID_ANY, port: options.localPort });
      check(binding.socket_bind(fd, local.toSockaddr()), 'bind', local);
    }
  } catch (error) {
    binding.socket_close(fd);
    throw error;
  }
  const started = binding.connect_start(fd, address, onEnd);
  return started === 0 ? fd : started;
}

function connect(
  socket: Socket,
  target: VsockAddress,
  options: AttemptOptions,
  onEnd: (error: HvsockError | undefined, connection?: Connection) => void,
): Attempt {
  let operation: Operation | undefined;
  let cancelled = false;
  const finish = (result: number): void => {
    if (cancelled) {
      if (result >= 0) loadBinding().socket_close(result);
      return;
    }
    let connection: Connection;
    try {
      check(result, 'connect', target);
      const binding = loadBinding();
      const placeholder = placeholders.get(socket) as number;
      check(binding.socket_adopt(result, placeholder), 'dup', target);
      connection = new VsockConnection(placeholder, readName(binding, placeholder, 'local'), target, options.toHost);
    } catch (error) {
      onEnd(error as HvsockError);
      return;
    }
    onEnd(undefined, connection);
  };
  try {
    const placeholder = placeholders.get(socket);
    if (typeof placeholder !== 'number') throw placeholder;
    check(placeholder, 'socket', target);
    const binding = loadBinding();
    const started = startConnect(binding, target, options, finish);
    if (typeof started === 'number') process.nextTick(finish, started);
    else operation = started;
  } catch (error) {
    process.nextTick(() => {
      if (!cancelled) onEnd(error as HvsockError);
    });
  }
  return {
    cancel() {
      cancelled = true;
      if (operation !== undefined) loadBinding().operation_cancel(operation);
    },
    setRef(referenced) {
      if (operation !== undefined) loadBinding().operation_set_ref(operation, referenced);
    },
  };
}

// The registry hands each transport addresses of its own family only.
export const vsockTransport: Transport = {
  family: 'vsock',
  createSocket,
  connect: (socket, target, options, onEnd) => connect(socket, target as VsockAddress, options, onEnd),
  listen(target, options, accepting, events) {
    refusePathOptions(options);
    return new VsockListener(loadBinding(), target as VsockAddress, options, accepting, events);
  },
  attach(server, target, options) {
    refusePathOptions(options);
    attach(server, target as VsockAddress, options);
  },
};
