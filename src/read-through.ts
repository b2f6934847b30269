// `onread` for a stream that was made without it.
import type net from 'node:net';
import type { Duplex } from 'node:stream';

/** Copies what comes into the buffer and calls back, with the stream as `this`; `false` pauses it. It emits 'data', too. */
export function readThrough(stream: Duplex, { buffer, callback }: net.OnReadOpts): void {
  stream.on('data', (chunk: Buffer) => {
    for (let offset = 0; offset < chunk.length; ) {
      const target = typeof buffer === 'function' ? buffer() : buffer;
      const length = Math.min(target.length, chunk.length - offset);
      target.set(chunk.subarray(offset, offset + length));
      offset += length;
      if (callback.call(stream, length, target) === false) {
        stream.pause();
        if (offset < chunk.length) stream.unshift(chunk.subarray(offset));
        return;
      }
      if (stream.destroyed) return;
    }
  });
}
