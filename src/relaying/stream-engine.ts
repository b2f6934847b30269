// Carries the bytes of any two streams through JavaScript, as fast as the slower one takes them.
import type { Duplex } from 'node:stream';
import type { Engine, EngineOnEnd, Pair } from './engine.ts';

/** Whoever starts it listens to the streams' 'error' and 'close', and cancels. */
export function startStreams([first, second]: Pair, engineOnEnd: EngineOnEnd): Engine {
  let running = 2;
  const directionOnEnd = () => {
    running--;
    if (running === 0) engineOnEnd();
  };
  const directions = [
    new Direction(first, second, directionOnEnd),
    new Direction(second, first, directionOnEnd),
  ] as const;
  return {
    get counts() {
      return { forward: directions[0].count, backward: directions[1].count };
    },
    cancel() {
      for (const direction of directions) direction.stop();
      if (running > 0) process.nextTick(engineOnEnd);
      running = -1;
    },
  };
}

/** The bytes of one stream to another, and its end. */
class Direction {
  count = 0;
  readonly #source: Duplex;
  readonly #sink: Duplex;
  readonly #onData = (chunk: Uint8Array) => {
    this.count += chunk.length;
  };

  constructor(source: Duplex, sink: Duplex, directionOnEnd: () => void) {
    this.#source = source;
    this.#sink = sink;
    const endOnce = () => {
      if (!source.readableEnded || !sink.writableFinished) return;
      source.off('end', endOnce);
      sink.off('finish', endOnce);
      directionOnEnd();
    };
    source.on('end', endOnce);
    sink.on('finish', endOnce);
    source.on('data', this.#onData);
    source.pipe(sink);
    // Its 'end' has been, and will not be again.
    if (source.readableEnded) sink.end(endOnce);
  }

  stop(): void {
    this.#source.off('data', this.#onData);
    this.#source.unpipe(this.#sink);
  }
}
