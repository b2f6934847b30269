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
  let fail = (_error: unknown) => {};
  const failure = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  const onIncoming = (incoming: Incoming) => {
    try {
      const socket = incoming.accept();
      sockets.add(socket);
      socket.on('error', () => {}).pipe(socket);
    } catch (error) {
      fail(error);
    }
  };
  const options = { io, allowHalfOpen: true };
  const listener = await transport.listen(address, { backlog: 8, io }, options, { onIncoming, onTrouble() {} });
  try {
    return await Promise.race([exchange(transport, address, io, ECHO_LIMIT), failure]);
  } finally {
    listener.close();
    for (const socket of sockets) socket.destroy();
  }
}

/**
 * Sends bytes to somebody who echoes them. Rejects where they do not come back whole within so many milliseconds.
 * @returns milliseconds from the connect to the end
 */
export async function exchange(
  transport: Transport,
  address: HypervAddress,
  io: ChosenIo,
  limit: number,
): Promise<number> {
  const client = transport.createSocket({ allowHalfOpen: true });
  const sent = randomBytes(ECHO_BYTES);
  const received = createHash('sha256');
  const started = performance.now();
  const timer = setTimeout(() => client.destroy(new Error(`no echo within ${limit} ms`)), limit);
  try {
    await new Promise<void>((resolve, reject) => {
      client.on('data', (chunk) => received.update(chunk));
      client.on('end', resolve);
      client.on('error', reject);
      client.end(sent);
      const attempt = transport.connect(client, address, { io, timeout: limit }, (error, connection) => {
        if (connection === undefined) client.destroy(error);
        else socketConnected(client, connection, true);
      });
      socketConnecting(client, attempt);
    });
  } finally {
    clearTimeout(timer);
    client.destroy();
  }
  const isWhole = received.digest('hex') === createHash('sha256').update(sent).digest('hex');
  if (!isWhole) throw new Error('the echo is not what was sent');
  return performance.now() - started;
}
