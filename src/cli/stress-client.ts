// The client of a stress test: one exchange after another, several side by side, until all are done or it is stopped.
import { setTimeout as sleep } from 'node:timers/promises';
import type { StressClientRun } from './sock-stress-arguments.ts';
import { recordFailure, type StressContext } from './stress-context.ts';
import { StressData } from './stress-data.ts';
import { Exchange, type Outcome } from './stress-exchange.ts';

export class StressClient {
  readonly #run: StressClientRun;
  readonly #context: StressContext;
  readonly #data: StressData;
  readonly #open = new Set<Exchange>();
  // Aborted when no more connections are to begin.
  readonly #ending = new AbortController();
  #begun = 0;

  constructor(run: StressClientRun, context: StressContext) {
    this.#run = run;
    this.#context = context;
    this.#data = new StressData(run.seed, run.lengths, run.sizes);
  }

  /** Fulfilled when everything is done. Rejects with what keeps it from beginning. */
  async run(): Promise<void> {
    const { parallel, connections, duration } = this.#run;
    const { stop, tally } = this.#context;
    stop.whenReceived(() => this.#stop());
    const timer = duration === undefined ? undefined : setTimeout(() => this.#ending.abort(), duration);
    tally.counters.restart();
    try {
      await Promise.all(Array.from({ length: Math.min(parallel, connections) }, () => this.#work()));
    } finally {
      clearTimeout(timer);
      tally.counters.stop();
    }
  }

  progressLine(): string {
    const { connections, duration } = this.#run;
    const { tally } = this.#context;
    const ofTime = duration === undefined ? 0 : (tally.counters.seconds * 1000) / duration;
    const share = Math.max(ofTime, (tally.succeeded + tally.failed) / connections);
    return tally.progressLine(this.#open.size, connections, share);
  }

  /** One of those that work side by side. */
  async #work(): Promise<void> {
    const { target, connections, sizes, timeout, halfClose, pause } = this.#run;
    const { counters } = this.#context.tally;
    const { signal } = this.#ending;
    const memory = Buffer.allocUnsafeSlow(sizes.most);
    while (!signal.aborted && this.#begun < connections) {
      const number = this.#begun++;
      const plan = this.#data.plan(number);
      const exchange = new Exchange({ target, plan, memory, timeout, halfClose, counters });
      this.#open.add(exchange);
      const outcome = await exchange.done;
      this.#open.delete(exchange);
      this.#record(number, plan.length, outcome);
      // An end that comes meanwhile is no failure.
      if (pause > 0 && this.#begun < connections) await sleep(pause, undefined, { signal }).catch(() => {});
    }
  }

  #record(number: number, length: number, outcome: Outcome): void {
    const { reporter, tally } = this.#context;
    const { connectTime, time, error, digest } = outcome;
    tally.addConnected(connectTime);
    if (outcome.stopped) tally.unfinished++;
    else if (error !== undefined) this.#recordFailure(number, error);
    else {
      tally.addSuccess(time);
      const shown = this.#run.verbose > 1 ? `, SHA-256 ${digest}` : '';
      reporter.tell(
        'exchange',
        { number, bytes: length, connectMilliseconds: connectTime, milliseconds: time, digest },
        `connection ${number}: ${length} bytes there and back in ${time.toFixed(3)} ms${shown}`,
      );
    }
  }

  #recordFailure(number: number, error: Error): void {
    recordFailure(this.#context, number, error);
    if (this.#run.exitOnError) this.#stop();
  }

  #stop(): void {
    this.#ending.abort();
    for (const exchange of this.#open) exchange.stop();
  }
}
