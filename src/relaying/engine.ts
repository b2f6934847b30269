// What carries the bytes of a relay, as the relay knows it. Nothing here runs.
import type { Duplex } from 'node:stream';

/** The two ends of a relay. */
export type Pair = readonly [first: Duplex, second: Duplex];

/** Bytes that have been carried. */
export interface RelayCounts {
  /** From the first to the second. */
  readonly forward: number;
  /** From the second to the first. */
  readonly backward: number;
}

export interface Engine {
  readonly counts: RelayCounts;
  /** Ends both directions; the callback that the engine was started with follows. Harmless when it has ended. */
  cancel(): void;
}

/** Called once, never within the start: both directions have ended, by themselves or with this error. */
export type EngineOnEnd = (error?: Error) => void;
