// How long something took, over and over: percentiles in a fixed amount of memory, however many times it is.

/** Each bucket ends at so much times its beginning: what is told is within half of this of what was measured. */
const GROWTH = 1.01;
/** From a microsecond to more than a day. */
const BUCKETS = 2600;

/** What `toJSON` gives, in milliseconds; null where nothing was measured. */
export interface Latencies {
  readonly min: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
  readonly mean: number | null;
}

export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  add(milliseconds: number): void {
    const microseconds = Math.max(1, milliseconds * 1000);
    const index = Math.min(BUCKETS - 1, Math.floor(Math.log(microseconds) / Math.log(GROWTH)));
    this.#counts[index] = (this.#counts[index] as number) + 1;
    this.#count++;
    this.#sum += milliseconds;
    this.#min = Math.min(this.#min, milliseconds);
    this.#max = Math.max(this.#max, milliseconds);
  }

  get count(): number {
    return this.#count;
  }

  /** The milliseconds that a share of all, 0 to 1, did not exceed, within half a percent. NaN without any. */
  percentile(share: number): number {
    if (this.#count === 0) return Number.NaN;
    let left = Math.max(1, Math.ceil(share * this.#count));
    let index = 0;
    while (left > (this.#counts[index] as number)) left -= this.#counts[index++] as number;
    const middle = GROWTH ** (index + 0.5) / 1000;
    return Math.min(this.#max, Math.max(this.#min, middle));
  }

  toJSON(): Latencies {
    const told = (milliseconds: number) => (this.#count === 0 ? null : Math.round(milliseconds * 1000) / 1000);
    return {
      min: told(this.#min),
      p50: told(this.percentile(0.5)),
      p90: told(this.percentile(0.9)),
      p99: told(this.percentile(0.99)),
      p999: told(this.percentile(0.999)),
      max: told(this.#max),
      mean: told(this.#sum / this.#count),
    };
  }
}
