// A connection of an emulated guest on its way: two sockets, and what goes wrong between them.
import type net from 'node:net';
import type { Faults } from './faults.ts';

/** Bytes that are on their way in one direction before its sender is held back. */
const MOST_WAITING = 256 * 1024;
/** How long bytes that are held for more, or that are to be lost, wait for the next ones, in milliseconds. */
const QUIET = 20;

interface Piece {
  /** Undefined: the end of the direction. */
  readonly bytes: Buffer | undefined;
  /** When it may arrive, of performance.now(). */
  readonly due: number;
}

/** One direction. */
class Course {
  readonly #from: net.Socket;
  readonly #to: net.Socket;
  readonly #faults: Faults;
  readonly #random: () => number;
  readonly #onEnd: () => void;
  readonly #reset: () => void;
  #pieces: Piece[] = [];
  #waiting = 0;
  #seen = 0;
  #quietSince = 0;
  #suspended = false;
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;

  constructor(
    from: net.Socket,
    to: net.Socket,
    faults: Faults,
    random: () => number,
    events: { onEnd(): void; reset(): void },
  ) {
    this.#from = from;
    this.#to = to;
    this.#faults = faults;
    this.#random = random;
    this.#onEnd = events.onEnd;
    this.#reset = events.reset;
    from.on('data', (bytes: Buffer) => this.#take(bytes));
    from.on('end', () => this.#end());
    to.on('drain', () => this.#move());
  }

  suspend(): void {
    this.#suspended = true;
    this.#from.pause();
    this.stop();
  }

  resume(): void {
    this.#suspended = false;
    this.#move();
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
  }

  #take(bytes: Buffer): void {
    const { dropAfter = Number.POSITIVE_INFINITY, resetAfter = Number.POSITIVE_INFINITY, delay = 0 } = this.#faults;
    const whole = bytes.subarray(0, Math.max(0, Math.min(dropAfter, resetAfter) - this.#seen));
    this.#seen += bytes.length;
    const now = performance.now();
    this.#quietSince = now;
    for (const part of this.#split(whole)) this.#pieces.push({ bytes: part, due: now + delay });
    this.#waiting += whole.length;
    if (this.#waiting > MOST_WAITING) this.#from.pause();
    this.#move();
    if (this.#seen > resetAfter) this.#reset();
  }

  *#split(bytes: Buffer): Generator<Buffer> {
    const { split = bytes.length } = this.#faults;
    for (let at = 0; at < bytes.length; ) {
      const length = this.#faults.split === undefined ? bytes.length : 1 + Math.floor(this.#random() * split);
      yield bytes.subarray(at, at + length);
      at += length;
    }
  }

  #end(): void {
    const { dropAfter, loseAtShutdown = 0, delay = 0 } = this.#faults;
    if (dropAfter !== undefined && this.#seen > dropAfter) return;
    this.#lose(loseAtShutdown);
    this.#pieces.push({ bytes: undefined, due: performance.now() + delay });
    this.#move();
  }

  /** The last bytes that are on their way never arrive. */
  #lose(bytes: number): void {
    for (let left = bytes; left > 0; ) {
      const piece = this.#pieces.pop();
      if (piece?.bytes === undefined) return;
      const kept = Math.max(0, piece.bytes.length - left);
      left -= piece.bytes.length - kept;
      if (kept > 0) this.#pieces.push({ ...piece, bytes: piece.bytes.subarray(0, kept) });
    }
  }

  /** When the first piece may go on, of performance.now(). */
  #dueOf(piece: Piece): number {
    const { merge = 0, loseAtShutdown = 0 } = this.#faults;
    const ended = this.#pieces.at(-1)?.bytes === undefined;
    const isHeld = !ended && (this.#waiting < merge || this.#waiting <= loseAtShutdown);
    return isHeld ? Math.max(piece.due, this.#quietSince + QUIET) : piece.due;
  }

  #move(): void {
    this.stop();
    for (;;) {
      const [piece] = this.#pieces;
      if (piece === undefined || this.#suspended || this.#to.writableNeedDrain || this.#to.destroyed) break;
      const wait = this.#dueOf(piece) - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#move(), Math.ceil(wait));
        break;
      }
      if (this.#send(piece)) break;
    }
    if (!this.#suspended && this.#waiting <= MOST_WAITING) this.#from.resume();
  }

  /** Sends what may go now; true if what follows has to wait for another turn, so that it is a segment of its own. */
  #send(piece: Piece): boolean {
    if (piece.bytes === undefined) {
      this.#pieces.shift();
      this.#to.end();
      this.#onEnd();
      return false;
    }
    const { merge, loseAtShutdown = 0, split } = this.#faults;
    if (merge !== undefined) {
      this.#sendMerged();
      return false;
    }
    const isQuiet = performance.now() >= this.#quietSince + QUIET || this.#pieces.at(-1)?.bytes === undefined;
    const most = isQuiet ? piece.bytes.length : Math.min(piece.bytes.length, this.#waiting - loseAtShutdown);
    const bytes = piece.bytes.subarray(0, most);
    if (most === piece.bytes.length) this.#pieces.shift();
    else this.#pieces[0] = { ...piece, bytes: piece.bytes.subarray(most) };
    this.#waiting -= most;
    this.#to.write(bytes);
    if (split === undefined || this.#pieces.length === 0) return false;
    this.#turn = setImmediate(() => this.#move());
    return true;
  }

  #sendMerged(): void {
    const now = performance.now();
    const due: Buffer[] = [];
    for (const { bytes, due: time } of this.#pieces) {
      if (bytes === undefined || time > now) break;
      due.push(bytes);
    }
    this.#pieces.splice(0, due.length);
    const merged = Buffer.concat(due);
    this.#waiting -= merged.length;
    this.#to.write(merged);
  }
}

export interface FaultyRelay {
  suspend(): void;
  resume(): void;
  /** Ends both connections at once, with an error where the medium can tell one. */
  reset(): void;
}

/** Takes bytes and ends from each socket to the other one, through the faults. `onClose` is called when all is over. */
export function relayWithFaults(
  a: net.Socket,
  b: net.Socket,
  faults: Faults,
  random: () => number,
  onClose: () => void,
): FaultyRelay {
  const reset = () => {
    for (const socket of [a, b]) {
      // Unix sockets have no reset of their own: who has sent what was not read gets one, others see an early end. On the
      // loopback Node sends an end before the reset, and a reader may see either.
      if (socket.remoteAddress === undefined) socket.destroy();
      else socket.resetAndDestroy();
    }
  };
  const onEnd = () => {
    if (faults.halfClose === false) for (const socket of [a, b]) socket.destroySoon();
  };
  const courses = [
    new Course(a, b, faults, random, { onEnd, reset }),
    new Course(b, a, faults, random, { onEnd, reset }),
  ];
  let open = 2;
  for (const socket of [a, b]) {
    socket.on('error', reset);
    socket.once('close', () => {
      if (!socket.readableEnded || !socket.writableFinished) reset();
      open--;
      if (open > 0) return;
      for (const course of courses) course.stop();
      onClose();
    });
  }
  return {
    suspend: () => {
      for (const course of courses) course.suspend();
    },
    resume: () => {
      for (const course of courses) course.resume();
    },
    reset,
  };
}
