// What a stress test has seen so far: connections, failures by kind, latencies; as a table, a line, or JSON.
import { HvsockError } from '../index.ts';
import { type Counters, formatBytes, formatSeconds } from './counters.ts';
import { type Latencies, LatencyHistogram } from './latency-histogram.ts';
import { EchoError } from './stress-exchange.ts';

const BAR_WIDTH = 20;

export class StressTally {
  /** Connections that did what they should. */
  succeeded = 0;
  /** Connections that were ended early because the test was. */
  unfinished = 0;
  readonly counters: Counters;
  readonly #failures = new Map<string, number>();
  readonly #connect = new LatencyHistogram();
  readonly #exchange = new LatencyHistogram();

  constructor(counters: Counters) {
    this.counters = counters;
  }

  get failed(): number {
    return [...this.#failures.values()].reduce((sum, count) => sum + count, 0);
  }

  /** @param connectTime milliseconds; undefined where this side did not connect */
  addConnected(connectTime: number | undefined): void {
    if (connectTime !== undefined) this.#connect.add(connectTime);
  }

  /** @param time milliseconds from the beginning of the connection to the last byte */
  addSuccess(time: number): void {
    this.succeeded++;
    this.#exchange.add(time);
  }

  /** Counts it; whether it is the first of its kind. */
  addFailure(kind: string): boolean {
    const count = this.#failures.get(kind) ?? 0;
    this.#failures.set(kind, count + 1);
    return count === 0;
  }

  /**
   * One line while it goes on.
   * @param open how many connections there are now
   * @param connections how many there will be; Infinity where that is not known
   * @param share of the work that is done, 0 to 1; undefined where it has no end
   */
  progressLine(open: number, connections: number, share: number | undefined): string {
    const { sent, received, seconds } = this.counters;
    const filled = Math.floor(BAR_WIDTH * Math.min(1, share ?? 0));
    const bar = share === undefined ? '' : `[${'='.repeat(filled)}${' '.repeat(BAR_WIDTH - filled)}] `;
    const all = connections === Number.POSITIVE_INFINITY ? '' : ` of ${grouped(connections)}`;
    const rate = formatBytes((sent + received) / Math.max(seconds, 0.001));
    return (
      `${bar}${grouped(this.succeeded + this.failed)}${all} connections, ${grouped(this.failed)} failed, ` +
      `${open} open, ${formatBytes(sent + received)} (${rate}/s)`
    );
  }

  /** The table at the end. */
  toString(): string {
    const { sent, received, seconds } = this.counters;
    const perSecond = (value: number) => value / Math.max(seconds, 0.001);
    const failures = [...this.#failures].map(([kind, count]) => `${grouped(count)} ${kind}`);
    const rows: [string, string][] = [
      [
        'connections',
        `${grouped(this.succeeded)} succeeded, ${grouped(this.failed)} failed, ${grouped(this.unfinished)} unfinished`,
      ],
      ['failures', failures.join(', ') || 'none'],
      ['bytes', `${formatBytes(sent)} sent, ${formatBytes(received)} received`],
      ['time', formatSeconds(seconds)],
      [
        'rate',
        `${formatRate(perSecond(this.succeeded))} connections/s, ` +
          `${formatBytes(perSecond(sent))}/s sent, ${formatBytes(perSecond(received))}/s received`,
      ],
    ];
    const lines = rows.map(([name, text]) => `${name.padEnd(11)}  ${text}`);
    const latencies = { connect: this.#connect, exchange: this.#exchange };
    const measured = Object.entries(latencies).filter(([, histogram]) => histogram.count > 0);
    if (measured.length > 0) {
      const head = ['min', 'p50', 'p90', 'p99', 'p99.9', 'max', 'mean'];
      lines.push('', `${'ms'.padEnd(11)}${head.map(cell).join('')}`);
      for (const [name, histogram] of measured) {
        const values = Object.values(histogram.toJSON()) as number[];
        lines.push(`${name.padEnd(11)}${values.map((value) => cell(formatMilliseconds(value))).join('')}`);
      }
    }
    return `${lines.join('\n')}\n`;
  }

  toJSON(): {
    connections: { succeeded: number; failed: number; unfinished: number };
    failures: Record<string, number>;
    sent: number;
    received: number;
    seconds: number;
    sendRate: number;
    receiveRate: number;
    connect: Latencies;
    exchange: Latencies;
  } {
    const { succeeded, failed, unfinished, counters } = this;
    return {
      connections: { succeeded, failed, unfinished },
      failures: Object.fromEntries(this.#failures),
      ...counters.toJSON(),
      connect: this.#connect.toJSON(),
      exchange: this.#exchange.toJSON(),
    };
  }
}

/** What a failure is counted as: the kind of the error, of what came back, or the code of a system error. */
export function failureKind(error: Error): string {
  if (error instanceof HvsockError || error instanceof EchoError) return error.kind;
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}

const cell = (text: string) => text.padStart(9);

const grouped = (count: number) => count.toLocaleString('en-US');

const formatRate = (rate: number) => (rate < 100 ? rate.toFixed(1) : grouped(Math.round(rate)));

/** `0.123`, `12.3`, `12345`: three digits, and all of whole milliseconds. */
function formatMilliseconds(value: number): string {
  return value < 1
    ? value.toFixed(3)
    : value < 10
      ? value.toFixed(2)
      : value < 100
        ? value.toFixed(1)
        : value.toFixed(0);
}
