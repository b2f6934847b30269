// Connected pairs for the contract suite.
import { once } from 'node:events';
import type net from 'node:net';
import { type AddressLike, connectAsync, createServer, type Server, type StreamOptions } from 'hvsock';
import type { Pair, Partition } from 'hvsock/testing';

/** Which machine of an emulated hypervisor each end is; what the environment says unless given. */
export interface Places {
  readonly server?: Partition;
  readonly client?: Partition;
}

export interface PairOptions extends StreamOptions {
  /** FramedSockets, which are streams with as much of net.Socket as the suite asks for. */
  readonly framed?: boolean;
  readonly io?: 'direct' | 'threads';
}

/** Listens on one address, connects to where that is reached, and hands out both ends. */
export async function makePair(
  listenOn: AddressLike,
  reach: (server: Server) => AddressLike,
  { framed = false, io, ...options }: PairOptions,
  places: Places = {},
): Promise<Pair> {
  const server = createServer({ ...options, framed }) as Server;
  const listener = await server.listen(listenOn, { partition: places.server, io });
  const accepted = once(listener, 'connection') as Promise<[net.Socket]>;
  const connecting = connectAsync(reach(listener), { ...options, framed, io, retry: true, partition: places.client });
  const client = (await connecting) as net.Socket;
  const [socket] = await accepted;
  return {
    client,
    server: socket,
    async close() {
      client.destroy();
      socket.destroy();
      await listener[Symbol.asyncDispose]();
    },
  };
}
