// Whether libuv carries the bytes of AF_HYPERV sockets on this machine: tried, not assumed. By loopback, which needs no
// rights and no registered service.
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { serviceIdOfPort } from '../address/guid.ts';
import { HV_GUID_LOOPBACK, HypervAddress } from '../address/hyperv.ts';
import { type Socket, socketConnected, socketConnecting } from '../socket.ts';
import type { ChosenIo, Incoming, Transport } from './transport.ts';

/** Milliseconds for an echo: loopback takes about one. */
const ECHO_LIMIT = 500;
/** More than any buffer between the two ends holds. */
const ECHO_BYTES = 256 * 1024;
/** The ports to listen on for a moment: those above what people choose. */
const [FIRST_PORT, LAST_PORT] = [0x4000_0000, 0x7fff_ffff];

let chosen: ChosenIo | Promise<ChosenIo> | undefined;

/** The way that bytes are carried, found out at the first call. */
export function chooseIo(transport: Transport): ChosenIo | Promise<ChosenIo> {
  chosen ??= echo(transport, 'direct').then(
    () => 'direct' as const,
    () => 'threads' as const,
  );
  if (chosen instanceof Promise) {
    chosen.then((io) => {
      chosen = io;
    });
  }
  return chosen;
}

/**
 * Sends bytes to oneself and has them echoed, half close included. Rejects where they do not come back whole.
 * @returns milliseconds from the connect to the end
 */
export async function echo(transport: Transport, io: ChosenIo): Promise<number> {
  const address = new HypervAddress({
    vmId: HV_GUID_LOOPBACK,
    serviceId: serviceIdOfPort(randomInt(FIRST_PORT, LAST_PORT)),
  });
  const sockets = new Set<Socket>();
  const onIncoming = (incoming: Incoming) => {
    const socket = incoming.accept();
    sockets.add(socket);
    socket.on('error', () => {}).pipe(socket);
  };
  const options = { io, allowHalfOpen: true };
  const listener = await transport.listen(address, { backlog: 8, io }, options, { onIncoming, onTrouble() {} });
  const client = transport.createSocket(options);
  sockets.add(client);
  try {
    return await exchange(transport, client, address, io);
  } finally {
    listener.close();
    for (const socket of sockets) socket.destroy();
  }
}

function exchange(transport: Transport, client: Socket, address: HypervAddress, io: ChosenIo): Promise<number> {
  const sent = randomBytes(ECHO_BYTES);
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => client.destroy(new Error(`no echo within ${ECHO_LIMIT} ms`)), ECHO_LIMIT);
    const received = createHash('sha256');
    client.on('data', (chunk) => received.update(chunk));
    client.on('end', () => {
      clearTimeout(timer);
      const isWhole = received.digest('hex') === createHash('sha256').update(sent).digest('hex');
      if (isWhole) resolve(performance.now() - started);
      else reject(new Error('the echo is not what was sent'));
    });
    client.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    client.end(sent);
    const attempt = transport.connect(client, address, { io, timeout: ECHO_LIMIT }, (error, connection) => {
      if (connection === undefined) client.destroy(error);
      else socketConnected(client, connection, true);
    });
    socketConnecting(client, attempt);
  });
}
