// How `framed: true` of connect() and of servers makes a FramedSocket of a Socket.

import { invalidArgument } from './errors.ts';
import { checkFramedOptions, type FramedOptions, FramedSocket } from './framing/framed-socket.ts';
import { readThrough } from './read-through.ts';
import type { Socket, StreamOptions } from './socket.ts';

/** @throws ERR_HVSOCK_INVALID_ARGUMENT */
export function checkFramed(framed: boolean | FramedOptions | undefined): void {
  if (framed === undefined || typeof framed === 'boolean') return;
  if (typeof framed !== 'object' || framed === null) throw invalidArgument('framed', framed, 'a boolean or an object');
  checkFramedOptions(framed);
}

/** The options of the socket beneath: what is asked for is the framed socket's. */
export function optionsBeneath({ messageSize }: StreamOptions): StreamOptions {
  return { allowHalfOpen: true, messageSize };
}

export function frameSocket(socket: Socket, framed: true | FramedOptions, options: StreamOptions): FramedSocket {
  const { allowHalfOpen = false, highWaterMark, onread } = options;
  const { closeTimeout } = framed === true ? {} : framed;
  const framedSocket = new FramedSocket(socket, { closeTimeout, allowHalfOpen, highWaterMark });
  if (onread !== undefined) readThrough(framedSocket, onread);
  return framedSocket;
}
