// SIGINT and SIGTERM as a wish to end, which a tool fulfils in its own time. A second one ends it at once.
import { constants } from 'node:os';

export type StopName = 'SIGINT' | 'SIGTERM';

export class StopSignal {
  /** The signal that came, if one did. */
  received: StopName | undefined;
  readonly #callbacks = new Set<() => void>();

  constructor() {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => this.#onSignal(name));
  }

  /** Calls back when the wish comes, or now if it has come. */
  whenReceived(callback: () => void): void {
    if (this.received === undefined) this.#callbacks.add(callback);
    else callback();
  }

  /** What a shell would show for a process that this signal ended. */
  get exitStatus(): number {
    return this.received === undefined ? 0 : 128 + constants.signals[this.received];
  }

  #onSignal(name: StopName): void {
    // The next one of either kind is Node's, which ends the process.
    process.removeAllListeners('SIGINT').removeAllListeners('SIGTERM');
    this.received = name;
    for (const callback of this.#callbacks) callback();
  }
}
