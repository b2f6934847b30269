// Accepting in the addon, whatever the family and whoever wants the connections: the listening socket, the names of those
// who arrive, and the pause when the system cannot give any more.
import type { Address } from '../address/address.ts';
import { type HvsockError, systemError } from '../errors.ts';
import type { Binding, Operation } from '../native/binding.ts';
import type { Ends, Listening, NativeFamily } from './native-family.ts';

/** How long to wait before accepting again when it failed, in milliseconds. */
const ACCEPT_PAUSE = 100;

export interface AcceptorEvents {
  /** Sees to it that there is room for another connection. Throws if there is none: nobody is accepted then. */
  makeRoom(): void;
  /** A connection, its descriptor taken from here on. */
  onConnection(fd: number, ends: Ends): void;
  /** Accepting failed for now; it goes on by itself. */
  onTrouble(error: HvsockError): void;
}

export class Acceptor {
  /** With the port that the system chose. */
  readonly address: Address;
  readonly #binding: Binding;
  readonly #family: NativeFamily;
  readonly #events: AcceptorEvents;
  readonly #operation: Operation;
  #pause: NodeJS.Timeout | undefined;
  #referenced = true;

  /** Listens. Throws the error of the call that failed. */
  constructor({ binding, family, target, options }: Listening, events: AcceptorEvents) {
    this.#binding = binding;
    this.#family = family;
    this.#events = events;
    events.makeRoom();
    const fd = family.openListening(binding, target, options);
    try {
      this.address = family.readName(binding, fd, 'local');
    } catch (error) {
      binding.socket_close(fd);
      throw error;
    }
    const started = binding.listener_start(fd, (result) => this.#onResult(result));
    if (typeof started === 'number') throw systemError(started, 'listen', family.family, target.toString());
    this.#operation = started;
  }

  #onResult(result: number): void {
    if (result < 0) {
      this.#pauseFor(this.#errorOf(result));
      return;
    }
    let ends: Ends;
    try {
      this.#events.makeRoom();
      ends = {
        local: this.#family.readName(this.#binding, result, 'local'),
        remote: this.#family.readName(this.#binding, result, 'peer'),
      };
    } catch (error) {
      // No descriptor for it, or the client was gone before it could be named.
      this.#binding.socket_close(result);
      this.#events.onTrouble(error as HvsockError);
      return;
    }
    this.#events.onConnection(result, ends);
  }

  #errorOf(result: number): HvsockError {
    return systemError(result, 'accept', this.#family.family, this.address.toString());
  }

  #pauseFor(error: HvsockError): void {
    this.#pause = setTimeout(() => {
      try {
        this.#events.makeRoom();
      } catch (error) {
        this.#pauseFor(error as HvsockError);
        return;
      }
      const result = this.#binding.listener_resume(this.#operation);
      if (result < 0) this.#pauseFor(this.#errorOf(result));
    }, ACCEPT_PAUSE);
    if (!this.#referenced) this.#pause.unref();
    this.#events.onTrouble(error);
  }

  close(): void {
    clearTimeout(this.#pause);
    this.#binding.operation_cancel(this.#operation);
  }

  setRef(referenced: boolean): void {
    this.#referenced = referenced;
    this.#binding.operation_set_ref(this.#operation, referenced);
    if (referenced) this.#pause?.ref();
    else this.#pause?.unref();
  }
}
