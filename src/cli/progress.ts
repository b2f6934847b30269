// A live line at the bottom of a terminal. Knows nothing about what it shows.

/** The part of a terminal's stream that is used. */
export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const INTERVAL = 200; // milliseconds: fast enough to look alive, slow enough to be read

/** Shows `describe()` until stopped, never keeping the process alive. Does nothing where there is no terminal. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #describe: () => string;
  readonly #timer: NodeJS.Timeout | undefined;
  #isShown = false;

  constructor(terminal: Terminal, describe: () => string) {
    this.#terminal = terminal;
    this.#describe = describe;
    if (terminal.isTTY === true) this.#timer = setInterval(() => this.show(), INTERVAL).unref();
  }

  show(): void {
    if (this.#timer === undefined) return;
    // A line as wide as the terminal would wrap, and could not be erased.
    const width = Math.max(1, (this.#terminal.columns || 80) - 1);
    this.#terminal.write(`\r${this.#describe().slice(0, width)}\x1b[K`);
    this.#isShown = true;
  }

  /** Erases the line, so that something else can be written; it comes back by itself. */
  clear(): void {
    if (this.#isShown) this.#terminal.write('\r\x1b[K');
    this.#isShown = false;
  }

  stop(): void {
    this.clear();
    clearInterval(this.#timer);
  }
}
