// What the connections of a stress test send: lengths, writes and bytes that follow from a seed. Knows no socket.
import { randomFrom } from '../testing/faults.ts';

/** Both ends are included. */
export interface Range {
  readonly least: number;
  readonly most: number;
}

/** What one connection sends. */
export interface Plan {
  /** Bytes in all. */
  readonly length: number;
  /** How long the next write shall be. */
  nextWrite(): number;
  /** How long the next read may be. */
  nextRead(): number;
  /** The bytes from `position` on. They are shared with other plans: not to be written to. */
  bytes(position: number, size: number): Buffer;
  /** The position of the first byte that was not sent so in `received`, which begins at `position` and is one read. */
  firstDifference(position: number, received: Uint8Array): number | undefined;
}

// A prime: blocks that the way there swaps, repeats or drops are of round sizes, and never fit again.
const PERIOD = 1_048_583;

/**
 * Bytes for every connection out of one random block, each from a place of its own, so that sending and comparing cost
 * no memory. What the connection of a number sends depends on that and the seed alone, not on the order of events.
 */
export class StressData {
  readonly #seed: number;
  readonly #lengths: Range;
  readonly #sizes: Range;
  readonly #block: Buffer;

  /** @param seed an integer; @param lengths of what a connection sends; @param sizes of its writes and reads */
  constructor(seed: number, lengths: Range, sizes: Range) {
    this.#seed = seed;
    this.#lengths = lengths;
    this.#sizes = sizes;
    const random = randomFrom(seed);
    const period = Buffer.from(Uint8Array.from({ length: PERIOD }, () => random() * 256));
    // As much more as the longest piece, so that none needs to be put together.
    this.#block = Buffer.alloc(PERIOD + sizes.most, period);
  }

  /** @param number of the connection, from 0 */
  plan(number: number): Plan {
    const ofNumber = Math.imul(this.#seed, 0x85eb_ca6b) + number;
    const random = randomFrom(ofNumber);
    // Apart, since how reads and writes take turns follows from no seed.
    const readRandom = randomFrom(~ofNumber);
    const length = between(random, this.#lengths);
    const offset = between(random, { least: 0, most: PERIOD - 1 });
    const bytes = (position: number, size: number) => {
      const start = (offset + position) % PERIOD;
      return this.#block.subarray(start, start + size);
    };
    return {
      length,
      nextWrite: () => between(random, this.#sizes),
      nextRead: () => between(readRandom, this.#sizes),
      bytes,
      firstDifference(position, received) {
        const sent = bytes(position, received.length);
        if (sent.equals(received)) return undefined;
        return position + received.findIndex((byte, index) => byte !== sent[index]);
      },
    };
  }
}

function between(random: () => number, { least, most }: Range): number {
  return least + Math.floor(random() * (most - least + 1));
}
