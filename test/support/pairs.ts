// Connected pairs for the contract suite.
import { once } from 'node:events';
import type { StreamOptions } from 'hvsock';
import { type AddressLike, connectAsync, createServer, type Server, type Socket } from 'hvsock';
import type { Pair, Partition } from 'hvsock/testing';

/** Which machine of an emulated hypervisor each end is; what the environment says unless given. */
export interface Places {
  readonly server?: Partition;
  readonly client?: Partition;
}

/** Listens on one address, connects to where that is reached, and hands out both ends. */
export async function makePair(
  listenOn: AddressLike,
  reach: (server: Server) => AddressLike,
  options: StreamOptions,
  places: Places = {},
): Promise<Pair> {
  const listener = await createServer(options).listen(listenOn, { partition: places.server });
  const accepted = once(listener, 'connection') as Promise<[Socket]>;
  const client = await connectAsync(reach(listener), { ...options, retry: true, partition: places.client });
  const [server] = await accepted;
  return {
    client,
    server,
    async close() {
      client.destroy();
      server.destroy();
      await listener[Symbol.asyncDispose]();
    },
  };
}
