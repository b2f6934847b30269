// Copies one stream into another, no faster than it is taken.
import type { Readable, Writable } from 'node:stream';

/** Bytes that may wait in the sink: one write under way, and the next at hand. */
const WAITING_MAX = 128 * 1024;

/**
 * Copies what `source` emits into `sink` and tells the bytes that the sink took, or its error. Ends and destroys neither. Returns the
 * function that stops it, which leaves `source` paused.
 */
export function pump(
  source: Readable,
  sink: Writable,
  onTaken: (bytes: number) => void,
  onRefused?: (error: Error) => void,
): () => void {
  const sourceOnData = (chunk: Buffer) => {
    sink.write(chunk, (error) => {
      if (error) {
        onRefused?.(error);
        return;
      }
      onTaken(chunk.length);
      if (isWaiting && sink.writableLength < WAITING_MAX) {
        isWaiting = false;
        source.resume();
      }
    });
    // Unlike the result of write(), this is still low when the system took the chunk at once.
    if (!isWaiting && sink.writableLength >= WAITING_MAX) {
      isWaiting = true;
      source.pause();
    }
  };
  let isWaiting = false;
  source.on('data', sourceOnData);
  source.resume();
  return () => {
    isWaiting = false;
    source.off('data', sourceOnData);
    source.pause();
  };
}
