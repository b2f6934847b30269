// What can go wrong on the way between an emulated guest and other machines.
import { invalidArgument } from '../errors.ts';

/** Faults of a guest's connections with other machines. All are off by default. */
export interface Faults {
  /** The share of connects that is refused, 0 to 1; true is 1. */
  readonly refuse?: number | boolean | undefined;
  /** Milliseconds that connects, and then bytes and ends in each direction, take longer. */
  readonly delay?: number | undefined;
  /** After this many bytes of one direction nothing of it arrives any more, its end neither, and nobody is told. */
  readonly dropAfter?: number | undefined;
  /** After this many bytes of one direction the connection is reset. */
  readonly resetAfter?: number | undefined;
  /** Bytes arrive in segments of a random size, 1 to this. */
  readonly split?: number | undefined;
  /** Bytes wait until there are this many, or until none have come for 20 ms. */
  readonly merge?: number | undefined;
  /** false: when one direction ends the other one does, as with Firecracker. */
  readonly halfClose?: boolean | undefined;
  /**
   * The last bytes of a direction, up to this many, are lost when it ends; they are on their way for 20 ms. This is what
   * hypervisor sockets of early Windows versions do, and what framed connections are for.
   */
  readonly loseAtShutdown?: number | undefined;
  /** What random choices follow from: the same seed, the same choices. Default: 0. */
  readonly seed?: number | undefined;
}

const least: Readonly<Record<string, number>> = {
  delay: 0,
  dropAfter: 0,
  resetAfter: 0,
  split: 1,
  merge: 1,
  loseAtShutdown: 0,
  seed: 0,
};

/** @throws HvsockError that names what is wrong */
export function checkFaults(faults: Faults): void {
  const { refuse = 0, halfClose = true } = faults;
  if (typeof refuse !== 'boolean' && !(refuse >= 0 && refuse <= 1)) {
    throw invalidArgument('refuse', refuse, 'true, or a number from 0 to 1');
  }
  if (typeof halfClose !== 'boolean') throw invalidArgument('halfClose', halfClose, 'a boolean');
  for (const [name, minimum] of Object.entries(least)) {
    const value = faults[name as keyof Faults];
    if (value !== undefined && !(Number.isSafeInteger(value) && (value as number) >= minimum)) {
      throw invalidArgument(name, value, `an integer from ${minimum}`);
    }
  }
}

/** Numbers from 0 to 1 that follow from a seed: xorshift of 32 bits. */
export function randomFrom(seed: number): () => number {
  // Neighbouring seeds are to give unlike numbers, and zero would give zeros.
  let state = Math.imul(seed + 1, 0x9e37_79b1) | 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 8; i++) next();
  return next;
}
