// Bytes both ways and the time they took, for people and for programs. Knows no stream.

/** Counts what one connection, or a whole run, moves. What a connection counts is added to its `total`. */
export class Counters {
  sent = 0;
  received = 0;
  readonly #total: Counters | undefined;
  readonly #now: () => number;
  #start: number;
  #end: number | undefined;

  /** @param now milliseconds of a clock that never goes back */
  constructor(total?: Counters, now: () => number = () => performance.now()) {
    this.#total = total;
    this.#now = now;
    this.#start = now();
  }

  addSent(bytes: number): void {
    this.sent += bytes;
    this.#total?.addSent(bytes);
  }

  addReceived(bytes: number): void {
    this.received += bytes;
    this.#total?.addReceived(bytes);
  }

  /** Starts the clock again: what came before was waiting. */
  restart(): void {
    this.#start = this.#now();
  }

  /** Stops the clock. */
  stop(): void {
    this.#end ??= this.#now();
  }

  /** From the making, or the restart, to the stop or to now. */
  get seconds(): number {
    return ((this.#end ?? this.#now()) - this.#start) / 1000;
  }

  /** `sent 64.0 MiB (53.1 MiB/s), received 12 B (10 B/s) in 1.21 s` */
  toString(): string {
    const { seconds } = this;
    const part = (word: string, bytes: number) =>
      `${word} ${formatBytes(bytes)}${bytes > 0 ? ` (${formatBytes(rate(bytes, seconds))}/s)` : ''}`;
    return `${part('sent', this.sent)}, ${part('received', this.received)} in ${formatSeconds(seconds)}`;
  }

  toJSON(): { sent: number; received: number; seconds: number; sendRate: number; receiveRate: number } {
    const { sent, received, seconds } = this;
    return {
      sent,
      received,
      seconds: Math.round(seconds * 1000) / 1000,
      sendRate: rate(sent, seconds),
      receiveRate: rate(received, seconds),
    };
  }
}

/** Whole bytes per second; no less than a millisecond counts, so that it is always finite. */
function rate(bytes: number, seconds: number): number {
  return Math.round(bytes / Math.max(seconds, 0.001));
}

/** `12 B`, `64.0 MiB`: three to four digits and a binary unit. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let unit = 0;
  // What would be shown as 1024.0 is shown as 1.0 of the next unit.
  while (unit < units.length - 1 && value >= (unit === 0 ? 1024 : 1023.95)) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `0.012 s`, `1.21 s`, `59.0 s`, `2:05`, `1:00:07` */
export function formatSeconds(seconds: number): string {
  if (seconds < 1) return `${seconds.toFixed(3)} s`;
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const pad = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return `${hours > 0 ? `${hours}:${pad(minutes)}` : minutes}:${pad(whole % 60)}`;
}
