// connect() as clients of HTTP use it, again and again: options checked once. Does not know for which client.
import type { AddressLike } from '../address/address.ts';
import { type ConnectOptions, prepareConnect } from '../connect.ts';
import { invalidArgument } from '../errors.ts';
import type { Socket } from '../socket.ts';

/** What `connect()` takes, but for `onread` and `framed`: a client of HTTP reads by itself, and its server knows no frames. */
export type HttpConnectOptions = Omit<ConnectOptions, 'onread' | 'framed'>;

/** Throws what `connect()` throws; what it returns does not throw, and gives a new `Socket` each time. */
export function prepareHttpConnect(address: AddressLike, options: ConnectOptions): () => Socket {
  for (const name of ['onread', 'framed'] as const) {
    if (options?.[name])
      throw invalidArgument(name, options[name], 'left out: a client of HTTP reads the bytes themselves');
  }
  return prepareConnect(address, options);
}
