// What a net.Server of somebody else, and the sockets that it accepts, tell of their addresses.
import type net from 'node:net';
import type { Address } from '../address/address.ts';
import { type Endpoints, textualEndpoints } from '../socket.ts';

/** While it listens, `server.address()` is the address, and its sockets, or the TLS sockets over them, have endpoints. */
export function attachServer(
  server: net.Server,
  address: Address,
  endpointsOf: (socket: net.Socket) => Endpoints | undefined,
): void {
  const nameSocket = (socket: net.Socket) => {
    const endpoints = endpointsOf(socket);
    if (endpoints === undefined) return;
    const { localEndpoint, remoteEndpoint } = endpoints;
    const properties = { localEndpoint, remoteEndpoint, ...textualEndpoints(localEndpoint, remoteEndpoint) };
    for (const [name, value] of Object.entries(properties)) {
      Object.defineProperty(socket, name, { configurable: true, value });
    }
  };
  for (const event of ['connection', 'secureConnection']) server.prependListener(event, nameSocket);
  Object.defineProperty(server, 'address', {
    configurable: true,
    value: () => (server.listening ? address : null),
  });
  server.once('close', () => {
    for (const event of ['connection', 'secureConnection']) server.off(event, nameSocket);
    delete (server as Partial<net.Server>).address;
  });
}
