// Checks of the options that callers give, each refused in a sentence that names it.
import { type Address, capabilitiesOf } from './address/address.ts';
import { checkFunction } from './checks.ts';
import { HvsockError, invalidArgument } from './errors.ts';
import type { StreamOptions } from './socket.ts';
import type { BufferOptions, HypervOptions, IoOptions, PathOptions } from './transports/transport.ts';

export function checkBoolean(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') throw invalidArgument(name, value, 'a boolean');
}

/** Refused here and not by net.Socket, which would throw when descriptors are open already. */
export function checkStream({ allowHalfOpen, onread, highWaterMark, messageSize }: StreamOptions): void {
  checkBoolean('allowHalfOpen', allowHalfOpen);
  if (highWaterMark !== undefined && !(Number.isSafeInteger(highWaterMark) && highWaterMark >= 0)) {
    throw invalidArgument('highWaterMark', highWaterMark, 'a number of bytes');
  }
  if (messageSize !== undefined && !(Number.isSafeInteger(messageSize) && messageSize > 0)) {
    throw invalidArgument('messageSize', messageSize, 'a positive number of bytes');
  }
  if (onread === undefined) return;
  if (typeof onread !== 'object' || onread === null) throw invalidArgument('onread', onread, 'an object');
  checkFunction('onread.callback', onread.callback ?? null);
  if (!(onread.buffer instanceof Uint8Array) && typeof onread.buffer !== 'function') {
    throw invalidArgument('onread.buffer', onread.buffer, 'a Uint8Array, or a function that returns one');
  }
}

/** Sizes that contradict each other are refused here: the kernel would fit them silently. */
export function checkBuffers(options: BufferOptions): void {
  const { bufferSize, bufferMinSize, bufferMaxSize } = options;
  for (const name of ['bufferSize', 'bufferMinSize', 'bufferMaxSize'] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) {
      throw invalidArgument(name, value, 'a positive number of bytes');
    }
  }
  if (bufferMaxSize !== undefined && (bufferSize ?? bufferMinSize ?? 0) > bufferMaxSize) {
    throw invalidArgument('bufferMaxSize', bufferMaxSize, `at least ${bufferSize ?? bufferMinSize}`);
  }
  if (bufferMinSize !== undefined && bufferSize !== undefined && bufferMinSize > bufferSize) {
    throw invalidArgument('bufferMinSize', bufferMinSize, `at most bufferSize, ${bufferSize}`);
  }
}

/** Those that only sockets of the operating system's own families have. */
export function checkNative(options: IoOptions & HypervOptions): void {
  const { io } = options;
  if (io !== undefined && !['auto', 'direct', 'threads'].includes(io)) {
    throw invalidArgument('io', io, "'auto', 'direct' or 'threads'");
  }
  for (const name of ['connectedSuspend', 'containerPassthru', 'highVtl'] as const) checkBoolean(name, options[name]);
}

export function checkRights({ mode, uid, gid }: PathOptions): void {
  if (mode !== undefined && !(Number.isInteger(mode) && mode >= 0 && mode <= 0o777)) {
    throw invalidArgument('mode', mode, 'permission bits, 0 to 0o777');
  }
  for (const [name, id] of Object.entries({ uid, gid })) {
    if (id !== undefined && !(Number.isInteger(id) && id >= 0))
      throw invalidArgument(name, id, 'a number of a user or group');
  }
}

export interface HalfCloseOptions {
  /** `'require'`: refuse addresses where ending one direction ends the other, so that no answer to an `end()` is lost. */
  readonly halfClose?: 'require' | undefined;
}

export function checkHalfClose(halfClose: unknown): void {
  if (halfClose !== undefined && halfClose !== 'require') throw invalidArgument('halfClose', halfClose, "'require'");
}

export function requireHalfClose({ halfClose }: HalfCloseOptions, address: Address): void {
  if (halfClose === undefined || capabilitiesOf(address).halfClose) return;
  throw new HvsockError(
    `${address}: halfClose is required, but this monitor ends both directions when one ends, so that an answer to end() ` +
      'would be lost; end a message by its length instead, and leave the option out',
    { code: 'ERR_HVSOCK_UNSUPPORTED', kind: 'unsupported', address: address.toString() },
  );
}
