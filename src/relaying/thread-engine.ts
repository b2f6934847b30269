// Carries the bytes of two sockets outside JavaScript: takes their descriptors and gives them to the addon's pump. What
// has been read already goes first.
import type net from 'node:net';
import type { Duplex } from 'node:stream';
import { systemError } from '../errors.ts';
import type { Binding, Pump } from '../native/binding.ts';
import { descriptorOf, takeDescriptor } from '../native/descriptor.ts';
import { loadBinding } from '../native/load.ts';
import { messageSizeOf, Socket } from '../socket.ts';
import type { Engine, EngineOnEnd, Pair } from './engine.ts';

type Numbers = readonly [number, number];

/** How to take what a socket holds; made before it is taken. */
export interface Descriptors {
  readonly binding: Binding;
  readonly fds: Numbers;
}

/** The descriptors of the two, if both have one and there is an addon to carry with. They must be connected. */
export function descriptorsOf(pair: Pair): Descriptors | undefined {
  let binding: Binding;
  try {
    binding = loadBinding();
  } catch {
    return undefined;
  }
  const [first, second] = pair.map((stream) => descriptorOf(binding, stream));
  return first === undefined || second === undefined ? undefined : { binding, fds: [first, second] };
}

/** Nothing may wait to be written. Throws an error of kind `resources` when descriptors or threads are lacking. */
export function startThreads(
  { binding, fds }: Descriptors,
  pair: Pair,
  bufferSize: number,
  engineOnEnd: EngineOnEnd,
): Engine {
  // Before they are taken: then their net.Sockets cannot tell it any more.
  const sides = pair.map((stream) => describe(stream as net.Socket));
  const [first, second] = takeBoth(binding, fds);
  const [firstHead, secondHead] = pair.map((stream) => {
    // Nothing happens on it any more that would be told to its timer.
    (stream as net.Socket).setTimeout(0);
    return readAll(stream);
  });
  const errorOf = (errno: number, side: 0 | 1, syscall: string) => {
    const { family, address } = sides[side] as (typeof sides)[number];
    return systemError(errno, syscall, family, address);
  };
  const pumpOnEnd = (result: number, side: 0 | 1, inSend: boolean) => {
    engineOnEnd(result === 0 ? undefined : errorOf(result, side, inSend ? 'write' : 'read'));
  };
  // The pump has one for both directions.
  const messageSize = Math.min(...pair.map((stream) => messageSizeOf(stream) ?? Number.POSITIVE_INFINITY));
  const most = Number.isFinite(messageSize) ? messageSize : 0;
  const pump = binding.pump_start(first, second, bufferSize, most, false, pumpOnEnd, firstHead, secondHead);
  if (typeof pump === 'number') throw systemError(pump, 'thread', 'hybrid');
  return engineOf(binding, pump);
}

function engineOf(binding: Binding, pump: Pump): Engine {
  return {
    get counts() {
      return { forward: binding.pump_count(pump, 0), backward: binding.pump_count(pump, 1) };
    },
    cancel: () => binding.pump_cancel(pump),
  };
}

function describe(socket: net.Socket) {
  const family = socket instanceof Socket ? (socket.localEndpoint?.family ?? 'hybrid') : 'hybrid';
  return { family, address: socket.remoteAddress } as const;
}

function takeBoth(binding: Binding, fds: Numbers): Numbers {
  const take = (fd: number) => {
    const taken = takeDescriptor(binding, fd);
    if (taken < 0) throw systemError(taken, 'dup', 'hybrid');
    return taken;
  };
  const first = take(fds[0]);
  try {
    return [first, take(fds[1])];
  } catch (error) {
    binding.socket_close(first);
    throw error;
  }
}

/** All that a paused stream has buffered. */
function readAll(stream: Duplex): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (let chunk: Uint8Array | null = stream.read(); chunk !== null; chunk = stream.read()) chunks.push(chunk);
  return Buffer.concat(chunks);
}
